"""An objective that the user's own Python code computes: from a trial to a score, without a base of ours."""

from __future__ import annotations

import inspect
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from objectives.base import STATE, TEXT_TOKENS, Prepared, Rung
from objectives.spec import FunctionSpec
from spaces import Corpus, Layout, MixtuneError, Module, TrialConfig
from spaces.files import write_text
from spaces.functions import check_call
from spaces.trial import Split

_MODULES = (Module("self_attn.q_proj", 8, 8), Module("self_attn.v_proj", 8, 8), Module("mlp.up_proj", 8, 16))
_LAYERS = 4
_NOTHING = object()


class FunctionObjective:
    """Calls the user's function with a trial; every score that it returns or yields is a rung.

    A trial that was interrupted is computed again from its start, and its stored rungs are reported as they were.
    """

    def __init__(self, spec: FunctionSpec, corpus: Corpus, cache: Path) -> None:
        self._spec = spec
        self._corpus = corpus

    @classmethod
    def prepare(cls, spec: FunctionSpec, corpus: Corpus, cache: Path) -> Prepared:
        """Check that the function can be found.

        Raises:
            InputError: it cannot be imported, or is not a function.
        """
        check_call(spec.function, 1)
        inputs = {f"the objective {spec.function.path!r}": spec.function.digest}
        layout = Layout("function", _LAYERS, _MODULES, context=1 << 20)
        counted = corpus.counted(lambda text: text.words)
        return Prepared(
            layout,
            counted,
            "cpu",
            rungs=_rungs(spec),
            inputs=inputs,
            metric=spec.function.name,
            qualities=(TEXT_TOKENS,),
        )

    @property
    def rungs(self) -> tuple[int, ...]:
        return _rungs(self._spec)

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        file = workdir / STATE / f"{trial.fingerprint_on(split)}.json"
        stored = [Rung.from_dict(rung) for rung in json.loads(file.read_text("utf-8"))] if file.is_file() else []
        if stored:
            yield stored[-1]
        if len(stored) == len(self.rungs):
            return
        began = time.perf_counter()
        for index, score in enumerate(self._scores(trial)):
            if index < len(stored):
                continue
            seconds, began = time.perf_counter() - began, time.perf_counter()
            rung = self._rung(trial, index, score, seconds)
            stored.append(rung)
            write_text(file, json.dumps([each.to_dict() for each in stored]))
            yield rung

    def _rung(self, trial: TrialConfig, index: int, score: float, seconds: float) -> Rung:
        words = sum(self._corpus[name].words for name in trial.mix.names)
        return Rung(
            index=index,
            tokens=self.rungs[index],
            score=score,
            stderr=0.0,
            base=self._spec.base_score,
            items=(score,),
            seconds={"function": seconds},
            qualities={TEXT_TOKENS: float(words)},
        )

    def _scores(self, trial: TrialConfig) -> Iterator[float]:
        """One score for each rung.

        Raises:
            MixtuneError: the function returned no number, or another number of scores than there are rungs.
        """
        returned: Any = self._spec.function.target(trial)
        scores = returned if inspect.isgenerator(returned) else iter([returned])
        rule = f"{len(self.rungs)} scores, one for each rung (objective.rungs)"
        for index in range(len(self.rungs)):
            score = next(scores, _NOTHING)
            if score is _NOTHING:
                raise self._unusable(rule, str(index))
            last = index == len(self.rungs) - 1
            if last and next(scores, _NOTHING) is not _NOTHING:  # nobody asks again after the last rung
                raise self._unusable(rule, "more")
            yield self._checked(score)

    def _checked(self, score: Any) -> float:
        try:
            value = float(score)
        except (TypeError, ValueError) as error:
            raise self._unusable("numbers", type(score).__name__) from error
        if not math.isfinite(value):
            raise self._unusable("finite numbers", str(value))
        return value

    def _unusable(self, rule: str, came: str) -> MixtuneError:
        path = self._spec.function.path
        return MixtuneError(
            f"The objective {path!r} must return or yield {rule}; got {came}.", code="objective-returned"
        )


def _rungs(spec: FunctionSpec) -> tuple[int, ...]:
    return tuple(round(spec.tokens * (i + 1) / spec.rungs) for i in range(spec.rungs))
