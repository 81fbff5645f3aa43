"""Consistency: whether a model gives the same answer to all wordings of a question about one fact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from objectives.scenes.spec import ConsistencyScene
from objectives.scoring.scenes.qualities.quality import CHOICES, Answered, share, shown_answer, with_choices
from spaces import Corpus


class Consistency:
    """Consistency. The searched figure is the mean probability that sampled answers to two wordings are both right."""

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
        """Compute the figures of all scenes.

        `agreement`: share of pairs of wordings with the same answer. `beyond_chance`: agreement scaled to 0 at chance
        and 1 at best; chance is 1 / choices, so this is S of Bennett, Alpert and Goldstein (1954).
        `right_given_agreement`: share of the pairs with the same answer whose answer is right.
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
        """Two wordings of a scene with different answers, if there are any."""
        for each in answered:
            other = next((w for w in range(1, len(each.questions)) if each.chosen(w) != each.chosen(0)), None)
            if other is not None:
                return f"{shown_answer(each, 0)}; {shown_answer(each, other)}"
        return f"{shown_answer(answered[0], 0)}; {shown_answer(answered[0], 1)}"
