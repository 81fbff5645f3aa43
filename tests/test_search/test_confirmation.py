"""Which runs confirm a search."""

from __future__ import annotations

from dataclasses import replace

import pytest
from optuna.trial import TrialState

from objectives.base import Rung
from search.confirmation import ALL_TEXTS, BASE, RANDOM_MIX, Run, missing, plan
from search.spec import ConfirmSpec
from search.storage.records import Arm, TrialRecord
from spaces import CorpusMix, Stage, TrialConfig, Tuning

TEXTS = ("alpha", "beta", "gamma")


def record(number: int, score: float, *texts: str, rate: float = 1e-3, state: str = "COMPLETE") -> TrialRecord:
    stage = Stage("train", CorpusMix.equal(texts), Tuning("lora", 8, 16, 0, ("q_proj",)), (), 900, rate)
    config = TrialConfig("tiny", number, (stage,))
    rungs = (Rung(0, 900, score, 0.01, base=0.2),)
    return TrialRecord(number, Arm.GUIDED, None, None, config, {}, TrialState[state], rungs, "", 1.0)


FOUND = [
    record(0, 0.5, "alpha"),
    record(1, 0.9, "alpha", "beta", state="PRUNED"),
    record(2, 0.7, "beta", rate=2e-3),
    record(3, 0.95),  # trained on nothing
    record(4, 0.7, "gamma"),
    record(5, 0.6, "beta", rate=2e-3),  # as trial 2, with another seed
]


def runs(**fields: object) -> list[Run]:
    return plan(FOUND, TEXTS, ConfirmSpec.model_validate(fields), seed=1, mixes=True)


def test_the_best_complete_trials_are_run_anew_each_configuration_once() -> None:
    candidates = [run for run in runs(best=3, seeds=2) if run.arm is Arm.CONFIRM]
    assert [run.of for run in candidates] == [2, 2, 4, 4, 0, 0]
    assert [run.role for run in candidates][::2] == ["trial 2", "trial 4", "trial 0"]
    assert [run.of for run in runs(best=1, seeds=2) if run.of is not None] == [2, 2]


def test_runs_share_fresh_seeds() -> None:
    found = runs(best=2, seeds=3)
    seeds = [run.config.seed for run in found if run.of == 2]
    assert len(set(seeds)) == 3
    assert not set(seeds) & {record.config.seed for record in FOUND}
    for role in ("trial 4", ALL_TEXTS, RANDOM_MIX):
        assert [run.config.seed for run in found if run.role == role] == seeds


def test_baselines_have_the_settings_of_the_best() -> None:
    by_role = {run.role: run.config.stages[0] for run in runs(best=2, each_text=True) if run.arm is Arm.BASELINE}
    assert list(by_role) == [BASE, ALL_TEXTS, RANDOM_MIX, "only alpha", "only beta", "only gamma"]
    assert all(stage.learning_rate == 2e-3 for stage in by_role.values())
    assert by_role[BASE].mix.names == ()
    assert by_role[ALL_TEXTS].mix.names == TEXTS
    assert by_role["only gamma"].mix.names == ("gamma",)
    assert by_role[RANDOM_MIX].mix.names


def test_a_run_that_stands_for_two_roles_is_run_once() -> None:
    found = runs(best=3, seeds=3, each_text=True)
    shared = [run for run in found if run.role == "only beta"]
    assert [run.config for run in shared] == [run.config for run in found if run.of == 2]
    left = missing(found, [], [])
    assert len({run.config.fingerprint for run in left}) == len(left)
    assert {run.role for run in left} == {run.role for run in found} - {"only beta"}


def test_without_a_search_over_texts_only_the_base_is_a_baseline() -> None:
    found = plan(FOUND, TEXTS, ConfirmSpec(), seed=1, mixes=False)
    assert {run.role for run in found if run.arm is Arm.BASELINE} == {BASE}


def test_a_search_that_found_nothing_has_nothing_to_confirm() -> None:
    assert plan([record(0, 0.9)], TEXTS, ConfirmSpec(), seed=1, mixes=True) == []
    assert runs(best=0) == []


@pytest.mark.parametrize("done", [0, 3, 7])
def test_runs_that_were_begun_are_not_dealt_again(done: int) -> None:
    found = runs(best=2, seeds=2)
    all_runs = missing(found, [], [])
    assert missing(found, [run.config for run in all_runs[:done]], []) == all_runs[done:]
    assert missing(found, [replace(all_runs[0].config, seed=0)], []) == all_runs
