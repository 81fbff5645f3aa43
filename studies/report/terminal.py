"""Rating and confirmation of a study in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from studies.analysis.confirmation import confirmed
from studies.analysis.ranking import TOP
from studies.analysis.rating import Rating
from studies.analysis.units import item_noun
from studies.report.rating_words import (
    changed_texts_sentence,
    enough_sentence,
    found_sentences,
    headline,
    lost_sentence,
    probability,
    ranking_sentence,
)
from studies.report.words import (
    best_sentence,
    confirmation_rows,
    confirmation_sentence,
    confirmation_unit,
)
from studies.storage.stored import StoredStudy

_WIDE = 100
"""Columns of a terminal that also shows the confidence sequences; they are on the page in any case."""
_STYLES = {"helps": "bold blue", "hurts": "bold red", "no evidence yet": "dim"}


def print_rating(
    console: Console, study: StoredStudy, rating: Rating, planted: Mapping[str, str] | None = None
) -> None:
    """Print the rating of the texts with a summary; `planted`: intended effects of the demo's books, as a column."""
    effects, unit, wide = rating.effects, rating.unit, console.width >= _WIDE
    console.print(f"Which texts matter: {rating.estimand.axis} ({unit.effect})", style="bold", highlight=False)
    table = Table(box=None)
    table.add_column("text", overflow="fold")
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("95%, read once", justify="right", no_wrap=True)
    if wide:
        table.add_column("at any time", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    if rating.shows_top:
        table.add_column(f"P(top {TOP})", justify="right", no_wrap=True)
    if planted is not None:
        table.add_column("planted", no_wrap=True)
    for effect in effects:
        row = [effect.text, unit.signed(effect.effect), unit.interval(effect), *([unit.sequence(effect)] * wide)]
        verdict = Text(effect.verdict, style=_STYLES[effect.verdict])
        ranked = rating.ranking.get(effect.text)
        top = [probability(ranked.top) if ranked else "-"] if rating.shows_top else []
        table.add_row(*row, verdict, *top, *([planted[effect.text]] if planted is not None else []))
    console.print(table)
    console.print()
    for sentence in (headline(study, rating), ranking_sentence(rating), enough_sentence(study, rating, unit)):
        if sentence:
            console.print(sentence)
    for sentence in (lost_sentence(study), changed_texts_sentence(study)):
        if sentence:
            console.print(sentence)
    for warning in found_sentences(study):
        console.print(warning)
    console.print(best_sentence(study))
    print_confirmation(console, study)


def print_confirmation(console: Console, study: StoredStudy) -> None:
    """Print the best configurations and the baselines, on questions that the search never saw."""
    results = confirmed(study)
    unit = confirmation_unit(study, results)
    console.print()
    if results:
        title = f"On {item_noun(study)} that the search never saw ({unit.effect})"
        table = Table(title=title, title_justify="left", title_style="bold", box=None)
        columns, rows = confirmation_rows(results, unit)
        table.add_column(columns[0], overflow="fold")
        for name in columns[1:]:
            table.add_column(name, justify="right", no_wrap=True)
        for row, cells in zip(results, rows, strict=True):
            table.add_row(*cells, style="bold" if row.beats_base and row.of is not None else "")
        console.print(table)
        console.print()
    console.print(confirmation_sentence(study, results))
