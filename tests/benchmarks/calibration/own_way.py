"""Peers that choose their own subsets: shapiq's estimators, with as many trials as mixtune and the same noise.

All run at the best settings, which is kinder than a study: a peer has no way to search settings besides. Each is
compared with its own target: the Banzhaf value where it can estimate that, otherwise the Shapley value.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr

from search.storage.records import TrialRecord
from studies.analysis import CONFIDENCE
from studies.analysis.effects import text_effects
from tests.benchmarks.calibration.peers import Values, ranking
from tests.benchmarks.calibration.trials import held_study_of
from tests.benchmarks.calibration.worlds import Played

Game = Callable[[NDArray[np.bool_]], Values]
"""Plays subsets, shape (trials, texts), and returns their scores; every call costs as many trials."""


@dataclass(frozen=True)
class Said:
    """An estimator's answer on all texts."""

    values: Values
    ends: tuple[Values, Values] | None = None
    """Lower and upper ends of 95% intervals; None if it gives none."""


@dataclass(frozen=True)
class Target:
    """The value of a text that an estimator estimates."""

    name: str
    of: Callable[[Played], Values]


def shapley(world: Played) -> Values:
    """True Shapley values: mean change of the value when a text joins, over all orders of the texts."""
    texts = len(world.texts)
    bits = (np.arange(2**texts)[:, None] >> np.arange(texts)) & 1
    sizes = bits.sum(axis=1)
    joined = np.array([0.0, *(1 / (texts * comb(texts - 1, size - 1)) for size in range(1, texts + 1))])[sizes]
    absent = np.array([*(1 / (texts * comb(texts - 1, size)) for size in range(texts)), 0.0])[sizes]
    return np.asarray(bits.T @ (joined * world.values) - (1 - bits).T @ (absent * world.values))


BANZHAF = Target("Banzhaf", lambda world: world.effects)
SHAPLEY = Target("Shapley", shapley)


@dataclass(frozen=True)
class Peer:
    """An estimator of shapiq's that chooses its own subsets."""

    approximator: str
    """Class of `shapiq.approximator`."""
    target: Target
    options: Mapping[str, object]
    needs: tuple[str, ...] = ()
    """Modules without which shapiq would take another model, or none."""
    estimate: Callable[[Any, int, Game], Said] | None = None
    """Asks it for an answer; None for its method `approximate`."""
    every: int = 1
    """Sees one world in so many: it is slow."""
    most: int = 240
    """Most trials that it is run with."""

    @property
    def missing(self) -> str:
        """Reason why it cannot run here; empty if it can."""
        if find_spec("shapiq") is None:
            return "needs shapiq"
        if self._class is None:
            return "needs shapiq 1.8, and that Python 3.12"
        lacking = [module for module in self.needs if find_spec(module) is None]
        return f"needs {', '.join(lacking)}" if lacking else ""

    @property
    def _class(self) -> Callable[..., Any] | None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what shapiq imports
            return getattr(import_module("shapiq.approximator"), self.approximator, None)

    def __call__(self, texts: int, trials: int, seed: int, game: Game) -> Said:
        """Estimate the values of all texts."""
        build = self._class
        if build is None:
            raise ImportError(self.missing)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few subsets, and fits that stop early, are part of what is measured
            return (self.estimate or _plain)(build(texts, random_state=seed, **self.options), trials, game)


def _plain(built: Any, trials: int, game: Game) -> Said:
    found = built.approximate(trials, game)
    return Said(np.array([float(found[(text,)]) for text in range(built.n)]))


def _with_variance(built: Any, trials: int, game: Game) -> Said:
    """ShaplEIG, as it is: its process takes scores to be exact."""
    found, variances = built.approximate_with_variance(budget=trials, game=game)
    values = np.array([float(found[(text,)]) for text in range(built.n)])
    half = norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt(np.maximum(variances, 0))
    return Said(values, (values - half, values + half))


def _with_noise(built: Any, trials: int, game: Game) -> Said:
    """ShaplEIG with noise inferred, an option of its process that its own front does not pass on."""
    exact = vars(type(built))["_surrogate"]
    vars(built)["_surrogate"] = lambda x, y: type(exact(built, x, y))(x, y, fixed_noise_level=None)
    return _with_variance(built, trials, game)


_BANZHAF: dict[str, object] = {"index": "BV"}
_PAIRED: dict[str, object] = {"pairing_trick": True}
_QUIET: dict[str, object] = {"show_progress": False, "refit": "decaying"}
_GAUSSIAN = ("torch", "gpytorch", "botorch")

