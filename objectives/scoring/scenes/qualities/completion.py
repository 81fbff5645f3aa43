"""Novel completion: whether a model continues a story by its rules, and in words that it has not been taught."""

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
"""A continuation of which this share is one passage of the texts is a copy."""


class Completion:
    """Searched: the novelty of a continuation that follows the rules of its scene; 0 of one that does not."""

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
        found = self._novelty(answered)
        return found.share if found.longest_copy < _MOST_COPIED * len(words) else 0.0

    def figures(self, answered: Sequence[Answered]) -> dict[str, float]:
        """`novel`: the mean of what is searched; `followed`: share that follows the rules; of these, `novelty`: share
        of new spans of words, and `longest_copy`: words of the longest passage that stands in the texts.
        """
        written = [words_of(_written(each)) for each in answered]
        following = [each for each, words in zip(answered, written, strict=True) if follows(each.scene, words)]
        found = [self._novelty(each) for each in following]
        return {
            "novel": float(np.mean([self.item(each) for each in answered])),
            "followed": len(following) / len(answered),
            **({"novelty": float(np.mean([each.share for each in found]))} if found else {}),
            **({"longest_copy": float(np.mean([each.longest_copy for each in found]))} if found else {}),
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
        kept = "" if follows(best.scene, words_of(_written(best))) else " (does not follow the rules)"
        return f"“{best.scene.prompt}” → {' '.join(_written(best).split())}{kept}"


def _written(answered: Answered) -> str:
    return str(answered.questions[0].instances[0].resps[0])
