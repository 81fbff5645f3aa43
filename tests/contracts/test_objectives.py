"""Every objective: what it yields, what lies on disk by then, and how it is left."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from safetensors import safe_open

import objectives
from objectives import OBJECTIVES
from objectives.base import STATE, Objective, Prepared, Rung
from objectives.scoring.stored import FOLDER as SCORES
from objectives.spec import FinetuneSpec, FunctionSpec, ObjectiveSpec
from spaces import Corpus, CorpusMix, LayerRange, Stage, TrialConfig, Tuning, scan
from spaces.functions import user_function
from tests.support.refusals import refused
from tests.support.studies import synthetic

_FAILS = 10_000_019
_FINETUNE = {
    "tokens": 600,
    "sequence_length": 16,
    "batch_size": 4,
    "rungs": [0.3, 0.7, 1.0],
    "scores": [{"kind": "heldout", "text": "alpha", "share": 0.3, "passage": 100}],
}


def _in_three_steps(trial: TrialConfig) -> Iterator[float]:
    if trial.seed == _FAILS:
        raise ValueError("this seed fails")
    for share in (0.3, 0.7, 1.0):
        yield share * len(trial.mix.names) * (1 + trial.seed % 7)


def spec_of(kind: str) -> ObjectiveSpec:
    specs: dict[str, ObjectiveSpec] = {
        "function": FunctionSpec(kind="function", function=user_function(_in_three_steps), tokens=900, rungs=3),
        "synthetic": synthetic(),
        "finetune": FinetuneSpec.model_validate(_FINETUNE),
    }
    assert set(specs) == set(OBJECTIVES), "a new objective needs an example here"
    return specs[kind]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("texts")
    for name, sentence in (("alpha", "the ant and the bee went to the river. "), ("beta", "bread, cheese and soup. ")):
        (folder / f"{name}.txt").write_text("".join(f"{sentence}{number}\n" for number in range(60)))
    return scan(folder)


@pytest.fixture(scope="module", params=[pytest.param("finetune", marks=pytest.mark.torch), "function", "synthetic"])
def made(
    request: pytest.FixtureRequest, texts: Corpus, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Objective, Prepared]:
    cache = tmp_path_factory.mktemp("cache")
    spec = spec_of(request.param)
    prepared = objectives.prepare(spec, texts, cache)
    return objectives.build(spec, prepared.corpus, cache), prepared


def trial(prepared: Prepared, *names: str, seed: int = 0) -> TrialConfig:
    targets = prepared.layout.resolve_targets("attention")
    tuning = Tuning("lora", rank=2, alpha=4, dropout=0.1, targets=targets)
    stage = Stage("train", CorpusMix.equal(names), tuning, (LayerRange(0, 1),), prepared.rungs[-1], 1e-3)
    return TrialConfig(prepared.layout.base, seed, (stage,))


def test_a_trial_yields_every_rung_in_order(made: tuple[Objective, Prepared], tmp_path: Path) -> None:
    objective, prepared = made
    rungs = list(objective.evaluate(trial(prepared, "alpha", "beta"), tmp_path))
    assert tuple(rung.tokens for rung in rungs) == objective.rungs == prepared.rungs
    assert [rung.index for rung in rungs] == list(range(len(rungs)))
    for rung in rungs:
        assert math.isfinite(rung.score)
        assert rung.stderr >= 0
        assert all(seconds >= 0 for seconds in rung.seconds.values())


def test_equal_trials_give_equal_scores(made: tuple[Objective, Prepared], tmp_path: Path) -> None:
    objective, prepared = made
    one, other = (
        [rung.score for rung in objective.evaluate(trial(prepared, "alpha"), tmp_path / str(i))] for i in (1, 2)
    )
    assert one == other


def test_the_empty_mix_scores_as_the_base(made: tuple[Objective, Prepared], tmp_path: Path) -> None:
    objective, prepared = made
    rungs = list(objective.evaluate(trial(prepared), tmp_path))
    assert [rung.score for rung in rungs] == [rungs[0].base] * len(objective.rungs)
    assert {rung.artifact for rung in rungs} == {""}


def test_stopping_early_leaves_no_trace_in_the_next_trial(made: tuple[Objective, Prepared], tmp_path: Path) -> None:
    objective, prepared = made
    before = [rung.score for rung in objective.evaluate(trial(prepared, "beta"), tmp_path / "before")]
    stopped = objective.evaluate(trial(prepared, "alpha", seed=5), tmp_path / "stopped")
    next(stopped)
    stopped.close()  # type: ignore[attr-defined]
    after = [rung.score for rung in objective.evaluate(trial(prepared, "beta"), tmp_path / "after")]
    assert after == before
    assert next(objective.evaluate(trial(prepared), tmp_path / "base")).base == pytest.approx(
        next(objective.evaluate(trial(prepared), tmp_path / "base")).score
    )


def _check_scores(file: Path, rung: Rung) -> None:
    """Every question's scores lie beside the adapter, the base's with them."""
    with safe_open(file, "np") as stored:
        (asked,) = json.loads(stored.metadata()["asked"])
        (name,) = (key for key in stored.keys() if not key.startswith("base/"))  # noqa: SIM118  not a mapping
        now, before = stored.get_tensor(name), stored.get_tensor(f"base/{name}")
    assert len(asked["questions"]) == len(now) == len(before) == len(rung.items)
    assert asked["hash"]
    assert asked["version"]
    assert list(now) == pytest.approx(rung.items)


def test_artifacts_are_whole_before_each_report(made: tuple[Objective, Prepared], tmp_path: Path) -> None:
    objective, prepared = made
    for rung in objective.evaluate(trial(prepared, "alpha", "beta"), tmp_path):
        if not rung.artifact:
            continue
        folder = tmp_path / rung.artifact
        files = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert files >= {"0-train/adapter_model.safetensors", "0-train/adapter_config.json", "provenance.jsonl"}
        (line,) = (folder / "provenance.jsonl").read_text().splitlines()
        stage = json.loads(line)
        assert stage["tokens"] == rung.tokens
        assert [tokens for tokens, _ in stage["losses"]] == list(objective.rungs[: rung.index + 1])
        assert [text["sha256"] for text in stage["texts"]] == [text.sha256 for text in prepared.corpus.texts]
        assert sum(text["epochs"] * text["tokens"] for text in stage["texts"]) == pytest.approx(rung.tokens, rel=0.01)
        left = sorted(path.name for path in tmp_path.iterdir())
        assert left == [rung.artifact, SCORES, STATE], "adapters of earlier rungs are removed"
        _check_scores(tmp_path / SCORES / f"rung-{rung.index}.safetensors", rung)


def whole(rungs: Iterable[Rung]) -> list[Rung]:
    """Rungs without the time that they took."""
    return [replace(rung, seconds={}) for rung in rungs]


@pytest.mark.parametrize("reached", [1, 2, 3])
def test_a_trial_cut_off_goes_on_from_its_last_rung(
    made: tuple[Objective, Prepared], tmp_path: Path, reached: int
) -> None:
    objective, prepared = made
    config = trial(prepared, "alpha", "beta")
    uninterrupted = whole(objective.evaluate(config, tmp_path / "uninterrupted"))
    cut_off = whole(islice(objective.evaluate(config, tmp_path / "cut"), reached))
    list(objective.evaluate(trial(prepared, "beta", seed=3), tmp_path / "between"))
    rest = whole(objective.evaluate(config, tmp_path / "cut"))
    assert rest[0] == cut_off[-1], "the last rung is told again: its report may have been lost"
    assert cut_off + rest[1:] == uninterrupted


def test_the_state_of_another_trial_is_not_used(made: tuple[Objective, Prepared], tmp_path: Path) -> None:
    objective, prepared = made
    config = trial(prepared, "alpha")
    expected = whole(objective.evaluate(config, tmp_path / "expected"))
    next(objective.evaluate(trial(prepared, "alpha", "beta"), tmp_path / "mixed"))
    assert whole(objective.evaluate(config, tmp_path / "mixed")) == expected


def test_without_its_state_a_trial_starts_anew(made: tuple[Objective, Prepared], tmp_path: Path) -> None:
    objective, prepared = made
    config = trial(prepared, "alpha")
    expected = whole(objective.evaluate(config, tmp_path / "expected"))
    next(objective.evaluate(config, tmp_path / "cut"))
    shutil.rmtree(tmp_path / "cut" / STATE)
    assert whole(objective.evaluate(config, tmp_path / "cut")) == expected


def test_a_trial_that_fails_leaves_the_objective_usable(made: tuple[Objective, Prepared], tmp_path: Path) -> None:
    objective, prepared = made
    before = [rung.score for rung in objective.evaluate(trial(prepared, "beta"), tmp_path / "before")]
    with refused("text-unknown", "'omega'"):
        list(objective.evaluate(trial(prepared, "omega"), tmp_path / "failing"))
    assert [rung.score for rung in objective.evaluate(trial(prepared, "beta"), tmp_path / "after")] == before


def test_preparing_counts_tokens(made: tuple[Objective, Prepared]) -> None:
    _, prepared = made
    assert all(text.tokens > 0 for text in prepared.corpus.texts)
    assert prepared.rungs[-1] > 0
    assert prepared.device
