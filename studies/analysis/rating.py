"""All that a study says about its texts, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from studies.analysis.effects import TextEffect
from studies.analysis.estimands import Estimand, estimand_of
from studies.analysis.interactions import Interaction, interactions
from studies.analysis.power import Power, power
from studies.analysis.qualities import quality_effects
from studies.analysis.ranking import TOP, Ranked, rank_texts
from studies.analysis.units import Unit, unit_of
from studies.storage.stored import StoredStudy


@dataclass(frozen=True, slots=True)
class Rating:
    """Effects with intervals, and what goes with them."""

    estimand: Estimand
    unit: Unit
    """How its effects are shown, with as many decimals as their intervals deserve."""
    effects: list[TextEffect]
    """The headline: every text, the most helpful first."""
    ranking: Mapping[str, Ranked]
    """Every text's place, the best first; empty where there are too few trials."""
    interactions: list[Interaction]
    """A screen; empty where there are too few trials, and where mixes are no subsets."""
    qualities: Mapping[str, list[TextEffect]]
    """Every quality that trials measured, to the effects on it."""
    power: Power

    @property
    def tells_top(self) -> bool:
        """Whether being among the best `TOP` says anything: there are more texts than that, and some are ranked."""
        return bool(self.ranking) and len(self.effects) > TOP


def rate(study: StoredStudy) -> Rating:
    """Rate the texts of a study, at any time of it."""
    texts = [text.name for text in study.texts]
    estimand = estimand_of(study)
    records = study.records if study.rates_texts else ()
    effects = estimand.estimate(records, texts, None)
    ranked = estimand.rank(effects) if estimand.rank is not None else rank_texts(records, texts)
    return Rating(
        estimand=estimand,
        unit=unit_of(study).fine_enough(effect.high - effect.effect for effect in effects),
        effects=effects,
        ranking={each.text: each for each in ranked},
        interactions=interactions(records, texts) if estimand.interacts else [],
        qualities=quality_effects(records, texts, estimand.estimate),
        power=power(effects),
    )
