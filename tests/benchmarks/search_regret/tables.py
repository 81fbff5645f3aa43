"""Tables of runs that others measured: what a chooser may know of each run, and what it scored."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution

from spaces import Corpus, InputError, Text
from spaces.dimensions.shares import SharesDimension, parameters_of
from spaces.errors import listed
from spaces.spec import TextsSpec

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Params = Mapping[str, Any]

_REGMIX = "regmix"
_LORA = "lora_hpo_llama1b"
_PILE_CC = "metric/the_pile_pile_cc_val_loss"
_SETTINGS = ("lora_rank", "lora_alpha", "lora_dropout", "learning_rate", "weight_decay")
_BY_RATIO = ("learning_rate", "weight_decay")
_SMALL_MODEL = "_bis"
"""Ends the names of the runs of Llama 3.2 1B; the others are of a larger model, whose name the table has not."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Runs and their scores."""

    features: Matrix
    """By run, shape (runs, features)."""
    scores: Vector
    """By run, higher is better."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Runs among which a chooser chooses, without their scores."""

    features: Matrix
    """By run, shape (runs, features): shares that sum to 1, or settings in [0, 1]."""
    space: Mapping[str, BaseDistribution]
    """Where a sampler searches."""
    parameters: tuple[Params, ...]
    """By run, its place in `space`."""
    place: Callable[[Params], Vector]
    """The features of what a sampler proposes."""
    domains: tuple[str, ...] = ()
    """Names of the parts of a mixture; empty where runs differ in settings."""
    proxy: Measured | None = None
    """Other mixtures, measured with a much smaller model."""


@dataclass(frozen=True, slots=True)
class Table:
    """Measured runs to choose among."""

    name: str
    unit: str
    """Unit of a score, and of a regret."""
    candidates: Candidates
    scores: Vector
    """By run, higher is better."""
    counts: tuple[int, ...]
    """Numbers of runs after which regret is told."""


def regmix_tables(folder: Path) -> list[Table]:
    """RegMix's mixtures at 60M and 1B parameters, with its 512 runs at 1M as the proxy (Liu et al., 2024).

    Raises:
        InputError: a file or a column is missing.
    """
    proxy = _mixtures(folder / _REGMIX, "train_mixture_1m", "train_pile_loss_1m")
    return [
        _mixture_table(folder / _REGMIX, "60m", "RegMix, 60M parameters", proxy, (1, 4, 8, 16, 32, 64)),
        _mixture_table(folder / _REGMIX, "1B", "RegMix, 1B parameters", proxy, (1, 4, 8, 16, 32)),
    ]


def _mixture_table(folder: Path, size: str, name: str, proxy: pd.DataFrame, counts: tuple[int, ...]) -> Table:
    found = _mixtures(folder, f"test_mixture_{size}", f"test_pile_loss_{size}")
    domains = _domains(found)
    if domains != _domains(proxy):
        raise InputError(f"The mixtures in {folder} must have the same domains in every file, in the same order.")
    runs = _as_measured(found, domains)
    shares = _shares_of(domains)
    candidates = Candidates(
        features=runs.features,
        space=shares.distributions(),
        parameters=tuple(parameters_of(domains, row) for row in runs.features.tolist()),
        place=partial(_placed, shares),
        domains=domains,
        proxy=_as_measured(proxy, domains),
    )
    return Table(name, "nats a token on Pile-CC", candidates, runs.scores, counts)


def _mixtures(folder: Path, mixtures: str, losses: str) -> pd.DataFrame:
    weights = _read(folder / f"{mixtures}.csv", ["index"])
    measured = _read(folder / f"{losses}.csv", ["index", _PILE_CC])[["index", _PILE_CC]]
    joined = weights.merge(measured, on="index", validate="one_to_one")
    if len(joined) != len(weights):
        raise InputError(f"{losses}.csv in {folder} lacks {len(weights) - len(joined)} of the mixtures' rows.")
    return joined


