"""A run of a study from start to end, as the user sees it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from search.runner import LocalRunner, Runner, workdir
from studies.launch import Outcome, Ready
from studies.progress import Progress
from studies.report import write_report
from studies.spec import StudySpec
from studies.store import StoredStudy, resume_command
from studies.terminal import print_rating

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def run_session(console: Console, ready: Ready, *, local: bool, planted: Mapping[str, str] | None = None) -> int:
    """Run a study's remaining trials, show progress, write the report; return the exit status."""
    for note in ready.notes:
        console.print(f"Note: {note}")
    study = ready.store.load(ready.spec.name)
    progress = Progress(console, study, ready.spec.search.trials, len(ready.rungs))
    with progress.shown():
        outcome = ready.run(lambda spec, scratch: _runner(ready, spec, scratch, local=local), progress)
    if outcome.interrupted or outcome.reason:
        _explain_stop(console, outcome)
        return INTERRUPTED if outcome.interrupted else 1
    page = write_report(ready.store, outcome.study, ready.folder / "report")
    console.print()
    print_rating(console, outcome.study, planted)
    _print_paths(console, outcome.study, ready.folder, page)
    return 0


def _runner(ready: Ready, spec: StudySpec, scratch: Path, *, local: bool) -> Runner:
    if local:
        return LocalRunner()
    from search.ray_runner import RayRunner

    gpus = spec.search.gpus
    if gpus is None:
        gpus = 1.0 if ready.prepared.device == "cuda" else 0.0
    return RayRunner(scratch, spec.search.workers, spec.search.cpus, gpus, os.environ.get("RAY_ADDRESS"))


def _explain_stop(console: Console, outcome: Outcome) -> None:
    done = sum(record.state.is_finished() for record in outcome.study.records)
    if outcome.reason:
        console.print(f"The study stopped: {outcome.reason}", highlight=False)
    else:
        console.print("Stopped.")
    under_way = len(outcome.study.records) - done
    again = f"; {under_way} that were under way will be run again" if under_way else ""
    console.print(
        f"{done} of {outcome.study.spec.search.trials} trials are finished and stored{again}.", highlight=False
    )
    again = resume_command(outcome.study.spec.name, outcome.study.url, outcome.folder)
    console.print(f"Go on with: {again}", soft_wrap=True, highlight=False)


def _print_paths(console: Console, study: StoredStudy, folder: Path, page: Path) -> None:
    console.print()
    lines = {"report": page, "figures and tables": page.parent}
    adapter = adapter_folder(study, folder)
    if adapter is not None:
        lines["best adapter"] = adapter / "adapter_model.safetensors"
    for label, path in lines.items():
        console.print(f"{label + ':':20}{path}", soft_wrap=True, highlight=False)


def adapter_folder(study: StoredStudy, folder: Path, trial: int | None = None) -> Path | None:
    """The folder of a trial's adapter, of the best one where none is named; None where there is none."""
    chosen = [record for record in study.records if record.number == trial] if trial is not None else [study.best]
    record = chosen[0] if chosen else None
    if record is None or not record.rungs or not record.rungs[-1].artifact:
        return None
    found = workdir(folder / "artifacts", record.number) / record.rungs[-1].artifact
    return found if found.is_dir() else None
