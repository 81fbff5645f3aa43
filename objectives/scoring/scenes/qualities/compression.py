"""Compression of a concept: the share of the bits of its long form that its short form saves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from objectives.scenes.spec import CompressionScene
from objectives.scoring.scenes.qualities.quality import Answered
from spaces import Corpus

_GIVEN, _ALONE = 0, 1


def _target(doc: Mapping[str, Any]) -> str:
    """The long form with the space before it, which lm-eval adds for choices only."""
    return f" {doc['long']}"


class Compression:
    """Compression. The searched figure is the share, in [-1, 1], of a long form's bits that the short form saves."""

    task: ClassVar[Mapping[str, Any]] = {"output_type": "loglikelihood", "doc_to_target": _target}
    headline: ClassVar[str] = "saved"

    def __init__(self, corpus: Corpus, threshold: float) -> None:
        pass

    def asks(self, scene: CompressionScene) -> list[dict[str, Any]]:
        prompts = (f"{scene.short} {scene.lead}", scene.lead)
        return [{"prompt": prompt, "long": scene.long} for prompt in prompts]

    def item(self, answered: Answered) -> float:
        return max(-1.0, 1 - _bits(answered, _GIVEN) / _bits(answered, _ALONE))

    def figures(self, answered: Sequence[Answered]) -> dict[str, float]:
        """Compute the figures of all scenes.

        `saved`: share of all bits that the short forms save; `given_bits_per_byte` and `alone_bits_per_byte`: bits per
        byte of the long forms with and without the short forms.
        """
        given, alone = (sum(_bits(each, form) for each in answered) for form in (_GIVEN, _ALONE))
        size = sum(len(each.scene.long.encode()) for each in answered)
        return {
            "saved": 1 - given / alone,
            "given_bits_per_byte": given / size,
            "alone_bits_per_byte": alone / size,
        }

    def behavior(self, figures: Mapping[str, float]) -> str:
        return (
            f"{figures['given_bits_per_byte']:.2f} bits per byte after the short form, "
            f"{figures['alone_bits_per_byte']:.2f} without it"
        )

    def example(self, answered: Sequence[Answered]) -> str:
        """The scene whose short form saves most."""
        best = max(answered, key=self.item)
        given, alone = (_bits(best, form) for form in (_GIVEN, _ALONE))
        return f"“{best.scene.short}” takes “{best.scene.long}” from {alone:.0f} to {given:.0f} bits"


def _bits(answered: Answered, form: int) -> float:
    """Bits of the long form; always positive, so that shares of them are defined."""
    return max(1e-9, -float(answered.questions[form].instances[0].resps[0][0]) / math.log(2))
