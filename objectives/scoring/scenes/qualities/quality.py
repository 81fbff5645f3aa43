"""What every quality of reasoning does: questions out of a scene, and figures out of the answers."""

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
    """A scene whose questions were answered."""

    scene: Any
    """Of the quality's own kind."""
    questions: Sequence[Question]
    """In the order of `Quality.asks`."""

    def probabilities(self, question: int = 0) -> Any:
        """The probability of every choice of a question with choices, shape (choices,)."""
        return softmax(self.questions[question].choice_logs)

    def right(self, question: int = 0) -> float:
        """Probability of the right choice."""
        return float(self.probabilities(question)[self.gold(question)])

    def chosen(self, question: int = 0) -> int:
        """Number of the most probable choice."""
        return int(np.argmax(self.questions[question].choice_logs))

    def gold(self, question: int = 0) -> int:
        """Number of the right choice."""
        return int(self.questions[question].doc["gold"])

    def is_right(self, question: int = 0) -> bool:
        """Whether the most probable choice is the right one."""
        return self.chosen(question) == self.gold(question)


class Quality(Protocol):
    """One quality of reasoning; an instance serves one model."""

    task: ClassVar[Mapping[str, Any]]
    """Fields of the lm-eval task that asks its questions, beside those of `TASK`."""
    headline: ClassVar[str]
    """The figure that people read first."""

    def __init__(self, corpus: Corpus, threshold: float) -> None:
        """`corpus`: what may have been trained on; `threshold`: accuracy at which a depth holds, in [0, 1]."""
        ...

    def asks(self, scene: Any) -> list[dict[str, Any]]:
        """The questions of a scene: the fields of each."""
        ...

    def item(self, answered: Answered) -> float:
        """A scene's part of the score that is searched, at most 1, higher is better."""
        ...

    def figures(self, answered: Sequence[Answered]) -> dict[str, float]:
        """Figures over all scenes together; a share of nothing is left out."""
        ...

    def behavior(self, figures: Mapping[str, float]) -> str:
        """The figures in words."""
        ...

    def example(self, answered: Sequence[Answered]) -> str:
        """An answer that shows where the model stands."""
        ...


TASK: Mapping[str, Any] = {
    "test_split": "test",
    "doc_to_text": itemgetter("prompt"),  # not a template: lm-eval would read what it gives, such as brackets
    "target_delimiter": " ",
    "metadata": {"version": 1.0, "passage": "{{scene}}"},  # questions of a scene stay on one side of the split
}
CHOICES: Mapping[str, Any] = {
    "output_type": "multiple_choice",
    "doc_to_choice": itemgetter("choices"),
    "doc_to_target": itemgetter("gold"),
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}
"""Of a task whose questions have choices."""


def with_choices(asked: ChoicePrompt) -> dict[str, Any]:
    """A question that has choices."""
    return {"prompt": asked.prompt, "choices": asked.choices, "gold": asked.gold}


def told(answered: Answered, question: int) -> str:
    """A prompt and what was chosen."""
    doc = answered.questions[question].doc
    choices = doc["choices"]
    right = "" if answered.is_right(question) else f" (right: {choices[answered.gold(question)]})"
    return f"“{doc['prompt']}” → {choices[answered.chosen(question)]}{right}"


def share(true: Sequence[bool]) -> float:
    """The share of what is true; there must be something."""
    return sum(true) / len(true)
