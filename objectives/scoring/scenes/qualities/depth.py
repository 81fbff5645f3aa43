"""Reasoning depth: the number of steps of one kind of inference that a model still answers correctly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from objectives.scenes.spec import DepthScene
from objectives.scoring.scenes.qualities.quality import CHOICES, Answered, share, shown_answer, with_choices
from spaces import Corpus


class Depth:
    """Depth. The searched figure is the mean probability of the right answer over all depths of a scene."""

    task: ClassVar[Mapping[str, Any]] = CHOICES
    headline: ClassVar[str] = "longest"

    def __init__(self, corpus: Corpus, threshold: float) -> None:
        self._threshold = threshold

    def asks(self, scene: DepthScene) -> list[dict[str, Any]]:
        return [with_choices(step) for step in scene.steps]

    def item(self, answered: Answered) -> float:
        return float(np.mean([answered.right(step) for step in range(len(answered.questions))]))

    def figures(self, answered: Sequence[Answered]) -> dict[str, float]:
        """Compute the figures of all scenes.

        `at_1`, `at_2`, …: accuracy at each depth; `longest`: number of depths, from the first, that all reach the
        threshold.
        """
        deepest = max(len(each.questions) for each in answered)
        by_depth = [
            share([each.is_right(depth) for each in answered if depth < len(each.questions)])
            for depth in range(deepest)
        ]
        below = [depth for depth, right in enumerate(by_depth) if right < self._threshold]
        return {
            "longest": float(below[0] if below else deepest),
            **{f"at_{depth}": right for depth, right in enumerate(by_depth, 1)},
        }

    def behavior(self, figures: Mapping[str, float]) -> str:
        by_depth = [f"{right:.0%}" for name, right in figures.items() if name.startswith("at_")]
        return f"solves {figures['longest']:.0f} of {len(by_depth)} steps; right by depth: {' '.join(by_depth)}"

    def example(self, answered: Sequence[Answered]) -> str:
        """The first wrong step of the scene with the most right steps."""
        steps = [
            next((d for d in range(len(e.questions)) if not e.is_right(d)), len(e.questions) - 1) for e in answered
        ]
        best = int(np.argmax(steps))
        return shown_answer(answered[best], steps[best])
