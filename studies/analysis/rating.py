"""The complete rating of a study's texts."""

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
    """Effects of the texts with intervals, and the analyses based on them."""

    estimand: Estimand
    unit: Unit
    """Display unit of the effects, with decimals that match the width of their intervals."""
    effects: list[TextEffect]
    """Headline effects of all texts, most helpful first."""
    ranking: Mapping[str, Ranked]
    """Ranked texts by name, best first; empty if there are too few trials."""
    interactions: list[Interaction]
    """Screen of interactions; empty if there are too few trials, or if mixes are not subsets."""
    qualities: Mapping[str, list[TextEffect]]
    """Effects of the texts on every measured quality, by its name."""
    power: Power

    @property
    def shows_top(self) -> bool:
        """Whether the probability of being among the best `TOP` is informative: more texts than that, some ranked."""
        return bool(self.ranking) and len(self.effects) > TOP


def rate(study: StoredStudy) -> Rating:
    """Rate the texts of a study, at any stage of the study."""
    texts = study.present
    estimand = estimand_of(study)
    records = study.records if study.rates_texts else ()
    effects = estimand.estimate(records, texts, None)
    ranked = estimand.rank(effects) if estimand.rank is not None else rank_texts(records, texts)
    return Rating(
        estimand=estimand,
        unit=unit_of(study).fine_enough(effect.high - effect.effect for effect in effects),
        effects=effects,
        ranking={row.text: row for row in ranked},
        interactions=interactions(records, texts) if estimand.interacts else [],
        qualities=quality_effects(records, texts, estimand.estimate),
        power=power(effects),
    )
