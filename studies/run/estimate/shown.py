"""Terminal output of an estimate."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from studies.analysis.units import duration
from studies.run.estimate.advice import USUAL_HOURS, advice, hours_words
from studies.run.estimate.estimate import PAGES, Estimate

_LONG = 48 * 3600.0


def print_estimate(console: Console, estimate: Estimate, hours: float | None) -> None:
    """Print the time per page, trial and study, the resources, what fits in `hours`, and advice if it does not fit.

    Args:
        console: console to print to.
        estimate: estimate of the study.
        hours: time that the user has; None if not specified.
    """
    _print_pages(console, estimate)
    console.print()
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, words in _rows(estimate):
        table.add_row(label, words)
    console.print(table)
    console.print()
    if estimate.unfit:
        console.print(f"The study does not fit this machine: {', '.join(estimate.unfit)}.", style="bold red")
    else:
        console.print("The study fits this machine.", style="bold")
    if hours is not None:
        fit = estimate.trials_within(hours)
        console.print(
            f"In {hours_words(hours)}: {fit:,} trials"
            + (", confirmation included." if estimate.confirming else ".")
            + f" The study has {estimate.search.trials:,}.",
            highlight=False,
        )
    for sentence in advice(estimate, hours or USUAL_HOURS):
        console.print(sentence, highlight=False)


def _print_pages(console: Console, estimate: Estimate) -> None:
    """Print the training time by number of pages, each read once, on one worker."""
    table = Table(box=None, title="Training time by number of pages", title_justify="left", title_style="bold")
    for name in ("pages", "tokens", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for pages in PAGES:
        tokens = pages * estimate.tokens_a_page
        seconds = math.ceil(tokens / estimate.step_tokens) * estimate.times.step
        table.add_row(f"{pages:,}", f"{tokens:,.0f}", _time(seconds))
    console.print(table)


def _rows(estimate: Estimate) -> list[tuple[str, str]]:
    times, search = estimate.times, estimate.search
    scoring = times.score * (len(estimate.rungs) - 1) + times.final
    trial = (
        f"training {_time(estimate.steps * times.step)} ({estimate.rungs[-1]:,} tokens), scoring {_time(scoring)} "
        f"({len(estimate.rungs)} rungs), saving {_time(times.save * len(estimate.rungs))}"
    )
    course = f"{search.trials:,} trials, about {search.pruned} pruned, training on {search.tokens:.0%} of their tokens"
    several = "s" if estimate.measured.workers > 1 else ""
    rows = [
        (
            "speed",
            f"{estimate.tokens_a_second:,.0f} training tokens/s on each of {estimate.measured.workers} worker{several}",
        ),
        ("one trial", f"{_time(estimate.trial)}: {trial}"),
        ("start", f"{_time(estimate.start)} until the first trial starts"),
        ("search", f"{_time(search.seconds)}: {course}"),
    ]
    if estimate.confirming:
        rows.append(("confirmation", f"{_time(estimate.confirmation)}: {estimate.confirming} runs"))
    rows += [
        ("the study", _time(estimate.total)),
        ("disk", f"{_size(estimate.disk)} at most, {_size(estimate.disk_free)} free"),
        ("memory", f"{_size(estimate.memory)} at peak, of {_size(estimate.memory_free)}"),
    ]
    if estimate.card:
        rows.append(
            (
                "GPU memory",
                f"{_size(estimate.card)} per trial, {estimate.trials_a_card:g} at once, of {_size(estimate.card_size)}",
            )
        )
    return rows


def _time(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.2g} s"
    return duration(seconds) if seconds < _LONG else f"{seconds / 86400:.1f} days"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