def _domains(found: pd.DataFrame) -> tuple[str, ...]:
    return tuple(name for name in found.columns if name not in {"index", _PILE_CC})


def _as_measured(found: pd.DataFrame, domains: Sequence[str]) -> Measured:
    weights = found[list(domains)].to_numpy(float)
    # shares are written to three digits, and sum to between .997 and 1.003
    return Measured(weights / weights.sum(axis=1, keepdims=True), -found[_PILE_CC].to_numpy(float))


def _shares_of(domains: Sequence[str]) -> SharesDimension:
    """The product's own coordinates of a mixture."""
    corpus = Corpus(Path("nowhere"), tuple(Text(name, (), name, 1, "") for name in domains))
    return SharesDimension(TextsSpec.model_validate({"folder": "nowhere", "choose": "weights"}), corpus)


def _placed(shares: SharesDimension, params: Params) -> Vector:
    found = dict(shares.decode(dict(params)).weights)
    return np.array([found.get(domain, 0.0) for domain in shares.searched])


def lora_tables(folder: Path) -> list[Table]:
    """Runs of LoRA settings on two models, each scored on HellaSwag and on MMLU.

    Settings that were run twice are one candidate with the mean of its scores.

    Raises:
        InputError: a file or a column is missing.
    """
    path = folder / _LORA / "lora_hpo.csv"
    metrics = {"HellaSwag": "hellaswag_acc_norm", "MMLU": "mmlu_acc"}
    found = _read(path, ["run_file", *_SETTINGS, *metrics.values()])
    small = found["run_file"].str.endswith(_SMALL_MODEL)
    return [
        _settings_table(f"LoRA, {model}, {metric}", rows, column)
        for model, rows in (("Llama 3.2 1B", found[small]), ("a larger model", found[~small]))
        for metric, column in metrics.items()
        if len(rows)
    ]


def _settings_table(name: str, rows: pd.DataFrame, metric: str) -> Table:
    runs = rows.groupby(list(_SETTINGS), as_index=False).agg({metric: "mean"})
    ranges = {setting: (runs[setting].min().item(), runs[setting].max().item()) for setting in _SETTINGS}
    space = {setting: _distribution(setting, *limits) for setting, limits in ranges.items()}
    parameters = tuple({key: row[key] for key in _SETTINGS} for row in runs.to_dict("records"))
    place = partial(_scaled, ranges)
    candidates = Candidates(np.array([place(params) for params in parameters]), space, parameters, place)
    return Table(name, "share of questions right", candidates, runs[metric].to_numpy(float), (4, 8, 16, 32))


def _distribution(setting: str, low: float, high: float) -> BaseDistribution:
    if setting in _BY_RATIO:
        return FloatDistribution(low, high, log=True)
    return IntDistribution(int(low), int(high)) if isinstance(low, int) else FloatDistribution(low, high)


def _scaled(ranges: Mapping[str, tuple[float, float]], params: Params) -> Vector:
    """Settings from 0 to 1, by the logarithm where a ratio is what matters."""
    found = []
    for setting, (low, high) in ranges.items():
        value = params[setting]
        if setting in _BY_RATIO:
            value, low, high = math.log(value), math.log(low), math.log(high)
        found.append((value - low) / (high - low) if high > low else 0.0)
    return np.array(found)


def _read(path: Path, needed: Sequence[str]) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(
            f"There is no file {path}. Name the folder that holds {_REGMIX!r} and {_LORA!r}.", code="table-missing"
        )
    found = pd.read_csv(path)
    missing = [name for name in needed if name not in found.columns]
    if missing:
        raise InputError(
            f"{path} must have the columns {listed(needed)}; it lacks {listed(missing)}.", code="column-missing"
        )
    numbers = found.select_dtypes("number").to_numpy(float)
    if found.isna().any(axis=None) or not np.isfinite(numbers).all():
        raise InputError(
            f"{path} must have a finite number in every cell of a number; it has empty or other ones.",
            code="cell-not-finite",
        )
    return found
