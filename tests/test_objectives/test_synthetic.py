from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import objectives
from spaces import Corpus, CorpusMix, MixtuneError, Stage, TrialConfig, Tuning
from tests.support.studies import synthetic


def trial(*texts: str, rate: float = 1e-3, seed: int = 0) -> TrialConfig:
    tuning = Tuning("lora", 8, 16, 0, ("q_proj",))
    return TrialConfig("synthetic", seed, (Stage("train", CorpusMix.equal(texts), tuning, (), 900, rate),))


def final(corpus: Corpus, config: TrialConfig, **fields: object) -> float:
    objective = objectives.build(synthetic(**fields), corpus, Path("unused"))
    with tempfile.TemporaryDirectory() as folder:
        return list(objective.evaluate(config, Path(folder)))[-1].score


def test_the_score_is_the_formula(corpus: Corpus) -> None:
    assert final(corpus, trial()) == 0.25
    assert final(corpus, trial("alpha")) == pytest.approx(0.55)
    assert final(corpus, trial("alpha", "beta", "gamma")) == pytest.approx(0.35)
    pairs = {"interactions": {"alpha*gamma": 0.1}}
    assert final(corpus, trial("alpha", "gamma"), **pairs) == pytest.approx(0.65)
    assert final(corpus, trial("alpha"), **pairs) == pytest.approx(0.55)
    assert final(corpus, trial("alpha", rate=1e-2), rate_penalty=0.1) == pytest.approx(0.45)


def test_noise_depends_on_the_seed(corpus: Corpus) -> None:
    scores = [final(corpus, trial("alpha", seed=seed), noise=0.1) for seed in (1, 1, 2)]
    assert scores[0] == scores[1] != scores[2]


def test_the_share_that_is_to_fail_fails(corpus: Corpus) -> None:
    failed = 0
    for seed in range(200):
        try:
            final(corpus, trial("alpha", seed=seed), failures=0.3)
        except MixtuneError:
            failed += 1
    assert 40 <= failed <= 80
