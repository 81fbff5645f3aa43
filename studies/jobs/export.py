"""Export of a trial from a study, in every supported form."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from objectives.rung_figures import figures_of
from objectives.spec import FinetuneSpec
from search.storage.records import TrialRecord
from spaces import InputError
from spaces.errors import did_you_mean, listed
from spaces.files import whole
from studies.storage.artifacts import artifacts_of
from studies.storage.places import resume_command
from studies.storage.stored import StoredStudy

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from objectives.export import Form


def export_trial(
    study: StoredStudy, folder: Path, out: Path, trial: int | None = None, forms: Sequence[str] = ()
) -> TrialRecord:
    """Export a trial, by default the best one, in the given forms, by default all of them; return the trial.

    Raises:
        InputError: there is no such trial or form, the trial has no adapter on disk, its base is missing, or `out`
            exists.
    """
    refuse_existing(out)
    checked = checked_forms(forms)
    record = study.best if trial is None else next((r for r in study.records if r.number == trial), None)
    objective = study.spec.objective
    if record is None or not isinstance(objective, FinetuneSpec) or find_adapter(study, folder, record) is None:
        raise _missing_trial_error(study, folder, trial)
    origin = {"study": study.spec.name, "number": record.number, **figures_of(record.rungs[-1], study.metric)}
    with tempfile.TemporaryDirectory(prefix="mixtune-") as temporary:
        artifacts_of(study, folder).copy(record.number, record.rungs[-1].artifact, Path(temporary))
        write_export(objective, Path(temporary), out, origin, checked, study.inputs.get("the base", ""))
    return record


def load_trial(study: StoredStudy, folder: Path, trial: int) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model of a trial, merged into its base on the processor, and its tokenizer.

    Raises:
        InputError: the trial has nothing on disk, or its base is gone or has changed.
    """
    from objectives.export import load

    record = next(record for record in study.records if record.number == trial)
    objective = study.spec.objective
    if not isinstance(objective, FinetuneSpec) or find_adapter(study, folder, record) is None:
        raise _missing_trial_error(study, folder, trial)
    with tempfile.TemporaryDirectory(prefix="mixtune-") as made:
        artifacts_of(study, folder).copy(record.number, record.rungs[-1].artifact, Path(made))
        return load(objective, Path(made), study.inputs.get("the base", ""))


def write_export(
    objective: FinetuneSpec,
    kept: Path,
    out: Path,
    origin: Mapping[str, Any],
    forms: Sequence[Form],
    base_digest: str,
) -> None:
    """Write the forms to a folder, atomically."""
    from objectives.export import export

    with _new_folder(out) as unfinished:
        export(objective, kept, unfinished, origin, forms, base_digest)


def apply_file(file: Path, base: str, out: Path, *, trust_code: bool) -> None:
    """Apply an exported file to its base and write the whole model.

    Raises:
        InputError: the file or the base cannot be read, or `out` exists.
    """
    from objectives.export import merged

    refuse_existing(out)
    with _new_folder(out) as unfinished:
        merged(base, file, unfinished, trust_code=trust_code)


def checked_forms(forms: Sequence[str]) -> tuple[Form, ...]:
    """Return the forms with these names, all forms if none is given.

    Raises:
        InputError: there is no form of a name.
    """
    from objectives.export import FORMS

    for form in forms:
        if form not in FORMS:
            raise InputError(
                f"--only must be one of {listed(FORMS)}; got {form!r}.{did_you_mean(form, FORMS)}",
                code="option-unknown",
            )
    return tuple(form for form in FORMS if not forms or form in forms)


def refuse_existing(out: Path) -> None:
    """Check that an output path does not exist yet.

    Raises:
        InputError: the path exists.
    """
    if out.exists():
        raise InputError(f"{str(out)!r} already exists. Choose another folder with --out.", code="path-taken")


def find_adapter(study: StoredStudy, folder: Path, record: TrialRecord | None) -> str | None:
    """Return the path or URL of a trial's last artifact, None if there is none."""
    if record is None or not record.rungs:
        return None
    return artifacts_of(study, folder).locate(record.number, record.rungs[-1].artifact)


@contextmanager
def _new_folder(out: Path) -> Iterator[Path]:
    with whole(out, shared=True, overwrite=False) as unfinished:
        unfinished.mkdir()
        unfinished.chmod(0o755)
        yield unfinished


def _missing_trial_error(study: StoredStudy, folder: Path, trial: int | None) -> InputError:
    name = study.spec.name
    with_adapter = [str(r.number) for r in study.records if find_adapter(study, folder, r) is not None]
    if trial is None and study.best is None:
        return InputError(
            f"No trial of {name!r} is complete yet. Resume the study with: {resume_command(name, study.url, folder)}",
            code="no-trial-complete",
        )
    if trial is None:
        return InputError(
            f"The best trial of {name!r} has no adapter on disk: the trial did not train, or its folder below "
            f"{artifacts_of(study, folder).place!r} is missing. Name another with --trial: {listed(with_adapter)}.",
            code="no-adapter",
        )
    return InputError(
        f"Trial {trial} of {name!r} has no adapter on disk. Trials with an adapter: {listed(with_adapter)}.",
        code="no-adapter",
    )
