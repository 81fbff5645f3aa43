"""`mixtune train`: trains one or several stages, without a search."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

import objectives
from objectives.base import TRAIN_LOSS, Prepared, Rung
from objectives.rung_figures import figures_of
from objectives.spec import FinetuneSpec
from objectives.training.schedule import StageSteps, stage_steps, with_stage_ends
from search.storage import open_storage, sqlite_file
from spaces import InputError, Space, TrialConfig, scan
from spaces.errors import listed
from spaces.files import write_text
from spaces.trial import fingerprint
from studies.jobs.export import checked_forms, refuse_existing, write_export
from studies.run.checks import check_disk, check_precision, check_stages
from studies.spec import StudySpec

_FEWEST_TEXTS = 1
_LEASE = "training.db"
_RUNGS = "rungs.json"
"""File in the working folder with the rungs so far."""
ACCURACY = "accuracy"
_WIDTH = 18
"""Width of a column, in characters."""


def run_training(console: Console, spec: StudySpec, runs: Path, out: Path | None, forms: tuple[str, ...]) -> Path:
    """Train the stages of a study file, score the model at every rung, and export it; return the folder.

    An interrupted run resumes from its last rung.

    Raises:
        InputError: the file leaves something to search, or something that the run needs is missing.
    """
    out = out or runs / spec.name / "export"
    refuse_existing(out)
    checked = checked_forms(forms)
    with console.status("Checking the plan, and downloading the base if necessary …"):
        plan = _check_plan(spec, runs)
    prepared = plan.prepared
    for note in prepared.notes:
        console.print(f"Note: {note}", highlight=False)
    inputs = [prepared.corpus.fingerprint, dict(prepared.inputs), plan.objective.rungs]
    workdir = runs / spec.name / f"training-{fingerprint([spec.fingerprint, *inputs])}"
    with _lease(spec.name, runs / spec.name):
        rungs = _train(console, plan, workdir, runs / spec.name / "cache")
    last = rungs[-1]
    if not last.artifact:
        raise InputError(
            "No stage has any tokens to train on: every text has reached space.texts.max_epochs. Increase it.",
            code="nothing-trained",
        )
    ends = plan.stage_ends(rungs)
    _show_qualities(console, ends)
    origin = {"study": spec.name, "number": None, **figures_of(last, prepared.metric)}
    with console.status("Writing the model …"):
        _add_results(workdir / last.artifact, {stage: figures_of(end, prepared.metric) for stage, end in ends.items()})
        write_export(plan.objective, workdir / last.artifact, out, origin, checked, prepared.inputs["the base"])
    shutil.rmtree(workdir)
    return out


@dataclass(frozen=True, slots=True)
class _Plan:
    """Checked plan of a run."""

    objective: FinetuneSpec
    """Objective with a rung at the end of every stage."""
    prepared: Prepared
    trial: TrialConfig
    stages: tuple[StageSteps, ...]
    """Stages that have training steps."""

    def stage_ends(self, rungs: Sequence[Rung]) -> dict[str, Rung]:
        """Return the rung at the end of each stage, by the stage's number and name."""
        by_tokens = {rung.tokens: rung for rung in rungs}
        ends = [(stage.name, stage.last * self.objective.step_tokens) for stage in self.stages[:-1]]
        end_rungs = {name: by_tokens[tokens] for name, tokens in ends if tokens in by_tokens}
        return end_rungs | {stage.name: rungs[-1] for stage in self.stages[-1:]}


def _add_results(folder: Path, results: Mapping[str, Mapping[str, Any]]) -> None:
    from objectives.training.artifact import add_results

    add_results(folder, results)


def _lease(name: str, folder: Path) -> AbstractContextManager[None]:
    """Return the lease of a plan, so that two runs of the plan never write to the same folder.

    Raises:
        InputError: another process holds the lease.
    """
    return open_storage(sqlite_file.url_of(folder.resolve() / _LEASE)).driver(name).lease()


