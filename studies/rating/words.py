"""What the rating says, in plain sentences, for the page and for the terminal."""

from __future__ import annotations

import math

from objectives.base import copied
from spaces.errors import listed
from studies.rating.effects import FEWEST_PAIRS, TextEffect, lost_pairs
from studies.rating.interactions import Interaction
from studies.rating.ranking import TOP
from studies.rating.rating import Rating
from studies.spec import StudySpec
from studies.store import StoredStudy
from studies.units import Unit


def headline(spec: StudySpec, effects: list[TextEffect]) -> str:
    """Which texts help and which hurt, for somebody who knows no statistics."""
    if spec.space.texts.choose != "subset":
        return "Every trial trained on the same texts (space.texts.choose), so this study does not rate them."
    if spec.search.randomised == 0:
        return "No trial had its texts drawn by coin flips (search.randomised is 0), so this study does not rate them."
    helps = [effect.text for effect in effects if effect.verdict == "helps"]
    hurts = [effect.text for effect in reversed(effects) if effect.verdict == "hurts"]
    open_ = len(effects) - len(helps) - len(hurts)
    if all(effect.method == "none" for effect in effects):
        return (
            f"There is no rating yet: it needs at least {FEWEST_PAIRS} pairs of finished trials with texts by coin "
            f"flips, and there are {effects[0].pairs}."
        )
    if not helps and not hurts:
        return (
            f"No text has shown an effect yet: {effects[0].pairs} pairs of randomised trials do not tell any text's "
            "effect from chance. More trials may tell more."
        )
    parts = []
    if helps:
        parts.append(f"Training on {_names(helps)} makes the score better")
    if hurts:
        parts.append(f"{'training' if parts else 'Training'} on {_names(hurts)} makes it worse")
    rest = f" For the other {open_} there is no evidence yet either way." if open_ > 1 else ""
    rest = " For the one other text there is no evidence yet either way." if open_ == 1 else rest
    return f"{'; '.join(parts)}.{rest}"


def enough_sentence(study: StoredStudy, rating: Rating, unit: Unit) -> str:
    """What the trials so far can detect, and what would decide the next text; empty before there are intervals."""
    power = rating.power
    if not math.isfinite(power.smallest):
        return ""
    said = (
        f"Is it enough? With {rating.effects[0].pairs} pairs of randomised trials, 8 of 10 studies would detect an "
        f"effect of {unit.size(power.smallest)} {unit.effect}."
    )
    near = sorted((pairs, text) for text, pairs in power.pairs.items() if pairs is not None)
    if near:
        pairs, text = near[0]
        said += f" {text}, the nearest to a verdict, wants about {trials_for(study, pairs):,} trials in all"
        said += ", if its effect is what it seems."
    return said


def trials_for(study: StoredStudy, pairs: int) -> int:
    """Trials of a study that has so many randomised pairs, to two digits."""
    trials = math.ceil(2 * pairs / study.spec.search.randomised)
    return int(float(f"{trials:.2g}"))


def ranking_sentence(rating: Rating) -> str:
    """The texts that are most likely among the best; empty where nothing is ranked, or hardly more than that many."""
    if len(rating.ranking) <= TOP:
        return ""
    first = sorted(rating.ranking.values(), key=lambda ranked: -ranked.top)[:TOP]
    said = ", ".join(f"{ranked.text} ({probability(ranked.top)})" for ranked in first)
    return f"By all trials, pruned ones too, most probably among the best {TOP}: {said}."


def probability(value: float) -> str:
    """A probability from simulation, never quite 0 or 1."""
    return "> 99%" if value > 0.99 else "< 1%" if value < 0.01 else f"{value:.0%}"


def interactions_sentence(found: list[Interaction], unit: Unit) -> str:
    """Which pairs of texts stand out, if any."""
    out = [pair for pair in found if pair.stands_out]
    if not out:
        return "No two texts are seen to change each other's effect."
    said = [f"{' and '.join(pair.texts)} ({unit.signed(pair.estimate.value)})" for pair in out[:5]]
    return f"Texts that seem to change each other's effect: {listed(said, 5)}."


def lost_sentence(study: StoredStudy) -> str:
    """What failed trials take from the rating; empty where nothing."""
    lost = lost_pairs(study.records)
    if not lost:
        return ""
    counted = "1 pair of randomised trials is" if lost == 1 else f"{lost} pairs of randomised trials are"
    return f"{counted} left out of the rating, because a trial failed."


def found_sentences(study: StoredStudy) -> list[str]:
    """A warning for every text that holds questions of the benchmark."""
    return [copied(text.name, text.found) for text in study.texts if text.found]


_MOST_NAMES = 8


def _names(names: list[str]) -> str:
    shown = names[:_MOST_NAMES]
    if len(names) > _MOST_NAMES:
        shown.append(f"{len(names) - _MOST_NAMES} more texts")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
