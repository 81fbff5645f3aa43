"""A closed-form objective with known text effects, for tests, calibration and examples."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

from objectives.base import ADAPTER_WEIGHTS, STATE, TEXT_TOKENS, Prepared, Rung
from objectives.questions import ItemWeights
from objectives.spec import SyntheticSpec
from spaces import Corpus, Layout, MixtuneError, Module, TrialConfig
from spaces.files import write_text
from spaces.trial import Split

_QUESTIONS = 20


class SyntheticObjective:
    """Score = base + effects of the texts present + their interactions - rate penalty + noise.

    The effect of a text is proportional to its share of the mix, and complete at an even share.

    Every trial follows the same curve to its final score: after a share s of the budget, its gain over the base is
    1 - (1 - s)^2 of the final gain.
    """

    def __init__(self, spec: SyntheticSpec, corpus: Corpus, cache: Path) -> None:
        self._spec = spec
        self._corpus = corpus

    @classmethod
    def prepare(cls, spec: SyntheticSpec, corpus: Corpus, cache: Path) -> Prepared:
        """Check the names of the effects.

        Raises:
            InputError: an effect names a text that is not in the corpus.
        """
        pairs = (part.strip() for pair in spec.interactions for part in pair.split("*"))
        for name in (*spec.effects, *pairs):
            corpus.named(name, "objective.effects")
        modules = (Module("self_attn.q_proj", 8, 8), Module("self_attn.v_proj", 8, 8), Module("mlp.up_proj", 8, 16))
        layout = Layout("synthetic", spec.layers, modules, context=64)
        counted = corpus.counted(lambda text: text.words)
        holdout = ItemWeights.of([0] * _QUESTIONS, range(_QUESTIONS), [1.0] * _QUESTIONS)
        return Prepared(layout, counted, device="cpu", rungs=_rungs(spec), holdout=holdout)

    @property
    def rungs(self) -> tuple[int, ...]:
        return _rungs(self._spec)

    def truth(self, trial: TrialConfig) -> float:
        """Final score of a trial without noise."""
        spec = self._spec
        shares = {self._corpus[name].name: share for name, share in trial.mix.weights}
        names = set(shares)
        if not names:
            return spec.base_score
        even = 1 / len(names)
        total = spec.base_score + sum(spec.effects.get(name, 0.0) * share / even for name, share in shares.items())
        for pair, effect in spec.interactions.items():
            total += effect * all(part.strip() in names for part in pair.split("*"))
        return total - spec.rate_penalty * abs(math.log10(trial.stages[0].learning_rate / spec.best_rate))

    def _cost(self, trial: TrialConfig) -> dict[str, float]:
        """Cost qualities of a trial: the words of its mix, and one weight for every rank."""
        words = sum(self._corpus[name].words for name in trial.mix.names)
        ranks = sum(stage.tuning.rank for stage in trial.stages if stage.mix.names)
        return {TEXT_TOKENS: float(words), ADAPTER_WEIGHTS: float(ranks)}

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        key = trial.fingerprint_on(split)
        rng = random.Random(key)
        fails = rng.random() < self._spec.failures
        noise = rng.gauss(0, self._spec.noise) if trial.mix.names else 0.0
        gain = self.truth(trial) + noise - self._spec.base_score
        file = workdir / STATE / f"{key}.json"
        last = Rung.from_dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None
        cost = self._cost(trial)
        for index, tokens in enumerate(self.rungs):
            items = _centered([rng.gauss(0, 0.01) for _ in range(_QUESTIONS)])
            if last is not None and index <= last.index:
                if index == last.index:
                    yield last
                continue
            time.sleep(self._spec.seconds)
            if fails:
                raise MixtuneError(
                    "The synthetic objective fails for this seed, as objective.failures requires.", code="told-to-fail"
                )
            share = tokens / self._spec.tokens
            score = self._spec.base_score + gain * (1 - (1 - share) ** 2)
            rung = Rung(
                index=index,
                tokens=tokens,
                score=score,
                stderr=self._spec.noise,
                base=self._spec.base_score,
                items=tuple(score + item for item in items),
                seconds={"train": self._spec.seconds},
                qualities={"accuracy": score, **cost},
            )
            _save(file, rung)
            yield rung


def _centered(items: list[float]) -> list[float]:
    """Subtract the mean from the items, so that a score is the mean of its questions."""
    mean = math.fsum(items) / len(items)
    return [item - mean for item in items]


def _save(file: Path, rung: Rung) -> None:
    """Write a rung atomically."""
    write_text(file, json.dumps(rung.to_dict()))


def _rungs(spec: SyntheticSpec) -> tuple[int, ...]:
    return tuple(round(spec.tokens * (i + 1) / spec.rungs) for i in range(spec.rungs))
