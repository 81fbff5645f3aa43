"""A run of a study from start to end, as the user sees it."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from mixtune import Ending, Outcome, Study
from studies.cli.options import backend_of
from studies.cli.progress import Progress


def run_session(console: Console, study: Study, *, local: bool, planted: Mapping[str, str] | None = None) -> int:
    """Run a study's remaining trials, show progress, write the report; return the exit status.

    `planted`: what each of the demo's books was written to do.
    """
    for note in study.check():
        console.print(f"Note: {note}")
    progress = Progress(console, study.status(), len(study.rungs))
    with study.stoppable() as stop:
        with progress.shown():
            outcome = study.run(backend_of(local=local), progress)
        ended = outcome.ending in {Ending.FINISHED, Ending.DECIDED}
        if outcome.ending is Ending.DECIDED:
            _explain_end(console, outcome)
        if not ended:
            _explain_stop(console, study, outcome, local=local)
        if outcome.ending in {Ending.INTERRUPTED, Ending.FAILING}:
            return stop.status if outcome.ending is Ending.INTERRUPTED else 1
        if ended:
            _mention_others(console, study)
        print_report(console, study, planted)
    return 0


def print_report(console: Console, study: Study, planted: Mapping[str, str] | None = None) -> None:
    """Write the report; print the rating and where everything is."""
    with console.status("Writing the report …"):
        report = study.write_report()
    console.print()
    study.print_rating(console, planted)
    if report.note:
        console.print(f"\n{report.note}", highlight=False)
    console.print()
    lines = {"report": str(report.page), "figures and tables": str(report.page.parent)}
    if study.status().best is not None and (adapter := study.best.adapter) is not None:
        lines["best adapter"] = adapter
    for label, path in lines.items():
        console.print(f"{label + ':':20}{path}", soft_wrap=True, highlight=False)


def _mention_others(console: Console, study: Study) -> None:
    """Say which trials other drivers of the study still run, if there are any."""
    running = study.status().running
    if running:
        console.print(
            f"Trials that another driver still runs: {running}. If it dies before they end, resume with: "
            f"{study.resume_command}",
            soft_wrap=True,
            highlight=False,
        )


def _explain_end(console: Console, outcome: Outcome) -> None:
    """Say that a study stopped before its last trial, because its texts are decided, and how it would go on."""
    console.print(f"The study stopped: {outcome.reason}", highlight=False)
    console.print("To run the others all the same, set search.stop to at_trials and resume with --study FILE --allow.")


def _explain_stop(console: Console, study: Study, outcome: Outcome, *, local: bool) -> None:
    status = outcome.status
    console.print(f"The study stopped: {outcome.reason}" if outcome.reason else "Stopped.", highlight=False)
    console.print(f"{status.ended} of {status.total} trials have ended and are stored.", highlight=False)
    if status.running:
        console.print(f"Trials that continue from their last rung: {status.running}.", highlight=False)
    if status.confirmation_ended:
        console.print(f"{status.confirmation_ended} runs of the confirmation are stored, too.", highlight=False)
    command = f"{study.resume_command} --local" if local else study.resume_command
    console.print(f"Resume with: {command}", soft_wrap=True, highlight=False)
