"""Consistency: whether a model gives one answer to one fact, however it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from objectives.scenes.spec import ConsistencyScene
from objectives.scoring.scenes.qualities.quality import CHOICES, Answered, share, told, with_choices
from spaces import Corpus


class Consistency:
    """Searched: the probability that two answers, drawn to two wordings of a scene, are both right."""

    task: ClassVar[Mapping[str, Any]] = CHOICES
    headline: ClassVar[str] = "beyond_chance"

    def __init__(self, corpus: Corpus, threshold: float) -> None:
        pass

    def asks(self, scene: ConsistencyScene) -> list[dict[str, Any]]:
        return [with_choices(wording) for wording in scene.wordings]

    def item(self, answered: Answered) -> float:
        right = [answered.right(wording) for wording in range(len(answered.questions))]
        return float(np.mean([one * other for one, other in combinations(right, 2)]))

    def figures(self, answered: Sequence[Answered]) -> dict[str, float]:
        """`agreement`: share of pairs of wordings with the same answer; `beyond_chance`: the same, 0 at chance.

        Chance is 1 / choices, so that agreement beyond it is S of Bennett, Alpert and Goldstein (1954).
        `right_given_agreement`: share of these pairs whose answer is right.
        """
        pairs = [
            (each.chosen(one) == each.chosen(other), each.is_right(one), 1 / len(each.scene.wordings[0].choices))
            for each in answered
            for one, other in combinations(range(len(each.questions)), 2)
        ]
        agreement = share([same for same, _, _ in pairs])
        chance = float(np.mean([by_chance for _, _, by_chance in pairs]))
        return {
            "beyond_chance": (agreement - chance) / (1 - chance),
            "agreement": agreement,
            **({"right_given_agreement": share([right for same, right, _ in pairs if same])} if agreement else {}),
        }

    def behavior(self, figures: Mapping[str, float]) -> str:
        right = figures.get("right_given_agreement")
        return f"two wordings get the same answer in {figures['agreement']:.0%}" + (
            f"; of these {right:.0%} are right" if right is not None else ""
        )

    def example(self, answered: Sequence[Answered]) -> str:
        """Two wordings of a scene with different answers, where there are any."""
        for each in answered:
            other = next((w for w in range(1, len(each.questions)) if each.chosen(w) != each.chosen(0)), None)
            if other is not None:
                return f"{told(each, 0)}; {told(each, other)}"
        return f"{told(answered[0], 0)}; {told(answered[0], 1)}"
