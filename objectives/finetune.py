"""The real objective: train an adapter on the mix, score the adapted model at every rung."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from objectives.base import Prepared, Rung, Score
from objectives.scoring.benchmark import prepare_tasks
from objectives.scoring.heldout import passages
from objectives.scoring.tasks import fingerprint_of
from objectives.spec import BenchmarkSpec, FinetuneSpec, HeldoutSpec
from objectives.training import artifact, state
from objectives.training.adapter import adapted
from objectives.training.data import MixStream
from objectives.training.loop import Trainer
from objectives.training.tokens import TokenStore
from objectives.workbench import Workbench, choose_device, kept_shares, open_base
from spaces import Corpus, FieldError, InputError, Stage, TrialConfig
from spaces.trial import fingerprint

_BYTES_PER_WEIGHT = 4


class FinetuneObjective:
    """Same tokens for every trial, whatever its texts; the base is loaded once and shared by all trials."""

    def __init__(self, spec: FinetuneSpec, corpus: Corpus, cache: Path) -> None:
        """Remember what to do; the first trial loads the base."""
        self._spec = spec
        self._corpus = corpus
        self._cache = cache

    @classmethod
    def prepare(cls, spec: FinetuneSpec, corpus: Corpus, cache: Path) -> Prepared:
        """Check base, texts and tasks without loading weights.

        Raises:
            InputError: something that the study needs is missing or cannot be used.
        """
        base = open_base(spec.base, trust_code=spec.trust_remote_code)
        layout = base.layout()
        if spec.length > layout.context:
            raise FieldError(
                "objective.length",
                f"must not exceed {layout.context}, the context of the base {spec.base!r}; got {spec.length}.",
            )
        inputs = {"the base": base.fetch()}
        counted = TokenStore(base.tokenizer(), cache, kept_shares(spec)).counted(corpus)
        for text in counted.texts:
            if text.tokens <= spec.length:
                raise InputError(
                    f"The text {text.name!r} has {text.tokens} training tokens, and one training sequence takes "
                    f"{spec.length}. Remove the text, join it with another, or lower objective.length."
                )
        for index, part in enumerate(spec.scores):
            inputs |= {f"{name} (scores.{index})": digest for name, digest in _asked(part, corpus).items()}
        return Prepared(
            layout=layout,
            corpus=counted,
            adapter_bytes=layout.adapter_weights(rank=1) * _BYTES_PER_WEIGHT,
            device=choose_device(spec.device),
            rungs=spec.rung_tokens,
            inputs=inputs,
            notes=_repetition(spec, counted),
        )

    @property
    def rungs(self) -> tuple[int, ...]:
        return self._spec.rung_tokens

    @cached_property
    def _bench(self) -> Workbench:
        return Workbench.open(self._spec, self._corpus, self._cache)

    def evaluate(self, trial: TrialConfig, workdir: Path) -> Iterator[Rung]:
        try:
            yield from self._evaluate(trial, workdir)
        except Exception:
            self.__dict__.pop("_bench", None)  # whatever went wrong may have left the base changed: load it anew
            raise

    def _evaluate(self, trial: TrialConfig, workdir: Path) -> Iterator[Rung]:
        clock = _Clock()
        bench = self._bench
        clock.lap("load")
        (stage,) = trial.stages
        if stage.mix.names:
            yield from self._train(bench, trial, stage, workdir, clock)
        else:  # nothing to train on: the untouched base at every budget
            for index, tokens in enumerate(self.rungs):
                yield _rung(index, tokens, bench.base_scores, bench, clock)

    def _train(
        self, bench: Workbench, trial: TrialConfig, stage: Stage, workdir: Path, clock: _Clock
    ) -> Iterator[Rung]:
        spec = self._spec
        tokens = {name: bench.tokens(self._corpus[name]) for name in stage.mix.names}
        stream = MixStream(stage.mix, tokens, spec.length, spec.steps * spec.batch, trial.seed)
        with adapted(bench.model, stage, trial.seed) as model:
            trainer = Trainer(model, stream, spec, stage.learning_rate)
            last = state.restore(trainer, trial.fingerprint, workdir)
            clock.lap("setup")
            if last is not None:
                yield last
            for index, (step, budget) in enumerate(zip(spec.rung_steps, spec.rung_tokens, strict=True)):
                if step <= trainer.step:
                    continue
                loss = trainer.run(step)
                clock.lap("train")
                scores = bench.score()
                clock.lap("score")
                folder = workdir / f"rung-{index}"
                epochs = stream.epochs(step * spec.batch)
                artifact.save(model, folder, artifact.describe(trial, bench.corpus, budget, epochs))
                clock.lap("save")
                rung = _rung(index, budget, scores, bench, clock)
                rung = replace(rung, artifact=folder.name, qualities={**rung.qualities, "train_loss": loss})
                state.save(trainer, rung, trial.fingerprint, workdir)
                artifact.keep_only(folder)
                clock.lap("save")
                yield rung


def _asked(part: BenchmarkSpec | HeldoutSpec, corpus: Corpus) -> dict[str, str]:
    """What an entry of `objective.scores` measures on, checked, and its hash."""
    if isinstance(part, BenchmarkSpec):
        return {f"the task {name!r}": fingerprint_of(task) for name, task in prepare_tasks(part).items()}
    name = f"the end of {part.text!r}" if part.text is not None else f"held-out {', '.join(p.name for p in part.files)}"
    return {name: fingerprint(passages(part, corpus))}


def _rung(index: int, tokens: int, scores: tuple[Score, ...], bench: Workbench, clock: _Clock) -> Rung:
    first = scores[0]
    return Rung(
        index=index,
        tokens=tokens,
        score=first.value,
        stderr=first.stderr,
        base=bench.base_scores[0].value,
        items=first.items,
        seconds=clock.read(),
        qualities={name: value for score in reversed(scores) for name, value in score.qualities.items()},
    )


def _repetition(spec: FinetuneSpec, corpus: Corpus) -> tuple[str, ...]:
    """A note where a text alone in its mix would be read so often that it is learnt by heart."""
    budget = spec.rung_tokens[-1]
    often = [text for text in corpus.texts if budget / text.tokens > 20]
    if not often:
        return ()
    worst = max(often, key=lambda text: budget / text.tokens)
    note = (
        f"{len(often)} of {len(corpus.texts)} texts would be read more than 20 times where they are alone in a mix "
        f"({worst.name!r}: {budget / worst.tokens:.0f} times), and be learnt by heart. Lower objective.tokens "
        "to compare texts by what they teach."
    )
    return (note,)


class _Clock:
    """Seconds by phase since they were last read."""

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
