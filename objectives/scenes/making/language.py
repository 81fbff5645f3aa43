"""Words and sentences with gaps, which the makers of scenes need of a language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """An order of people, such as by height."""

    more: str
    """Says that {a} has more of it than {b}."""
    less: str
    """Says that {b} has less of it than {a}."""
    ask_more: str
    """Ends where one of {x} and {y} follows: the one that has more."""
    ask_less: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A kind of fact in several wordings, each of which ends where the answer follows."""

    wordings: tuple[str, ...]
    turned: tuple[bool, ...]
    """Whether a wording asks for the other one of the two answers."""
    stated: str
    """Statement under pressure, and"""
    question: str
    """asked after it and all that is added; the people are also {p} and {q}, in any order."""
    other: str = ""
    """A question for the other one of the two answers, where there are two."""


@dataclass(frozen=True, slots=True)
class Series:
    """A rule that stands for a row of words or numbers."""

    kind: str
    given: str
    """Names the rule; ends where the row follows."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The beginning of a story, and what its continuation must do."""

    kind: str
    prompt: str
    includes: tuple[tuple[str, ...], ...]
    """Groups; at least one word of each is used."""
    excludes: tuple[str, ...]
    example: str
    """A continuation that does so."""
    either: tuple[str, ...] = ()
    """Just one of these."""


@dataclass(frozen=True, slots=True)
class Language:
    """Words and sentences of one language; gaps are filled with words in the form in which they stand here."""

    name: str
    scenes: int
    """Number of scenes of each kind."""
    people: tuple[str, ...]
    things: tuple[str, ...]
    places: tuple[str, ...]
    nonsense: tuple[str, ...]
    """Names of kinds that do not exist."""
    properties: tuple[tuple[str, str], ...]
    """Pairs that exclude each other."""
    directions: tuple[str, str, str, str]
    """Clockwise."""
    days: tuple[str, ...]
    months: tuple[str, ...]
    scales: tuple[Scale, ...]
    say: Mapping[str, str]
    """Sentences of chains and of pressure."""
    facts: Mapping[str, Fact]
    series: tuple[Series, ...]
    definitions: tuple[tuple[str, str], ...]
    """A word, and what it means."""
    openings: tuple[Opening, ...]