def _check_plan(spec: StudySpec, runs: Path) -> _Plan:
    if not isinstance(spec.objective, FinetuneSpec):
        raise InputError(
            f"`mixtune train` trains a model, so objective.kind must be finetune; got {spec.objective.kind}.",
            code="objective-trains-nothing",
        )
    full_scores = [
        score.model_copy(update={"holdout": 0.0}) for score in spec.objective.scores
    ]  # without a search, nothing is held out
    objective = spec.objective.model_copy(update={"scores": full_scores})
    folder = runs / spec.name
    corpus = scan(spec.space.texts.folder, spec.space.texts.unit, fewest=_FEWEST_TEXTS)
    prepared = objectives.prepare(objective, corpus, folder / "cache")
    space = Space(spec.space, prepared.corpus, prepared.layout, prepared.rungs[-1])
    if space.distributions:
        raise InputError(
            f"`mixtune train` does not search, but the file leaves {listed(space.distributions)} open. Give each one "
            "value (space.texts.choose: all, or a list of names), or search with: mixtune launch",
            code="fields-left-open",
        )
    check_precision(spec, space)
    check_stages(spec, space)
    check_disk(space, folder, 1)
    trial = space.decode({}, spec.seed)
    names = {name for stage in trial.stages for name in stage.mix.names}
    counts = {name: prepared.corpus[name].tokens for name in names}
    stages = tuple(stage_steps(trial, counts, objective))
    return _Plan(with_stage_ends(objective, stages), prepared, trial, stages)


def _train(console: Console, plan: _Plan, workdir: Path, cache: Path) -> list[Rung]:
    """Run the trial and print each rung; return all rungs, including those before an interruption."""
    rungs = {rung.index: rung for rung in _read_rungs(workdir)}
    table: _Table | None = None
    done: list[Rung] = []
    with console.status("Training …") as status:
        for rung in objectives.build(plan.objective, plan.prepared.corpus, cache).evaluate(plan.trial, workdir):
            rungs[rung.index] = rung
            done = [rungs[index] for index in sorted(rungs) if index <= rung.index]
            _write_rungs(workdir, done)
            if table is None:
                table = _Table(plan, accuracy=ACCURACY in rung.qualities and plan.prepared.metric != ACCURACY)
                console.print(table.head(), highlight=False)
            console.print(table.row(rung), highlight=False)
            status.update(f"Training … {rung.tokens:,} of {plan.prepared.rungs[-1]:,} tokens")
    if not done:
        raise InputError("The run has no rungs. Give objective.rungs.", code="no-rungs")
    return done


def _read_rungs(workdir: Path) -> list[Rung]:
    """Return the rungs of an interrupted run."""
    path = workdir / _RUNGS
    return [Rung.from_dict(rung) for rung in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []


def _write_rungs(workdir: Path, rungs: Sequence[Rung]) -> None:
    """Write the rungs to the working folder, atomically."""
    write_text(workdir / _RUNGS, json.dumps([rung.to_dict() for rung in rungs]))


@dataclass(frozen=True, slots=True)
class _Table:
    """Table of the rungs of a run, one per line."""

    plan: _Plan
    accuracy: bool
    """Whether there is a column for the accuracy."""

    def head(self) -> str:
        """Return the names of the columns."""
        names = ["tokens", "stages done", "training loss", self.plan.prepared.metric, "above the base"]
        return _cells([*names, *([ACCURACY] if self.accuracy else [])])

    def row(self, rung: Rung) -> str:
        """Return the figures of a rung."""
        stages = list(itertools.accumulate(stage.budget for stage in self.plan.trial.stages))
        loss, accuracy = rung.qualities.get(TRAIN_LOSS), rung.qualities.get(ACCURACY)
        stderr = rung.qualities.get(f"{ACCURACY}_stderr", 0.0)
        cells = [
            f"{rung.tokens:,}",
            f"{sum(end <= rung.tokens for end in stages)} of {len(stages)}",
            "-" if loss is None else f"{loss:.3f}",
            f"{rung.score:.4f}",
            f"{rung.gain:+.4f} ± {rung.gain_stderr:.4f}",
        ]
        accuracy_cell = "-" if accuracy is None else f"{accuracy:.3f} ± {stderr:.3f}"
        return _cells([*cells, *([accuracy_cell] if self.accuracy else [])])


def _cells(cells: Sequence[str]) -> str:
    return "".join(f"{cell:>{_WIDTH}}" for cell in cells)


def _show_qualities(console: Console, ends: Mapping[str, Rung]) -> None:
    """Print the other figures of the model at the end of each stage, one per line."""
    names = dict.fromkeys(name for rung in ends.values() for name in rung.qualities if name != TRAIN_LOSS)
    width = max(map(len, names), default=0) + 2
    console.print(f"\n{'at the end of':<{width}}" + _cells(list(ends)), highlight=False)
    for name in names:
        values = [rung.qualities.get(name) for rung in ends.values()]
        shown = _cells(["-" if value is None else f"{value:.6g}" for value in values])
        console.print(f"{name:<{width}}{shown}", highlight=False)
