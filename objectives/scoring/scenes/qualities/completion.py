"""Novel completion: whether a model continues a story by its rules, in words that are not in the training texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, ClassVar

import numpy as np

from objectives.data.spans import words_of
from objectives.scenes.rules import follows
from objectives.scenes.spec import CompletionScene
from objectives.scoring.scenes.novelty import SPAN, Novelty, TrainedOn
from objectives.scoring.scenes.qualities.quality import Answered
from spaces import Corpus

_MOST_COPIED = 0.5
"""A continuation is a copy if at least this share of its words is one passage of the texts or the prompt."""


class Completion:
    """Novel completion. The searched figure is the novelty of a continuation; 0 if it breaks the rules of its scene."""

    task: ClassVar[Mapping[str, Any]] = {
        "output_type": "generate_until",
        "doc_to_target": itemgetter("example"),
        "generation_kwargs": {"until": ["\n\n"], "do_sample": False, "max_gen_toks": 80},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    headline: ClassVar[str] = "novel"

    def __init__(self, corpus: Corpus, threshold: float) -> None:
        self._trained_on = TrainedOn(corpus)

    def asks(self, scene: CompletionScene) -> list[dict[str, Any]]:
        return [{"prompt": scene.prompt, "example": scene.example}]

    def item(self, answered: Answered) -> float:
        words = words_of(_written(answered))
        if not follows(answered.scene, words):
            return 0.0
        novelty = self._novelty(answered)
        return novelty.share if novelty.longest_copy < _MOST_COPIED * len(words) else 0.0

    def figures(self, answered: Sequence[Answered]) -> dict[str, float]:
        """Compute the figures of all scenes.

        `novel`: mean of the searched figure; `followed`: share of continuations that follow the rules. Among those,
        `novelty`: mean share of new spans of words; `longest_copy`: mean words of the longest copied passage.
        """
        written = [words_of(_written(each)) for each in answered]
        following = [each for each, words in zip(answered, written, strict=True) if follows(each.scene, words)]
        novelties = [self._novelty(each) for each in following]
        return {
            "novel": float(np.mean([self.item(each) for each in answered])),
            "followed": len(following) / len(answered),
            **({"novelty": float(np.mean([each.share for each in novelties]))} if novelties else {}),
            **({"longest_copy": float(np.mean([each.longest_copy for each in novelties]))} if novelties else {}),
        }

    def _novelty(self, answered: Answered) -> Novelty:
        return self._trained_on.novelty(words_of(_written(answered)), answered.scene.prompt)

    def behavior(self, figures: Mapping[str, float]) -> str:
        followed = f"{figures['followed']:.0%} follow the rules"
        if "novelty" not in figures:
            return followed
        return (
            f"{followed}; of their spans of {SPAN} words {figures['novelty']:.0%} are new, the longest copy has "
            f"{figures['longest_copy']:.1f} words"
        )

    def example(self, answered: Sequence[Answered]) -> str:
        """The most novel continuation that follows the rules, else the first."""
        best = max(answered, key=self.item)
        remark = "" if follows(best.scene, words_of(_written(best))) else " (does not follow the rules)"
        return f"“{best.scene.prompt}” → {' '.join(_written(best).split())}{remark}"


def _written(answered: Answered) -> str:
    return str(answered.questions[0].instances[0].resps[0])
