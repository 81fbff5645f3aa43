"""Correctness under pressure: whether a right answer stays right when something irrelevant is added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from objectives.scenes.spec import PressureScene
from objectives.scoring.scenes.qualities.quality import CHOICES, Answered, share, shown_answer
from spaces import Corpus

_PLAIN = 0


class UnderPressure:
    """Pressure. The searched figure is the mean probability of the right answer over the pressed forms of a scene."""

    task: ClassVar[Mapping[str, Any]] = CHOICES
    headline: ClassVar[str] = "kept"

    def __init__(self, corpus: Corpus, threshold: float) -> None:
        pass

    def asks(self, scene: PressureScene) -> list[dict[str, Any]]:
        prompts = [scene.plain, *scene.pressed.values()]
        fixed = {"choices": scene.choices, "gold": scene.choices.index(scene.answer)}
        return [{"prompt": prompt, **fixed} for prompt in prompts]

    def item(self, answered: Answered) -> float:
        return float(np.mean([answered.right(form) for form in range(1, len(answered.questions))]))

    def figures(self, answered: Sequence[Answered]) -> dict[str, float]:
        """Compute the figures of all scenes.

        `kept`: share of pressed forms answered right among those whose plain form is; `flipped`: share of pressed forms
        whose answer differs from the plain form's. `plain`, `distractors`, `contradiction`, `suggestion`: accuracy of
        each form.
        """
        kept: list[bool] = []
        flipped: list[bool] = []
        right: dict[str, list[bool]] = {"plain": []}
        for each in answered:
            right["plain"].append(each.is_right(_PLAIN))
            for form, name in enumerate(each.scene.pressed, 1):
                right.setdefault(name, []).append(each.is_right(form))
                flipped.append(each.chosen(form) != each.chosen(_PLAIN))
                if each.is_right(_PLAIN):
                    kept.append(each.is_right(form))
        accuracies = {name: share(outcomes) for name, outcomes in right.items()}
        return {**({"kept": share(kept)} if kept else {}), "flipped": share(flipped), **accuracies}

    def behavior(self, figures: Mapping[str, float]) -> str:
        forms = [name for name in ("plain", "distractors", "contradiction", "suggestion") if name in figures]
        return f"flips {figures['flipped']:.0%}; right: " + ", ".join(f"{name} {figures[name]:.0%}" for name in forms)

    def example(self, answered: Sequence[Answered]) -> str:
        """A pressed form that turns a right answer into a wrong one, if there is any."""
        for each in answered:
            wrong = next((f for f in range(1, len(each.questions)) if not each.is_right(f)), None)
            if wrong is not None and each.is_right(_PLAIN):
                return shown_answer(each, wrong)
        return shown_answer(answered[0], 1)
