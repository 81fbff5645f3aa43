"""Progress of a study: a live view in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from optuna.trial import TrialState
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mixtune import ConfirmationBegun, Event, Rung, RungReported, Status, TrialFinished, TrialLost, TrialStarted
from studies.analysis.units import duration

_WORDS = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


@dataclass
class _Running:
    since: float
    rungs: list[Rung] = field(default_factory=list)


class Progress:
    """Progress of a run, updated by events and shown in a live view or as lines."""

    def __init__(self, console: Console, status: Status, rungs: int) -> None:
        """Start from what the database holds.

        Args:
            console: where to show it.
            status: the study as it is now; trials of earlier runs count.
            rungs: of a full trial.
        """
        self._console = console
        self._live = console.is_terminal
        self._trials = status.total
        self._unit_name = "trial"
        self._rungs = rungs
        self._counts = {state: getattr(status, word) for state, word in _WORDS.items()}
        self._base = status.base
        self._best = status.best
        self._running: dict[int, _Running] = {}
        self._start_time = time.monotonic()
        self._first_end: float | None = None
        self._ended_here = 0

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress while the block runs."""
        if self._live:
            with Live(self, console=self._console, refresh_per_second=4, transient=True):
                yield
        else:
            self._console.print(f"{self._trials} trials; starting the workers …")
            yield
        self._print_end()

    def _print_end(self) -> None:
        if self._done >= self._trials:
            elapsed = duration(time.monotonic() - self._start_time)
            summary = f": {self._summary()}" if self._unit_name == "trial" else ""
            self._console.print(f"{self._done} {self._unit_name}s, {elapsed}{summary}", soft_wrap=True, highlight=False)

    def _confirm(self, runs: int) -> None:
        """Switch to the runs of the confirmation."""
        self._print_end()
        self._console.print(f"Confirming the best configurations on held-out data: {runs} runs …", highlight=False)
        self._unit_name, self._trials, self._best = "run", runs, None
        self._counts = dict.fromkeys(_WORDS, 0)
        self._start_time, self._first_end, self._ended_here = time.monotonic(), None, 0

    def __call__(self, event: Event) -> None:
        """Update the progress with an event."""
        match event:
            case ConfirmationBegun(runs):
                self._confirm(runs)
            case TrialStarted(number):
                self._running[number] = _Running(time.monotonic())
            case TrialLost(number):
                self._running.pop(number, None)
                self._console.print(
                    f"{self._unit_name} {number} lost its worker and resumes from its last rung", highlight=False
                )
            case RungReported(number, rung):
                self._running[number].rungs.append(rung)
                self._base = rung.base
            case TrialFinished(number, state):
                self._finish(number, state)

    def _finish(self, number: int, state: TrialState) -> None:
        rungs = self._running.pop(number).rungs
        self._counts[state] += 1
        self._ended_here += 1
        self._first_end = self._first_end or time.monotonic()
        complete = state is TrialState.COMPLETE and self._unit_name == "trial"
        if complete and (self._best is None or rungs[-1].score > self._best[1]):
            self._best = (number, rungs[-1].score)
        if not self._live:
            last = f", score {rungs[-1].score:.3f} after {rungs[-1].tokens:,} tokens" if rungs else ""
            self._console.print(
                f"[{self._done}/{self._trials}] {self._unit_name} {number} {_WORDS[state]}{last}; {self._summary()}",
                soft_wrap=True,
                highlight=False,
            )

    @property
    def _done(self) -> int:
        return sum(self._counts.values())

    def _summary(self) -> str:
        parts = []
        if self._best is not None:
            parts.append(f"best {self._best[1]:.3f} (trial {self._best[0]})")
        if self._base is not None:
            parts.append(f"base {self._base:.3f}")
        if self._unit_name == "trial":
            parts.append(f"{self._counts[TrialState.PRUNED]} pruned")
        if self._counts[TrialState.FAIL]:
            parts.append(f"{self._counts[TrialState.FAIL]} failed")
        left = self._time_left()
        if left is not None and self._done < self._trials:
            parts.append(f"about {duration(left)} left")
        return ", ".join(parts)

    def _time_left(self) -> float | None:
        """Return the remaining seconds, by the pace since the first trial of this run ended, when workers are warm."""
        if self._ended_here < 4 or self._first_end is None:
            return None
        pace = (time.monotonic() - self._first_end) / (self._ended_here - 1)
        return pace * max(0, self._trials - self._done)

    def __rich__(self) -> RenderableType:
        """Return the live view: a progress bar, a summary line, and a row for every running trial."""
        head = Table.grid(padding=(0, 1))
        elapsed = duration(time.monotonic() - self._start_time)
        head.add_row(
            ProgressBar(self._trials, self._done, width=36),
            Text(f"{self._done}/{self._trials} {self._unit_name}s", style="bold"),
            Text(elapsed, style="dim"),
        )
        rows = Table.grid(padding=(0, 2))
        for number, running in sorted(self._running.items()):
            reached = len(running.rungs)
            score = f"{running.rungs[-1].score:.3f}" if running.rungs else "-"
            rows.add_row(
                Text(f"  {self._unit_name} {number}", style="cyan"),
                Text("●" * reached + "○" * (self._rungs - reached)),
                Text(f"score {score}"),
                Text(duration(time.monotonic() - running.since), style="dim"),
            )
        if not self._running:
            rows.add_row(Text("  starting the workers …" if self._first_end is None else "  …", style="dim"))
        return Group(head, Text(self._summary()), rows)
