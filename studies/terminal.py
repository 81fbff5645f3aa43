"""A study in the terminal: rating, status, best trial."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from studies.confirmation import confirmed
from studies.rating.ranking import TOP
from studies.rating.rating import Rating
from studies.rating.words import (
    enough_sentence,
    found_sentences,
    headline,
    lost_sentence,
    probability,
    ranking_sentence,
)
from studies.store import StoredStudy
from studies.units import unit_of
from studies.words import (
    CONFIRMATION_COLUMNS,
    best_sentence,
    confirmation_cells,
    confirmation_sentence,
)

_STYLES = {"helps": "bold blue", "hurts": "bold red", "no evidence yet": "dim"}


def print_rating(
    console: Console, study: StoredStudy, rating: Rating, planted: Mapping[str, str] | None = None
) -> None:
    """The rating of the texts, and what it says; `planted` adds what the demo's books were written to do."""
    effects = rating.effects
    unit = unit_of(study)
    console.print(f"Which texts matter: {rating.estimand.axis} ({unit.effect})", style="bold", highlight=False)
    table = Table(box=None)
    table.add_column("text", overflow="fold")
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("95% interval", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    if rating.ranking:
        table.add_column(f"P(top {TOP})", justify="right", no_wrap=True)
    if planted is not None:
        table.add_column("planted", no_wrap=True)
    for effect in effects:
        row = [effect.text, unit.signed(effect.effect), unit.interval(effect)]
        verdict = Text(effect.verdict, style=_STYLES[effect.verdict])
        ranked = rating.ranking.get(effect.text)
        top = [probability(ranked.top) if ranked else "-"] if rating.ranking else []
        table.add_row(*row, verdict, *top, *([planted[effect.text]] if planted is not None else []))
    console.print(table)
    console.print()
    for sentence in (headline(study, rating), ranking_sentence(rating), enough_sentence(study, rating, unit)):
        if sentence:
            console.print(sentence)
    if lost := lost_sentence(study):
        console.print(lost)
    for warning in found_sentences(study):
        console.print(warning)
    console.print(best_sentence(study))
    print_confirmation(console, study)


def print_confirmation(console: Console, study: StoredStudy) -> None:
    """What the search found against the baselines, on questions that the search never saw."""
    found = confirmed(study)
    unit = unit_of(study)
    console.print()
    if found:
        title = f"On questions that the search never saw ({unit.effect})"
        table = Table(title=title, title_justify="left", title_style="bold", box=None)
        table.add_column(CONFIRMATION_COLUMNS[0], overflow="fold")
        for name in CONFIRMATION_COLUMNS[1:]:
            table.add_column(name, justify="right", no_wrap=True)
        for row in found:
            table.add_row(*confirmation_cells(row, unit), style="bold" if row.beats_base and row.of is not None else "")
        console.print(table)
        console.print()
    console.print(confirmation_sentence(study, found))
