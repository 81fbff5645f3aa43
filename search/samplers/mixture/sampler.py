"""Sampler that proposes the most promising point by a Gaussian process over mixes and settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.samplers.kind import WholeSpaceSampler
from search.samplers.mixture.encoding import Encoding, Matrix, Vector
from search.samplers.mixture.kernels import Parts
from search.samplers.mixture.observations import observations, usable
from search.samplers.mixture.process import Process
from search.samplers.mixture.proposals import best_point, log_expected_improvement

_BOUND = 2.0
"""Standard deviations above the mean at which a point is judged (Srinivas et al., 2010, arXiv 0912.3995)."""
_STILL = 8
"""Trials of the opening at most, in which settings stay in the middle of their ranges."""
_BELIEF = 0.6
"""Weight of the belief that good settings are near the middle, which fades with the number of trials."""
_WIDTH = 0.25
"""Standard deviation of that belief, in ranges."""
_BELIEF_OF_LOG = 3.0
"""Weight of that belief in a logarithm, relative to its weight in standard deviations."""
_STARTS = 8


class MixtureSampler(WholeSpaceSampler):
    """Sampler for spaces of texts and settings: the first trial has all texts and settings in their middle.

    During the opening, half as many trials as there are texts and at most eight, only the texts vary, so that their
    effects are not confounded with those of settings. If the fit fails numerically, the proposal is a random point.
    """

    def __init__(self, seed: int) -> None:
        """Set the seed; a proposal depends on the seed, the trial's number and the other trials alone."""
        self._seed = seed
        self._independent = RandomSampler(seed)
        self._spaces = IntersectionSearchSpace(include_pruned=True)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all finished trials have, for a study whose space is not given."""
        return self._spaces.calculate(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return values for all parameters of the space.

        Parameters that the trial already has are proposed again and not taken into account, so that the settings of a
        randomized trial do not depend on the texts that were drawn for it.
        """
        if not search_space:
            return {}
        others = [
            other
            for other in study.get_trials(deepcopy=False)
            if other.number != trial.number and search_space.keys() <= other.params.keys()
        ]
        sign = 1.0 if study.direction is StudyDirection.MAXIMIZE else -1.0
        encoding = Encoding(search_space)
        return encoding.params(propose(encoding, others, sign, np.random.default_rng([self._seed, trial.number])))

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a random value of a parameter that is not part of the space."""
        return self._independent.sample_independent(study, trial, param_name, param_distribution)


def propose(encoding: Encoding, trials: Sequence[FrozenTrial], sign: float, rng: np.random.Generator) -> Vector:
    """Return the next point, given all other trials; `sign` is -1 if lower scores are better.

    Trials without a score, which run or have failed, count as seen with their expected score: what has failed is thus
    not tried again at once.
    """
    scored = [trial for trial in trials if usable(trial)]
    waiting = [trial for trial in trials if not usable(trial)]
    if not trials:
        return encoding.center()
    parts = Parts(encoding)
    known = observations(scored, sign)
    try:
        process = Process.fitted(parts, encoding.points(scored), known.scores, known.extra)
        if waiting:
            process = process.believing(encoding.points(waiting))
    except np.linalg.LinAlgError:
        return np.asarray(encoding.uniform(1, rng)[0])
    points = encoding.points([*scored, *waiting])
    mean, _ = process.predict(process.seen)
    starts = np.vstack([points[np.argsort(-mean, kind="stable")[:_STARTS]], encoding.center()])
    free = not _still(encoding, trials)
    return best_point(encoding, _Promise(encoding, process, len(points), float(mean.max())), starts, rng, settings=free)


def _still(encoding: Encoding, trials: Sequence[FrozenTrial]) -> bool:
    """Whether the next trial belongs to the opening, which ends with the first failure."""
    failed = any(trial.state is TrialState.FAIL for trial in trials)
    real = sum(trial.number >= 0 for trial in trials)  # imaginary trials of a prior have no number
    return not failed and real < min(_STILL, encoding.texts // 2)


class _Promise:
    """How promising points are, less the distance of their settings from the middle.

    Proposals alternate between an expected improvement, which finds good points soon, and an upper confidence bound,
    which leaves no part of the space unknown. Among subsets of texts they are all of the second kind, which was nearer
    to the best in measurements (`docs/samplers.md`).
    """

    def __init__(self, encoding: Encoding, process: Process, seen: int, best: float) -> None:
        self._numbers = encoding.numbers
        self._process = process
        self._belief = _BELIEF / (1 + seen)
        self._best = best
        self._bold = encoding.subsets or seen % 2 == 0

    def __call__(self, points: Matrix) -> Vector:
        mean, spread = self._process.predict(self._process.parts.features(points))
        away = (((points[:, self._numbers] - 0.5) / _WIDTH) ** 2).sum(axis=1) / 2
        if self._bold:
            return np.asarray(mean + _BOUND * spread - self._belief * away)
        return np.asarray(log_expected_improvement(mean, spread, self._best) - _BELIEF_OF_LOG * self._belief * away)
