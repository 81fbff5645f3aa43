"""Resources that all trials of a worker share, loaded once: base, tokens, benchmark requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from objectives.acceleration.onednn import use_onednn
from objectives.acceleration.prefix import enable_prefix_cache
from objectives.base import Score, Scorer
from objectives.bases import BASES
from objectives.bases.hub import reinitialized
from objectives.data.tokens import TokenStore
from objectives.device import choose_device
from objectives.questions import QuestionSubset
from objectives.scoring.scorer import scorer_of
from objectives.spec import FinetuneSpec
from spaces import Corpus, Layout
from spaces.kinds import load

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from objectives.bases.encoding import TextEncoding
    from objectives.bases.identity import BaseIdentity
    from spaces.choices import Switch


_SEED = 0
"""Seed of the random weights of a model that is trained from scratch."""


class Base(Protocol):
    """A base model that can be loaded; see `objectives.bases`."""

    name: str

    def layout(self) -> Layout: ...

    def outline(self) -> PreTrainedModel: ...

    def tokenizer(self) -> PreTrainedTokenizerBase: ...

    def encoding(self, add_bos_token: Switch = "auto") -> TextEncoding: ...

    def fetch(self, add_bos_token: Switch = "auto") -> BaseIdentity: ...

    def check_weights(self) -> tuple[str, ...]: ...

    def model(self, precision: str, device: str) -> PreTrainedModel: ...


def open_base(name: str, *, trust_code: bool = False) -> Base:
    """Return the base with a name; nothing is loaded yet. `trust_code`: run Python code that comes with the base."""
    kind = cast("Callable[..., Base]", load(BASES.get(name, BASES["hub"])))
    return kind(name, trust_code=trust_code)


def kept_shares(spec: FinetuneSpec) -> dict[str, float]:
    """Share of each text's end that is scored and must not be trained on, by text name."""
    kept: dict[str, float] = {}
    for part in spec.scores:
        for text, share in part.kept.items():
            kept[text] = max(share, kept.get(text, 0.0))
    return kept


@dataclass(frozen=True, slots=True)
class WorkerResources:
    """A loaded base, the corpus as tokens, and the scorers that measure the base in its current state."""

    model: PreTrainedModel
    tokens: TokenStore
    corpus: Corpus
    scorers: tuple[Scorer, ...]
    _base: dict[QuestionSubset, tuple[Score, ...]] = field(default_factory=dict)

    @classmethod
    def open(cls, spec: FinetuneSpec, corpus: Corpus, cache: Path, *, from_scratch: bool = False) -> WorkerResources:
        """Load everything, in seconds for a small base and minutes for a large one.

        `from_scratch`: replace the base's weights by random ones, the same in every worker.
        """
        base = open_base(spec.base, trust_code=spec.trust_remote_code)
        encoding = base.encoding(spec.add_bos_token)
        model = base.model(spec.precision, choose_device(spec.device))
        if from_scratch:
            model = reinitialized(model, _SEED)
        use_onednn(model)
        enable_prefix_cache(model, round(spec.prefix_cache_gb * 1e9))
        scorers = tuple(scorer_of(part)(part, corpus, model, encoding) for part in spec.scores)
        tokens = TokenStore(encoding, cache, kept_shares(spec))
        return cls(model, tokens, tokens.counted(corpus), scorers)

    def score(self, part: QuestionSubset) -> tuple[Score, ...]:
        """Score the model in its current state, in the order of `objective.scores`."""
        return tuple(scorer.score(part) for scorer in self.scorers)

    def base_scores(self, part: QuestionSubset) -> tuple[Score, ...]:
        """Return the scores of the base, cached; the first call for a subset must come while the base is untouched."""
        final = replace(part, final=True)  # its additional generated answers do no harm
        key = final if final in self._base else part
        if key not in self._base:
            self._base[key] = self.score(key)
        return self._base[key]
