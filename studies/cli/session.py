"""A run of a study from start to end, as the user sees it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from optuna.trial import TrialState
from rich.console import Console

from search.runner import LocalRunner, Runner
from studies.analysis.rating import rate
from studies.jobs.export import find_adapter
from studies.jobs.inspecting import inspect_best
from studies.report.page import write_report
from studies.report.terminal import print_rating
from studies.run.execution import Ending, Outcome
from studies.run.interrupts import stoppable
from studies.run.launch import Ready
from studies.run.progress import Progress
from studies.run.runners import ray_runner
from studies.spec import StudySpec
from studies.storage.places import resume_command
from studies.storage.stored import StoredStudy


def run_session(console: Console, ready: Ready, *, local: bool, planted: Mapping[str, str] | None = None) -> int:
    """Run a study's remaining trials, show progress, write the report; return the exit status."""
    for note in ready.notes:
        console.print(f"Note: {note}")
    study = ready.store.load(ready.spec.name)
    progress = Progress(console, study, ready.spec.search.trials, len(ready.rungs))
    with stoppable(resume_command(ready.spec.name, ready.store.url, ready.folder)) as stop:
        with progress.shown():
            outcome = ready.run(lambda spec, scratch: _runner(ready, spec, scratch, local=local), progress)
        if outcome.ending is not Ending.FINISHED:
            _explain_stop(console, outcome)
        if outcome.ending in {Ending.INTERRUPTED, Ending.FAILING}:
            return stop.status if outcome.ending is Ending.INTERRUPTED else 1
        if outcome.ending is Ending.FINISHED:
            _tell_of_others(console, outcome)
        with console.status("Writing the report …"):
            rating = rate(outcome.study)
            inspection, note = inspect_best(outcome.study, ready.folder)
            page = write_report(ready.store, outcome.study, rating, ready.folder / "report", inspection=inspection)
        console.print()
        print_rating(console, outcome.study, rating, planted)
        if note:
            console.print(f"\n{note}", highlight=False)
        _print_paths(console, outcome.study, ready.folder, page)
    return 0


def _runner(ready: Ready, spec: StudySpec, scratch: Path, *, local: bool) -> Runner:
    if local:
        return LocalRunner()
    return ray_runner(spec, ready.prepared.device, scratch)


def _tell_of_others(console: Console, outcome: Outcome) -> None:
    """Trials that other drivers of the study still run, where there are any."""
    left = len(outcome.study.ended(TrialState.RUNNING))
    if left:
        again = resume_command(outcome.study.spec.name, outcome.study.url, outcome.folder)
        console.print(
            f"Trials that another driver still runs: {left}. If it dies before they end, go on with: {again}",
            soft_wrap=True,
            highlight=False,
        )


def _explain_stop(console: Console, outcome: Outcome) -> None:
    done = sum(record.state.is_finished() for record in outcome.study.records)
    if outcome.reason:
        console.print(f"The study stopped: {outcome.reason}", highlight=False)
    else:
        console.print("Stopped.")
    under_way = len(outcome.study.records) - done
    rest = f"; {under_way} that were under way go on from their last rung" if under_way else ""
    console.print(
        f"{done} of {outcome.study.spec.search.trials} trials are finished and stored{rest}.", highlight=False
    )
    if outcome.study.confirmation:
        runs = sum(record.state.is_finished() for record in outcome.study.confirmation)
        console.print(f"So are {runs} runs of the confirmation.", highlight=False)
    again = resume_command(outcome.study.spec.name, outcome.study.url, outcome.folder)
    console.print(f"Go on with: {again}", soft_wrap=True, highlight=False)


def _print_paths(console: Console, study: StoredStudy, folder: Path, page: Path) -> None:
    console.print()
    lines = {"report": str(page), "figures and tables": str(page.parent)}
    adapter = find_adapter(study, folder, study.best)
    if adapter is not None:
        lines["best adapter"] = adapter
    for label, path in lines.items():
        console.print(f"{label + ':':20}{path}", soft_wrap=True, highlight=False)
