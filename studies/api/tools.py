"""Functions without a search: write a study file, estimate a study, train one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from studies.api.console import default_console

if TYPE_CHECKING:
    from studies.jobs.starter import Written
    from studies.run.estimate.estimate import Estimate
    from studies.spec import StudySpec

RUNS = Path("runs")


def write_study_file(
    texts: Path | str,
    out: Path | str = "study.yaml",
    *,
    base: str = "tiny",
    tasks: Sequence[str] = (),
    heldout: str | None = None,
    hours: float = 1.0,
    measure: bool = True,
    local: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> Written:
    """Write a commented study file for a folder of texts, of a size that takes about `hours` on this machine.

    Args:
        texts: folder of the texts.
        out: file to write; must not exist.
        base: `tiny`, the folder of a model, or its name on the hub.
        tasks: lm-eval tasks to score on.
        heldout: name of the text whose end is scored if there are no tasks; the first text if not given.
        hours: time that the study should take.
        measure: time the base on this machine to choose the sizes.
        local: time it in this process, for one trial after the other, without Ray.
        on_step: called with a sentence about each step.

    Raises:
        InputError: the folder cannot be used, or the file exists.

    Examples:
        >>> write_study_file("library", "first.yaml", measure=False).corpus.names
        ('ants', 'bees', 'cats')
    """
    from studies.jobs import starter

    options = starter.Starter(Path(texts), base, tuple(tasks), heldout, hours)
    return starter.write_study_file(options, Path(out), measure=measure, local=local, report=on_step)


def estimate(
    spec: StudySpec | Mapping[str, Any] | Path | str,
    *,
    runs: Path | str = RUNS,
    local: bool = False,
    on_step: Callable[[str], None] = lambda _: None,
) -> Estimate:
    """How long a study takes on this machine, and whether it fits; measured in under a minute.

    Args:
        spec: a study file, its data, or a specification.
        runs: folder that holds studies.
        local: for one trial after the other in this process, without Ray.
        on_step: called with a sentence about each step.

    Raises:
        InputError: the study could not be run.

    Examples:
        >>> estimate("study.yaml", local=True).total < 3600
        True
    """
    from studies.api.given import located_in, spec_of

    made = spec_of(spec, {})  # a mistake in a file is reported before heavy imports
    from studies.run.estimate import estimate as estimating

    with located_in(spec):
        return estimating.estimate(made, Path(runs), local=local, on_progress=on_step)


def train(
    spec: StudySpec | Mapping[str, Any] | Path | str,
    out: Path | str | None = None,
    *,
    forms: Sequence[str] = (),
    runs: Path | str = RUNS,
    console: Console | None = None,
) -> Path:
    """Train one model in one or several stages, without a search; return the folder that was written.

    A training that was interrupted continues from its last rung when it is started again.

    Args:
        spec: a study file in which nothing is searched, its data, or a specification.
        out: folder to write, which must not exist; `export` in the study's folder if not given.
        forms: some of `adapter`, `merged` and `file`; all if none is given.
        runs: folder for the state of an interrupted training.
        console: where rungs are printed.

    Raises:
        InputError: the file leaves something to search, or something that the training needs is missing.

    Examples:
        >>> model = train("plan.yaml", "model", console=Console(quiet=True))
        >>> sorted(path.name for path in model.iterdir())
        ['README.md', 'adapter', 'merged', 'provenance.jsonl', 'tuned.safetensors']
    """
    from studies.api.given import located_in, spec_of

    made = spec_of(spec, {})
    from studies.jobs.train import run_training

    to = Path(out) if out is not None else None
    with located_in(spec):
        return run_training(console or default_console(), made, Path(runs), to, tuple(forms))
