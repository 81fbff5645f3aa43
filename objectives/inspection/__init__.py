"""What a trial has changed in the model: its weights, and where it looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from objectives.bases.hub import FOUR_BITS
from objectives.inspection.attention import Attention, attention_of
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.scorer import scorer_of
from objectives.spec import FinetuneSpec
from objectives.training import artifact
from objectives.training.changes import Change, merge_measured
from objectives.worker import open_base
from spaces import Corpus, InputError

_LONGEST = 256
"""Tokens of each that are looked at."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A tuned model against its base."""

    layers: int
    """Of the model."""
    stages: tuple[tuple[str, tuple[Change, ...]], ...]
    """Name of each stage, and what it did to every weight that it trained."""
    base: Attention | None
    """Where the base looks on a few of the study's questions; None for a model that does not tell."""
    tuned: Attention | None

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return {
            "layers": self.layers,
            "stages": [[name, [asdict(change) for change in changes]] for name, changes in self.stages],
            "attention": [
                {"entropy": found.entropy.tolist(), "distance": found.distance.tolist()}
                for found in (self.base, self.tuned)
                if found is not None
            ],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Inspection:
        """The inverse of `to_dict`."""
        stages = tuple((name, tuple(Change(**change) for change in changes)) for name, changes in data["stages"])
        found = [Attention(np.array(each["entropy"]), np.array(each["distance"])) for each in data["attention"]]
        return cls(data["layers"], stages, *(found or (None, None)))


def inspect(spec: FinetuneSpec, corpus: Corpus, kept: Path) -> Inspection:
    """Compare what a trial left in a folder with its base.

    Raises:
        InputError: the base cannot be loaded any more.
    """
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    encoding, layout = base.encoding(spec.add_bos_token), base.layout()
    texts = [
        encoding.with_prefix(tokens[-(min(_LONGEST, layout.context) - len(encoding.prefix)) :])
        for text in _texts(spec, corpus, ContextWindow.of(encoding, layout.context))
        if len(tokens := encoding.plain(text)) > 1
    ]
    model = base.model("bfloat16" if spec.precision == FOUR_BITS else spec.precision, "cpu")
    before = _attention(model, texts)
    stages = tuple((learned.name, tuple(merge_measured(model, learned)[0])) for learned in artifact.load(kept))
    return Inspection(layout.layers, stages, before, _attention(model, texts) if before is not None else None)


def _attention(model: Any, texts: Sequence[Sequence[int]]) -> Attention | None:
    try:
        return attention_of(model, texts)
    except InputError:
        return None  # the figure is left out


def _texts(spec: FinetuneSpec, corpus: Corpus, window: ContextWindow) -> list[str]:
    """A few of the questions, or of the passages, that the study is scored on."""
    return scorer_of(spec.scores[0]).samples(spec.scores[0], corpus, window)
