"""All that a study says about its texts, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studies.rating.effects import TextEffect, text_effects
from studies.rating.interactions import Interaction, interactions
from studies.rating.power import Power, power
from studies.rating.qualities import quality_effects
from studies.rating.ranking import Ranked, rank_texts
from studies.store import StoredStudy


@dataclass(frozen=True, slots=True)
class Rating:
    """Effects with intervals, and what goes with them."""

    effects: list[TextEffect]
    """The headline: every text, the most helpful first."""
    ranking: Mapping[str, Ranked]
    """Every text's place, the best first; empty where there are too few trials."""
    interactions: list[Interaction]
    """A screen; empty where there are too few trials."""
    qualities: Mapping[str, list[TextEffect]]
    """Every quality that trials measured, to the effects on it."""
    power: Power


def rate(study: StoredStudy) -> Rating:
    """What a study says about its texts, at any time of it."""
    texts = [text.name for text in study.texts]
    effects = text_effects(study.records, texts)
    return Rating(
        effects=effects,
        ranking={ranked.text: ranked for ranked in rank_texts(study.records, texts)} if study.rates_texts else {},
        interactions=interactions(study.records, texts),
        qualities=quality_effects(study.records, texts),
        power=power(effects),
    )
