"""The interface of a quality of reasoning: it turns a scene into questions, and answers into figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy.special import softmax

from objectives.scenes.spec import ChoicePrompt
from objectives.scoring.questions.loaded_task import Question
from spaces import Corpus


@dataclass(frozen=True, slots=True)
class Answered:
    """A scene with answered questions."""

    scene: Any
    """The scene, of the quality's own class."""
    questions: Sequence[Question]
    """Questions of the scene, in the order of `Quality.asks`."""

    def probabilities(self, question: int = 0) -> Any:
        """Probability of every choice of a question with choices, in [0, 1], shape (choices,)."""
        return softmax(self.questions[question].choice_logs)

    def right(self, question: int = 0) -> float:
        """Probability of the right choice."""
        return float(self.probabilities(question)[self.gold(question)])

    def chosen(self, question: int = 0) -> int:
        """Index of the most probable choice."""
        return int(np.argmax(self.questions[question].choice_logs))

    def gold(self, question: int = 0) -> int:
        """Index of the right choice."""
        return int(self.questions[question].doc["gold"])

    def is_right(self, question: int = 0) -> bool:
        """Whether the most probable choice is the right one."""
        return self.chosen(question) == self.gold(question)


class Quality(Protocol):
    """One quality of reasoning; an instance serves one model."""

    task: ClassVar[Mapping[str, Any]]
    """Fields of the quality's lm-eval task, in addition to those of `TASK`."""
    headline: ClassVar[str]
    """Name of the main figure for readers."""

    def __init__(self, corpus: Corpus, threshold: float) -> None:
        """Store the settings.

        Args:
            corpus: texts that the model may have been trained on.
            threshold: accuracy, in [0, 1], that counts as solving a depth.
        """
        ...

    def asks(self, scene: Any) -> list[dict[str, Any]]:
        """Return the fields of each question about a scene."""
        ...

    def item(self, answered: Answered) -> float:
        """Score of a scene for the search, at most 1, higher is better."""
        ...

    def figures(self, answered: Sequence[Answered]) -> dict[str, float]:
        """Figures over all scenes together; shares of an empty set are left out."""
        ...

    def behavior(self, figures: Mapping[str, float]) -> str:
        """Describe the figures in words."""
        ...

    def example(self, answered: Sequence[Answered]) -> str:
        """Return an answer that illustrates the model's behavior."""
        ...


TASK: Mapping[str, Any] = {
    "test_split": "test",
    "doc_to_text": itemgetter("prompt"),  # not a template, which would interpret braces in the text
    "target_delimiter": " ",
    "metadata": {"version": 1.0, "passage": "{{scene}}"},  # questions of a scene stay on one side of the split
}
CHOICES: Mapping[str, Any] = {
    "output_type": "multiple_choice",
    "doc_to_choice": itemgetter("choices"),
    "doc_to_target": itemgetter("gold"),
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}
"""Fields of an lm-eval task whose questions have choices."""


def with_choices(prompt: ChoicePrompt) -> dict[str, Any]:
    """Return the fields of a question with choices."""
    return {"prompt": prompt.prompt, "choices": prompt.choices, "gold": prompt.gold}


def shown_answer(answered: Answered, question: int) -> str:
    """Format a prompt with the chosen answer, and the right one if they differ."""
    doc = answered.questions[question].doc
    choices = doc["choices"]
    right = "" if answered.is_right(question) else f" (right: {choices[answered.gold(question)]})"
    return f"“{doc['prompt']}” → {choices[answered.chosen(question)]}{right}"


def share(true: Sequence[bool]) -> float:
    """Share of true values in a sequence, which must not be empty."""
    return sum(true) / len(true)
