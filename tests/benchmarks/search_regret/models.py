"""Regressions that tell from measured runs how promising others are."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.linear_model import BayesianRidge

from spaces import InputError
from tests.benchmarks.search_regret.tables import Matrix, Measured, Vector

Model = Callable[[Measured, Matrix, int], Vector]
"""From measured runs, the features of others and a seed to how promising each of the others is; higher is better."""

_LIGHTGBM = "lightgbm"
_LEAF = 20
_HELD_OUT = 8
_ENOUGH = 100
_ROUNDS = 1000


def linear(measured: Measured, others: Matrix, _seed: int) -> Vector:
    """Linear regression, shrunk as much as the runs ask for: it must also work on fewer runs than features."""
    return _floats(BayesianRidge().fit(measured.features, measured.scores).predict(others))


def boosted_trees(measured: Measured, others: Matrix, seed: int) -> Vector:
    """LightGBM as RegMix sets it (arXiv 2407.01492): at most 1,000 rounds at 0.01, stopped early on held-out runs.

    Its least number of runs in a leaf, 20, splits nothing below 40 runs: it is a fifth of the runs where that is
    fewer. Below a hundred runs none are held out, and all rounds are run.

    Raises:
        InputError: LightGBM is not installed.
    """
    lightgbm = _lightgbm()
    runs = len(measured.scores)
    settings: dict[str, Any] = {
        "objective": "regression",
        "metric": "l2",
        "learning_rate": 1e-2,
        "min_data_in_leaf": min(_LEAF, max(1, runs // 5)),
        "num_threads": 1,
        "seed": seed,
        "deterministic": True,
        "verbosity": -1,
    }
    order = np.random.default_rng(seed).permutation(runs)
    held_out = order[: runs // _HELD_OUT] if runs >= _ENOUGH else order[:0]
    fitted = np.setdiff1d(order, held_out)
    data = lightgbm.Dataset(measured.features[fitted], measured.scores[fitted], params={"verbosity": -1})
    watched = [lightgbm.Dataset(measured.features[held_out], measured.scores[held_out], data)] if len(held_out) else []
    stops = [lightgbm.early_stopping(3, verbose=False)] if len(held_out) else []
    booster = lightgbm.train(settings, data, _ROUNDS, valid_sets=watched, callbacks=stops)
    return _floats(booster.predict(others))


def expected_improvement(measured: Measured, others: Matrix, seed: int) -> Vector:
    """By how much a run is expected to beat the best so far (Jones et al., 1998), of a Gaussian process."""
    kernel = ConstantKernel() * Matern(length_scale=0.5, nu=2.5) + WhiteKernel(0.1, (1e-6, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a bound of the kernel is reached
        process.fit(measured.features, measured.scores)
    mean, spread = (_floats(part) for part in process.predict(others, return_std=True))
    spread = np.maximum(spread, 1e-9)
    ahead = (mean - measured.scores.max()) / spread
    return _floats(spread * (ahead * norm.cdf(ahead) + norm.pdf(ahead)))


def has_lightgbm() -> bool:
    """Whether LightGBM is installed."""
    return importlib.util.find_spec(_LIGHTGBM) is not None


def _lightgbm() -> Any:
    """The module; typed as anything, because the product does not depend on it."""
    if not has_lightgbm():
        raise InputError(
            "RegMix's regression needs LightGBM, which is not installed: pip install lightgbm.", code="package-missing"
        )
    return importlib.import_module(_LIGHTGBM)


def _floats(values: Any) -> Vector:
    return np.asarray(values, dtype=np.float64)
