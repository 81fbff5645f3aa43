"""Inspection of a tuned model: how its weights and its attention differ from those of the base."""

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

_MAX_TOKENS = 256
"""Maximum length of a text whose attention is measured, in tokens."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Comparison of a tuned model with its base."""

    layers: int
    """Number of layers of the model."""
    stages: tuple[tuple[str, tuple[Change, ...]], ...]
    """Name of each stage, with the change of every weight that the stage trained."""
    base: Attention | None
    """Attention of the base on a few of the study's questions; None if the model does not return attention weights."""
    tuned: Attention | None

    def to_dict(self) -> dict[str, Any]:
        """Return the inspection as JSON data."""
        return {
            "layers": self.layers,
            "stages": [[name, [asdict(change) for change in changes]] for name, changes in self.stages],
            "attention": [
                {"entropy": attention.entropy.tolist(), "distance": attention.distance.tolist()}
                for attention in (self.base, self.tuned)
                if attention is not None
            ],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Inspection:
        """Rebuild an inspection from the data of `to_dict`."""
        stages = tuple((name, tuple(Change(**change) for change in changes)) for name, changes in data["stages"])
        attention = [Attention(np.array(entry["entropy"]), np.array(entry["distance"])) for entry in data["attention"]]
        return cls(data["layers"], stages, *(attention or (None, None)))


def inspect(spec: FinetuneSpec, corpus: Corpus, kept: Path) -> Inspection:
    """Compare the stages that a trial saved in a folder with their base.

    Raises:
        InputError: the base can no longer be loaded.
    """
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    encoding, layout = base.encoding(spec.add_bos_token), base.layout()
    texts = [
        encoding.with_prefix(tokens[-(min(_MAX_TOKENS, layout.context) - len(encoding.prefix)) :])
        for text in _sample_texts(spec, corpus, ContextWindow.of(encoding, layout.context))
        if len(tokens := encoding.plain(text)) > 1
    ]
    model = base.model("bfloat16" if spec.precision == FOUR_BITS else spec.precision, "cpu")
    base_attention = _attention_or_none(model, texts)
    stages = tuple((adapter.name, tuple(merge_measured(model, adapter)[0])) for adapter in artifact.load(kept))
    return Inspection(
        layout.layers, stages, base_attention, _attention_or_none(model, texts) if base_attention is not None else None
    )


def _attention_or_none(model: Any, texts: Sequence[Sequence[int]]) -> Attention | None:
    try:
        return attention_of(model, texts)
    except InputError:
        return None  # the report omits the figure


def _sample_texts(spec: FinetuneSpec, corpus: Corpus, window: ContextWindow) -> list[str]:
    """Return a few of the questions or passages that the study is scored on."""
    return scorer_of(spec.scores[0]).samples(spec.scores[0], corpus, window)
