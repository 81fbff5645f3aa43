"""The fine-tuning objective: train an adapter on the mix, score the adapted model at every rung."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from objectives.base import ADAPTER_WEIGHTS, FORGOTTEN, TEXT_TOKENS, TRAIN_LOSS, Prepared, Rung, Score
from objectives.preflight import prepare
from objectives.questions import IN_PASSING, QuestionSubset
from objectives.scoring import stored
from objectives.scoring.heldout.text import HELDOUT
from objectives.spec import FinetuneSpec
from objectives.training import artifact, state
from objectives.training.pipeline import Pipeline
from objectives.worker import WorkerResources
from spaces import Corpus, TrialConfig
from spaces.trial import Split


class FinetuneObjective:
    """Trains every trial on the same number of tokens; the base is loaded once and shared by all trials."""

    def __init__(self, spec: FinetuneSpec, corpus: Corpus, cache: Path) -> None:
        """Store the settings; the first trial loads the base."""
        self._spec = spec
        self._corpus = corpus
        self._cache = cache
        self._loaded: dict[bool, WorkerResources] = {}

    @classmethod
    def prepare(cls, spec: FinetuneSpec, corpus: Corpus, cache: Path) -> Prepared:
        """Check base, texts and tasks without loading weights.

        Raises:
            InputError: a base, text or task of the study is missing or cannot be used.
        """
        return prepare(spec, corpus, cache)

    @property
    def rungs(self) -> tuple[int, ...]:
        return self._spec.rung_tokens

    def _resources(self, trial: TrialConfig) -> WorkerResources:
        if trial.from_scratch not in self._loaded:
            self._loaded = {}  # one model at a time
            resources = WorkerResources.open(self._spec, self._corpus, self._cache, from_scratch=trial.from_scratch)
            self._loaded[trial.from_scratch] = resources
        return self._loaded[trial.from_scratch]

    def evaluate(self, trial: TrialConfig, workdir: Path, split: Split = "search") -> Iterator[Rung]:
        try:
            yield from self._evaluate(trial, workdir, split)
        except Exception:
            self._loaded = {}  # the failure may have left the base modified: load it again
            raise

    def _evaluate(self, trial: TrialConfig, workdir: Path, split: Split) -> Iterator[Rung]:
        clock = _Clock()
        resources = self._resources(trial)
        parts = self._parts(split)
        for part in reversed(parts):  # the last first: earlier parts with the same questions reuse its scores
            resources.base_scores(part)
        clock.lap("load")
        names = dict.fromkeys(name for stage in trial.stages for name in stage.mix.names)
        tokens = {name: resources.tokens(self._corpus[name]) for name in names}
        with Pipeline(resources.model, trial, tokens, self._spec, resources.tokens.prefix) as pipeline:
            if pipeline.stages:
                yield from self._train(resources, trial, pipeline, parts, workdir, clock, trial.fingerprint_on(split))
                return
        for index, part in enumerate(parts):  # nothing to train on: the untouched base at every budget
            scores = resources.base_scores(part)
            stored.save(scores, scores, part, _scores_file(workdir, index))
            yield _rung(index, self.rungs[index], scores, scores, clock)

    def _train(
        self,
        resources: WorkerResources,
        trial: TrialConfig,
        pipeline: Pipeline,
        parts: list[QuestionSubset],
        workdir: Path,
        clock: _Clock,
        key: str,
    ) -> Iterator[Rung]:
        spec = self._spec
        last = state.restore(pipeline, key, workdir)
        clock.lap("setup")
        if last is not None:
            yield last
        for index, (step, budget, part) in enumerate(zip(spec.rung_steps, self.rungs, parts, strict=True)):
            if last is not None and index <= last.index:
                continue
            loss = pipeline.run(step)
            clock.lap("train")
            scores, base = resources.score(part), resources.base_scores(part)
            clock.lap("score")
            stored.save(scores, base, part, _scores_file(workdir, index))
            folder = workdir / f"rung-{index}"
            artifact.save(pipeline, folder, artifact.describe(trial, resources.corpus, pipeline, spec.step_tokens, key))
            clock.lap("save")
            rung = _rung(index, budget, scores, base, clock)
            cost = {
                **({TRAIN_LOSS: loss} if loss is not None else {}),
                TEXT_TOKENS: float(sum(resources.corpus[name].tokens for name in pipeline.texts)),
                ADAPTER_WEIGHTS: float(pipeline.trainable),
            }
            rung = replace(rung, artifact=folder.name, qualities={**rung.qualities, **cost})
            state.save(pipeline, rung, key, workdir)
            artifact.keep_only(folder)
            clock.lap("save")
            yield rung

    def _parts(self, split: Split) -> list[QuestionSubset]:
        """Questions of each rung: for the search as the study says, for the holdout all of them at the last rung."""
        last = len(self.rungs) - 1
        shares = self._spec.rung_questions if split == "search" else (*[IN_PASSING] * last, 1.0)
        return [QuestionSubset(split, share, final=index == last) for index, share in enumerate(shares)]


def _scores_file(workdir: Path, index: int) -> Path:
    return workdir / stored.FOLDER / f"rung-{index}.safetensors"


def _rung(index: int, tokens: int, scores: tuple[Score, ...], base: tuple[Score, ...], clock: _Clock) -> Rung:
    first, before = scores[0], base[0]
    qualities = {TEXT_TOKENS: 0.0, ADAPTER_WEIGHTS: 0.0}
    heldout = next((i for i, score in enumerate(scores) if HELDOUT in score.qualities), None)
    for entry, score in enumerate(scores):
        named = entry == 0 or (score.own_names and not score.qualities.keys() & qualities.keys())
        qualities |= {name if named else f"scores.{entry}/{name}": value for name, value in score.qualities.items()}
    if heldout is not None:
        qualities[FORGOTTEN] = scores[heldout].qualities[HELDOUT] - base[heldout].qualities[HELDOUT]
    return Rung(
        index=index,
        tokens=tokens,
        score=first.value,
        stderr=first.stderr,
        base=before.value,
        gain_stderr=first.design.stderr(np.subtract(first.items, before.items)),
        items=first.items,
        seconds=clock.read(),
        qualities=qualities,
    )


class _Clock:
    """Seconds by phase since the last `read`."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._laps: dict[str, float] = {}

    def lap(self, phase: str) -> None:
        now = time.perf_counter()
        self._laps[phase] = self._laps.get(phase, 0.0) + now - self._last
        self._last = now

    def read(self) -> dict[str, float]:
        laps, self._laps = self._laps, {}
        return laps