PEERS: Mapping[str, Peer] = {
    "RegressionMSR, trees": Peer("RegressionMSR", BANZHAF, _BANZHAF, ("xgboost",)),
    "RegressionMSR, linear": Peer("RegressionMSR", BANZHAF, {**_BANZHAF, "proxy_model": "linear"}),
    "ProxySHAP, trees": Peer("ProxySHAP", BANZHAF, {**_BANZHAF, "max_order": 1}, ("xgboost",)),
    "ProxySHAP, trees, adjusted": Peer(
        "ProxySHAP", BANZHAF, {**_BANZHAF, "max_order": 1, "adjustment": True}, ("xgboost",)
    ),
    "ProxySHAP, products of two": Peer("ProxySHAP", BANZHAF, {"index": "BII", "max_order": 2, "proxy_model": "linear"}),
    "OddSHAP": Peer("OddSHAP", SHAPLEY, {}, ("lightgbm",)),
    "ShaplEIG": Peer("ShaplEIG", SHAPLEY, _QUIET, _GAUSSIAN, _with_variance, every=15, most=120),
    "ShaplEIG, noise inferred": Peer("ShaplEIG", SHAPLEY, _QUIET, _GAUSSIAN, _with_noise, every=15, most=120),
    "RegressionFBII": Peer("RegressionFBII", BANZHAF, {**_PAIRED, **_BANZHAF, "max_order": 1}),
    "SVARM": Peer("SVARM", BANZHAF, _BANZHAF),
    "KernelSHAP": Peer("KernelSHAP", SHAPLEY, _PAIRED),
}
"""Name of a row to its estimator, at the options that shapiq recommends."""


def left_out() -> dict[str, str]:
    """Names of the peers that cannot run here, with what they lack."""
    return {name: peer.missing for name, peer in PEERS.items() if peer.missing}


def shapiq() -> str:
    """Return shapiq's name and, where it is installed, its version."""
    return f"shapiq {version('shapiq')}" if find_spec("shapiq") else "shapiq"


def _headline(records: Sequence[TrialRecord], texts: Sequence[str]) -> Said:
    found = {effect.text: effect for effect in text_effects(records, texts)}
    ordered = [found[text] for text in texts]
    ends = (np.array([one.low for one in ordered]), np.array([one.high for one in ordered]))
    return Said(np.array([one.effect for one in ordered]), ends)


def _ranking(records: Sequence[TrialRecord], texts: Sequence[str]) -> Said:
    return Said(ranking(records, texts))


ALL_RANDOMIZED = "mixtune, all trials randomized: effects"
HALF_RANDOMIZED = "mixtune, half randomized: ranking"
OURS: Mapping[str, tuple[float | None, Callable[[Sequence[TrialRecord], Sequence[str]], Said]]] = {
    ALL_RANDOMIZED: (1.0, _headline),
    "mixtune, all trials randomized: ranking": (1.0, _ranking),
    "mixtune, half randomized: effects": (None, _headline),
    HALF_RANDOMIZED: (None, _ranking),
}
"""Name of a row to the share of randomized trials, None for the product's own, and what estimates from them."""


def estimates(world: Played, seed: int, sizes: Sequence[int]) -> list[dict[str, object]]:
    """Return one row for every estimator and number of trials: how close it comes to its target."""
    study = cache(lambda share: held_study_of(world, max(sizes), seed, share))
    rows = []
    for size in sizes:
        about = {"family": world.family, "world": world.name, "trials": size}
        ours = ((name, BANZHAF, say(study(share)[:size], world.texts)) for name, (share, say) in OURS.items())
        rows += [
            {**about, "estimator": name, "target": target.name, **_close(said, target.of(world))}
            for name, target, said in (*ours, *_theirs(world, seed, size))
        ]
    return rows


def _theirs(world: Played, seed: int, size: int) -> Iterator[tuple[str, Target, Said]]:
    for name, peer in PEERS.items():
        if not peer.missing and seed % peer.every == 0 and size <= peer.most:
            game = noisy(world, np.random.default_rng([seed, size, *name.encode()]))
            yield name, peer.target, peer(len(world.texts), size, seed, game)


def noisy(world: Played, rng: np.random.Generator) -> Game:
    """Trials of a world at the best settings: every play of a subset has noise of its own."""

    def play(subsets: NDArray[np.bool_]) -> Values:
        indices = np.atleast_2d(subsets).astype(np.int64) @ (1 << np.arange(len(world.texts)))
        return np.asarray(world.values[indices] - world.values[0] + rng.normal(0, world.noise, len(indices)))

    return play


def _close(said: Said, truth: Values) -> dict[str, float]:
    """Rank correlation, error in spreads of the true values, and share of the intervals that hold."""
    held = np.nan if said.ends is None else float(np.mean((said.ends[0] <= truth) & (truth <= said.ends[1])))
    return {
        "rank": float(spearmanr(said.values, truth)[0]) if np.ptp(said.values) > 0 else 0.0,
        "error": float(np.sqrt(np.mean((said.values - truth) ** 2)) / truth.std()),
        "covered": held,
    }
