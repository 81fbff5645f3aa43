"""Prior effects of texts for the sampler, given as imaginary trials; the analysis does not use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.optuna_compat import StudyView
from search.samplers import SAMPLERS
from search.secondary import PrunedAsCompleteView, View
from spaces import Space

_MOST = 16
"""Number of imaginary trials before any real one is complete; every two complete trials remove one."""


def prior_trials(space: Space, effects: Mapping[str, float], seed: int) -> list[FrozenTrial]:
    """Return random trials with the scores predicted from the effects of their texts, centered on 0.

    A sampler that learns from complete trials starts with these effects as its prior, and forgets them as trials
    complete. This replaces a mean function, which Optuna's Gaussian process does not support.
    """
    study = optuna.create_study(sampler=RandomSampler(seed))
    distributions = space.distributions
    trials = []
    for _ in range(_MOST):
        params = study.ask(distributions).params
        texts = space.decode(params, seed).mix.names
        score = sum(effect * ((name in texts) - 0.5) for name, effect in effects.items())
        trials.append(create_trial(params=params, distributions=distributions, value=score))
    return trials


class _PriorView(StudyView):
    """A study that shows imaginary trials before the real ones."""

    def __init__(self, *arguments: Any, prior: Sequence[FrozenTrial], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._prior = prior

    def visible_trials(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return imaginary trials, shifted to the mean of the complete ones, followed by all real trials."""
        real = super().visible_trials(trials)
        scores = [trial.values[0] for trial in real if trial.state is TrialState.COMPLETE]
        mean = fmean(scores) if scores else 0.0
        left = self._prior[: max(0, _MOST - len(scores) // 2)]
        return [*(_shifted(trial, mean) for trial in left), *real]


def _shifted(trial: FrozenTrial, mean: float) -> FrozenTrial:
    return create_trial(params=trial.params, distributions=trial.distributions, value=trial.values[0] + mean)


class _PriorAndPrunedView(_PriorView, PrunedAsCompleteView):
    """A study that shows imaginary trials, and pruned trials as complete."""


def prior_view(sampler: str, trials: Sequence[FrozenTrial]) -> View:
    """Return a sampler's view of a study with one objective and imaginary trials; see `secondary.sampler_view`."""
    if not SAMPLERS[sampler].sees_pruned:
        return partial(_PriorAndPrunedView, secondary=None, prior=trials)
    return partial(_PriorView, prior=trials)
