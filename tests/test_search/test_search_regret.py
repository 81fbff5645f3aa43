"""A small part of `make bench-search`: tables written here, and planted spaces whose best trial is known."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from search.samplers import SAMPLERS
from search.storage.records import Arm
from tests.benchmarks.search_regret.choosers import AtRandom, ByModel, ByProxy, BySampler, Maker, automatic, order_of
from tests.benchmarks.search_regret.models import boosted_trees, expected_improvement, linear
from tests.benchmarks.search_regret.on_tables import regrets_on
from tests.benchmarks.search_regret.planted import subsets
from tests.benchmarks.search_regret.predicted import Opinion
from tests.benchmarks.search_regret.pruning import Cut
from tests.benchmarks.search_regret.replay import replayed
from tests.benchmarks.search_regret.sheets import Sheet, mean_and_interval
from tests.benchmarks.search_regret.studies import study_of
from tests.benchmarks.search_regret.tables import Table, lora_tables, regmix_tables
from tests.support.refusals import refused
from tests.support.trials import record

pytestmark = pytest.mark.benchmarks

RUNS = 14
DOMAINS = [f"train_the_pile_{name}" for name in ("arxiv", "github", "pile_cc", "books")]
LOSS = "metric/the_pile_pile_cc_val_loss"

ON_ANY: Mapping[str, Maker] = {
    "random": AtRandom,
    **{name: partial(BySampler, sampler=name) for name in SAMPLERS},
    "gp on candidates": partial(ByModel, model=expected_improvement),
    "linear": partial(ByModel, model=linear),
}
ON_MIXTURES: Mapping[str, Maker] = {
    "mixtune": partial(BySampler, sampler="tpe", randomized=0.5),
    "linear on the proxy": partial(ByProxy, model=linear),
}


def write_mixtures(folder: Path, size: str, part: str, runs: int) -> None:
    rng = np.random.default_rng(runs)
    weights = rng.dirichlet(np.ones(len(DOMAINS)), runs)
    rows = pd.DataFrame(weights, columns=DOMAINS).assign(index=range(runs))
    rows.to_csv(folder / f"{part}_mixture_{size}.csv", index=False)
    losses = 5 - weights[:, 2] + rng.normal(0, 0.01, runs)
    shuffled = pd.DataFrame({"index": range(runs), LOSS: losses}).sample(frac=1, random_state=0)
    shuffled.to_csv(folder / f"{part}_pile_loss_{size}.csv", index=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mixtures = tmp_path / "regmix"
    mixtures.mkdir()
    write_mixtures(mixtures, "1m", "train", 40)
    for size in ("60m", "1B"):
        write_mixtures(mixtures, size, "test", RUNS)
    rng = np.random.default_rng(0)
    rates = 10.0 ** rng.uniform(-5, -2, 2 * RUNS)
    table = pd.DataFrame(
        {
            "run_file": ["lhs"] * RUNS + ["lhs_bis"] * RUNS,
            "lora_rank": rng.integers(2, 64, 2 * RUNS),
            "lora_alpha": rng.integers(1, 64, 2 * RUNS),
            "lora_dropout": rng.uniform(0, 0.5, 2 * RUNS),
            "learning_rate": rates,
            "weight_decay": 10.0 ** rng.uniform(-5, -1, 2 * RUNS),
            "hellaswag_acc_norm": 0.6 - 0.1 * (np.log10(rates) + 3) ** 2,
            "mmlu_acc": 0.4 - 0.1 * (np.log10(rates) + 4) ** 2,
        }
    )
    (tmp_path / "lora_hpo_llama1b").mkdir()
    table.to_csv(tmp_path / "lora_hpo_llama1b" / "lora_hpo.csv", index=False)
    return tmp_path


@pytest.fixture
def mixtures(folder: Path) -> Table:
    return regmix_tables(folder)[0]


def test_scores_are_joined_to_their_mixtures(mixtures: Table) -> None:
    assert mixtures.scores == pytest.approx(mixtures.candidates.features[:, 2] - 5, abs=0.05)
    for row, params in zip(mixtures.candidates.features, mixtures.candidates.parameters, strict=True):
        assert mixtures.candidates.place(params) == pytest.approx(row, abs=1e-5)


def test_settings_that_were_run_twice_are_one_candidate(folder: Path) -> None:
    path = folder / "lora_hpo_llama1b" / "lora_hpo.csv"
    runs = pd.read_csv(path)
    again = runs.tail(1).assign(mmlu_acc=runs["mmlu_acc"].iloc[-1] + 0.2)
    pd.concat([runs, again]).to_csv(path, index=False)
    small = lora_tables(folder)[1]
    assert len(small.scores) == RUNS
    assert np.isclose(small.scores, runs["mmlu_acc"].iloc[-1] + 0.1).any()


@pytest.mark.parametrize("name", [*ON_ANY, *ON_MIXTURES])
def test_every_run_is_chosen_once_and_the_same_seed_chooses_alike(folder: Path, name: str) -> None:
    make = {**ON_ANY, **ON_MIXTURES}[name]
    for table in [regmix_tables(folder)[0], *([lora_tables(folder)[0]] if name in ON_ANY else [])]:
        order = order_of(table, make, 3, RUNS)
        assert sorted(order) == list(range(RUNS))
        assert order_of(table, make, 3, RUNS) == order
        regrets = regrets_on(table, make, 3)
        assert regrets[-1] == 0, "all runs were run"
        assert regrets == sorted(regrets, reverse=True)


def test_trees_choose_once_and_by_what_they_have_learned(mixtures: Table) -> None:
    pytest.importorskip("lightgbm")
    for make in (partial(ByModel, model=boosted_trees), partial(ByProxy, model=boosted_trees)):
        order = order_of(mixtures, make, 0, RUNS)
        assert sorted(order) == list(range(RUNS))
        assert order_of(mixtures, make, 0, RUNS) == order


def test_what_workers_are_given_pickles(mixtures: Table, folder: Path) -> None:
    for table in (mixtures, lora_tables(folder)[0]):
        again = pickle.loads(pickle.dumps(table))
        assert order_of(again, ON_ANY["tpe"], 0, RUNS) == order_of(table, ON_ANY["tpe"], 0, RUNS)
    course = study_of(subsets(4, 0), 0, trials=4, sampler="random")
    assert pickle.loads(pickle.dumps(course)).saved == course.saved


def test_a_good_proxy_leads_to_the_best_run(mixtures: Table) -> None:
    (first,) = order_of(mixtures, partial(ByProxy, model=linear), 0, 1)
    assert mixtures.scores.max() - mixtures.scores[first] < 0.05


def test_without_lightgbm_it_says_what_to_install(mixtures: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.benchmarks.search_regret.models._LIGHTGBM", "no_such_package")
    with refused("package-missing", "pip install lightgbm"):
        order_of(mixtures, partial(ByProxy, model=boosted_trees), 0, 1)


@pytest.mark.parametrize(
    ("file", "column"),
    [
        ("regmix/test_mixture_60m.csv", "index"),
        ("regmix/test_pile_loss_1B.csv", LOSS),
        ("lora_hpo_llama1b/lora_hpo.csv", "learning_rate"),
    ],
)
def test_a_missing_column_is_refused(folder: Path, file: str, column: str) -> None:
    path = folder / file
    pd.read_csv(path).drop(columns=column).to_csv(path, index=False)
    with refused("column-missing", column):
        (regmix_tables if "regmix" in file else lora_tables)(folder)


def test_a_missing_file_and_an_empty_cell_are_refused(folder: Path) -> None:
    path = folder / "lora_hpo_llama1b" / "lora_hpo.csv"
    runs = pd.read_csv(path)
    runs.loc[2, "mmlu_acc"] = np.nan
    runs.to_csv(path, index=False)
    with refused("cell-not-finite", str(path)):
        lora_tables(folder)
    (folder / "regmix" / "train_mixture_1m.csv").unlink()
    with refused("table-missing", "train_mixture_1m.csv"):
        regmix_tables(folder)


def test_the_automatic_rule(mixtures: Table, folder: Path) -> None:
    assert automatic(mixtures.candidates.space, 40) == "gp"
    assert automatic(mixtures.candidates.space, 400) == "tpe"
    assert automatic(subsets(4, 0).space.distributions, 40) == "tpe", "targets are categories"


def test_recorded_curves_are_replayed_in_another_order() -> None:
    scores = np.random.default_rng(0).uniform(0.3, 0.9, 24).tolist()
    recorded = tuple(
        record(number, ("alpha",), score, early=score / 2, arm=Arm.GUIDED) for number, score in enumerate(scores)
    )
    whole, halved = (replayed(recorded, False, cut, 5) for cut in (Cut("none"), Cut("asha", 3)))
    assert whole.saved == 0
    assert 0 < halved.saved < 2 / 3
    assert whole.regret[-1] == halved.regret[-1] == 0, "early scores tell the order of the last ones"
    assert (replayed(recorded, False, Cut("none"), 6).regret != whole.regret).any()


def test_sheets() -> None:
    assert mean_and_interval([1.0, 2.0, 3.0], 2) == "2.00 ± 2.48"
    assert mean_and_interval([1.0], 1, sign=True) == "+1.0"
    assert mean_and_interval([1.0, np.nan], 1) == "–"
    sheet = Sheet("Title", "Note.", ("", "after 8"), (("random", "0.1"),))
    assert sheet.markdown() == "**Title.** Note.\n\n|  | after 8 |\n| --- | --- |\n| random | 0.1 |\n"


def test_an_opinion_is_as_good_as_it_says() -> None:
    effects = {f"text-{number}": value for number, value in enumerate(np.random.default_rng(1).normal(0.1, 0.2, 4000))}
    planted = np.array(list(effects.values()))
    good, worthless = (Opinion(rho, 0.5).prior(effects, 0) for rho in (0.9, 0.0))
    assert np.corrcoef(planted, list(good.values()))[0, 1] == pytest.approx(0.9, abs=0.02)
    assert np.corrcoef(planted, list(worthless.values()))[0, 1] == pytest.approx(0, abs=0.05)
    assert np.std(list(good.values())) == pytest.approx(0.5 * planted.std(), rel=0.05)
