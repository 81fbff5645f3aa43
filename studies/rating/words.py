"""What the rating says, in plain sentences, for the page and for the terminal."""

from __future__ import annotations

import math

from objectives.base import copied
from spaces.errors import listed
from studies.rating.effects import lost_pairs
from studies.rating.interactions import Interaction
from studies.rating.ranking import TOP
from studies.rating.rating import Rating
from studies.store import StoredStudy
from studies.units import Unit


def headline(study: StoredStudy, rating: Rating) -> str:
    """Which texts help and which hurt, for somebody who knows no statistics."""
    effects = rating.effects
    if study.choose == "fixed":
        return "Every trial trained on the same texts (space.texts.choose), so this study does not rate them."
    if not study.rates_texts:
        return "No trial had its texts drawn by coin flips (search.randomised is 0), so this study does not rate them."
    helps = [effect.text for effect in effects if effect.verdict == "helps"]
    hurts = [effect.text for effect in reversed(effects) if effect.verdict == "hurts"]
    open_ = len(effects) - len(helps) - len(hurts)
    blocks = min(effect.blocks for effect in effects)
    if all(effect.method == "none" for effect in effects):
        return (
            f"There is no rating yet: it needs at least {rating.estimand.fewest} {rating.estimand.block} that are "
            f"finished, and there are {blocks}."
        )
    if not helps and not hurts:
        return (
            f"No text has shown an effect yet: {blocks} {rating.estimand.block} do not tell any text's effect from "
            "chance. More trials may tell more."
        )
    parts = []
    if helps:
        parts.append(f"{rating.estimand.doing} {_names(helps)} makes the score better")
    if hurts:
        doing = rating.estimand.doing
        parts.append(
            f"{doing.lower() if parts else doing} {_names(hurts)} makes {'it' if parts else 'the score'} worse"
        )
    rest = f" For the other {open_} there is no evidence yet either way." if open_ > 1 else ""
    rest = " For the one other text there is no evidence yet either way." if open_ == 1 else rest
    return f"{'; '.join(parts)}.{rest}"


def enough_sentence(study: StoredStudy, rating: Rating, unit: Unit) -> str:
    """What the trials so far can detect, and what would decide the next text; empty before there are intervals."""
    power = rating.power
    if not math.isfinite(power.smallest):
        return ""
    said = (
        f"Is it enough? With {rating.effects[0].blocks} {rating.estimand.block}, 8 of 10 studies would detect an "
        f"effect of {unit.size(power.smallest)} {unit.effect}."
    )
    near = sorted((blocks, text) for text, blocks in power.blocks.items() if blocks is not None)
    if near:
        blocks, text = near[0]
        said += f" {text}, the nearest to a verdict, wants about {trials_for(study, blocks):,} trials in all"
        said += ", if its effect is what it seems."
    return said


def trials_for(study: StoredStudy, blocks: int) -> int:
    """Trials of a study that has so many pairs of randomised trials, or so many of every text; to two digits."""
    size = len(study.texts) if study.choose == "one" else 2
    trials = math.ceil(size * blocks / study.spec.search.randomised)
    return int(float(f"{trials:.2g}"))


def ranking_sentence(study: StoredStudy, rating: Rating) -> str:
    """The texts that are most likely among the best; empty where nothing is ranked, or hardly more than that many."""
    if len(rating.ranking) <= TOP:
        return ""
    first = sorted(rating.ranking.values(), key=lambda ranked: -ranked.top)[:TOP]
    said = ", ".join(f"{ranked.text} ({probability(ranked.top)})" for ranked in first)
    all_ = "By all trials, pruned ones too, most" if study.choose == "subset" else "Most"
    return f"{all_} probably among the best {TOP}: {said}."


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
    if not lost or study.choose == "one":
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
