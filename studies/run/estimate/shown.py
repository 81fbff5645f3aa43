"""An estimate in the terminal."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table

from studies.analysis.units import duration
from studies.run.estimate.advice import USUAL_HOURS, advice, hours_words
from studies.run.estimate.estimate import PAGES, Estimate

_LONG = 48 * 3600.0


def print_estimate(console: Console, found: Estimate, hours: float | None) -> None:
    """Pages, one trial, the study, the machine; what fits in `hours`, and what to lower where it does not.

    Args:
        console: to print on.
        found: estimate of the study.
        hours: time that the user has; None where that was not said.
    """
    _print_pages(console, found)
    console.print()
    table = Table(box=None, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, words in _rows(found):
        table.add_row(label, words)
    console.print(table)
    console.print()
    if found.unfit:
        console.print(f"It does not fit: {', '.join(found.unfit)}.", style="bold red")
    else:
        console.print("It fits this machine.", style="bold")
    if hours is not None:
        fit = found.trials_within(hours)
        console.print(
            f"In {hours_words(hours)}: {fit:,} trials"
            + (", confirmation included." if found.confirming else ".")
            + f" The study asks for {found.search.trials:,}.",
            highlight=False,
        )
    for sentence in advice(found, hours or USUAL_HOURS):
        console.print(sentence, highlight=False)


def _print_pages(console: Console, found: Estimate) -> None:
    """Reading once, on one worker."""
    table = Table(box=None, title="Training on so many pages of these texts", title_justify="left", title_style="bold")
    for name in ("pages", "tokens", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for pages in PAGES:
        tokens = pages * found.tokens_a_page
        seconds = math.ceil(tokens / found.step_tokens) * found.times.step
        table.add_row(f"{pages:,}", f"{tokens:,.0f}", _time(seconds))
    console.print(table)


def _rows(found: Estimate) -> list[tuple[str, str]]:
    times, search = found.times, found.search
    scoring = times.score * (len(found.rungs) - 1) + times.final
    trial = (
        f"training {_time(found.steps * times.step)} ({found.rungs[-1]:,} tokens), scoring {_time(scoring)} "
        f"({len(found.rungs)} rungs), saving {_time(times.save * len(found.rungs))}"
    )
    course = f"{search.trials:,} trials, about {search.pruned} pruned, {search.tokens:.0%} of their tokens trained on"
    several = "s" if found.asked.workers > 1 else ""
    rows = [
        (
            "speed",
            f"{found.tokens_a_second:,.0f} training tokens a second on each of {found.asked.workers} worker{several}",
        ),
        ("one trial", f"{_time(found.trial)}: {trial}"),
        ("start", f"{_time(found.start)} until the first trial begins"),
        ("search", f"{_time(search.seconds)}: {course}"),
    ]
    if found.confirming:
        rows.append(("confirmation", f"{_time(found.confirmation)}: {found.confirming} runs"))
    rows += [
        ("the study", _time(found.total)),
        ("disk", f"{_size(found.disk)} at most, {_size(found.disk_free)} free"),
        ("memory", f"{_size(found.memory)} at the peak, the machine has {_size(found.memory_free)}"),
    ]
    if found.card:
        rows.append(
            (
                "graphics card",
                f"{_size(found.card)} a trial, {found.trials_a_card:g} at once of {_size(found.card_size)}",
            )
        )
    return rows


def _time(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.2g} s"
    return duration(seconds) if seconds < _LONG else f"{seconds / 86400:.1f} days"


def _size(size: float) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
