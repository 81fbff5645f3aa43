"""`mixtune train`: one run of one or several stages, without a search."""

from __future__ import annotations

import itertools
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console

import objectives
from objectives.base import TRAIN_LOSS, Prepared, Rung
from objectives.spec import FinetuneSpec
from search.drivers import LeasedDriver
from spaces import InputError, Space, TrialConfig, scan
from spaces.errors import listed
from spaces.trial import fingerprint
from studies.checks import check_disk, check_precision, check_stages
from studies.export import checked_forms, refuse_existing, write_export
from studies.spec import StudySpec
from studies.store import Store

_FEWEST_TEXTS = 1
_LEASE = "training.db"
_WIDTH = 18
"""Of a column."""


def run_training(console: Console, spec: StudySpec, runs: Path, out: Path | None, forms: tuple[str, ...]) -> Path:
    """Train the stages of a file, score the model at every rung, write what was learnt; return the folder.

    A run that was cut off goes on from its last rung when it is begun again.

    Raises:
        InputError: the file leaves something to search, or something that the run needs is missing.
    """
    out = out or runs / spec.name / "export"
    refuse_existing(out)
    chosen = checked_forms(forms)
    with console.status("Checking the plan; a base from the hub is downloaded now …"):
        objective, prepared, trial = _checked(spec, runs)
    for note in prepared.notes:
        console.print(f"Note: {note}", highlight=False)
    inputs = [prepared.corpus.fingerprint, dict(prepared.inputs)]
    workdir = runs / spec.name / f"training-{fingerprint([spec.fingerprint, *inputs])}"
    with _alone(spec.name, runs / spec.name):
        rung = _trained(console, objective, prepared, trial, workdir, runs / spec.name / "cache")
    if not rung.artifact:
        raise InputError("No stage trains on anything: every text was used up (space.texts.max_epochs). Raise it.")
    origin = {"study": spec.name, "number": None, "score": rung.score}
    with console.status("Writing the model …"):
        write_export(objective, workdir / rung.artifact, out, origin, chosen, prepared.inputs["the base"])
    shutil.rmtree(workdir)
    return out


def _alone(name: str, folder: Path) -> AbstractContextManager[None]:
    """Hold the lease of a plan, so that two runs of it never write to one folder.

    Raises:
        InputError: another program has it.
    """
    return LeasedDriver(Store(f"sqlite:///{folder.resolve()}/{_LEASE}").storage.engine, name).present()


def _checked(spec: StudySpec, runs: Path) -> tuple[FinetuneSpec, Prepared, TrialConfig]:
    if not isinstance(spec.objective, FinetuneSpec):
        raise InputError(
            f"`mixtune train` trains a model, so objective.kind must be finetune; got {spec.objective.kind}."
        )
    whole = [score.model_copy(update={"holdout": 0.0}) for score in spec.objective.scores]  # there is no search
    objective = spec.objective.model_copy(update={"scores": whole})
    folder = runs / spec.name
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit, fewest=_FEWEST_TEXTS)
    prepared = objectives.prepare(objective, corpus, folder / "cache")
    space = Space(spec.space, prepared.corpus, prepared.layout, prepared.rungs[-1])
    if space.distributions:
        raise InputError(
            f"`mixtune train` searches nothing, and the file leaves {listed(space.distributions)} open. Give each one "
            "value (space.texts.choose: all, or a list of names), or search with: mixtune launch"
        )
    check_precision(spec, space)
    check_stages(spec, space)
    check_disk(space, folder, 1)
    return objective, prepared, space.decode({}, spec.seed)


def _trained(
    console: Console, objective: FinetuneSpec, prepared: Prepared, trial: TrialConfig, workdir: Path, cache: Path
) -> Rung:
    """Run the trial, showing each rung as it comes; return the last."""
    budgets = [stage.budget for stage in trial.stages]
    ends = list(itertools.accumulate(budgets))
    heads = ("tokens", "stages done", "training loss", prepared.metric, "above the base")
    console.print("".join(f"{head:>{_WIDTH}}" for head in heads), highlight=False)
    last: Rung | None = None
    with console.status("Training …") as status:
        for rung in objectives.build(objective, prepared.corpus, cache).evaluate(trial, workdir):
            last = rung
            loss = rung.qualities.get(TRAIN_LOSS)
            cells = (
                f"{rung.tokens:,}",
                f"{sum(end <= rung.tokens for end in ends)} of {len(ends)}",
                f"{loss:.3f}" if loss is not None else "-",
                f"{rung.score:.4f}",
                f"{rung.gain:+.4f} ± {rung.gain_stderr:.4f}",
            )
            console.print("".join(f"{cell:>{_WIDTH}}" for cell in cells), highlight=False)
            status.update(f"Training … {rung.tokens:,} of {prepared.rungs[-1]:,} tokens")
    if last is None:
        raise InputError("The run has no rungs. Give objective.rungs.")
    return last
