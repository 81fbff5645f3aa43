"""What is thought of the texts before a study begins, for the sampler alone: trials that it imagines were run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.optuna_compat import SeenStudy
from search.samplers import SAMPLERS
from search.secondary import PrunedAsCompleteView, View
from spaces import Space

_MOST = 16
"""Imagined trials where no real one is complete yet; one goes for every two that are."""


def imagined(space: Space, effects: Mapping[str, float], seed: int) -> list[FrozenTrial]:
    """Trials drawn at random with the scores that the effects of their texts foretell, the mean of all being 0.

    So a sampler that learns from complete trials begins with these effects as its opinion, and forgets them as it
    learns: Optuna's Gaussian process takes no mean function.
    """
    study = optuna.create_study(sampler=RandomSampler(seed))
    distributions = space.distributions
    found = []
    for _ in range(_MOST):
        params = study.ask(distributions).params
        texts = space.decode(params, seed).mix.names
        score = sum(effect * ((name in texts) - 0.5) for name, effect in effects.items())
        found.append(create_trial(params=params, distributions=distributions, value=score))
    return found


class _Opinionated(SeenStudy):
    """A study in which the sampler finds imagined trials before the real ones."""

    def __init__(self, *arguments: Any, imagined: Sequence[FrozenTrial], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._imagined = imagined

    def seen(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Imagined trials, raised to the mean of the complete ones, then all that there are."""
        found = super().seen(trials)
        scores = [trial.values[0] for trial in found if trial.state is TrialState.COMPLETE]
        level = fmean(scores) if scores else 0.0
        left = self._imagined[: max(0, _MOST - len(scores) // 2)]
        return [*(_raised(trial, level) for trial in left), *found]


def _raised(trial: FrozenTrial, level: float) -> FrozenTrial:
    return create_trial(params=trial.params, distributions=trial.distributions, value=trial.values[0] + level)


class _OpinionatedAsFarAsTheyCame(_Opinionated, PrunedAsCompleteView):
    """The same where pruned trials count as far as they came."""


def with_prior(sampler: str, trials: Sequence[FrozenTrial]) -> View:
    """How a sampler looks at a study of one objective, with imagined trials; see `search.secondary.sampled`."""
    if not SAMPLERS[sampler].sees_pruned:
        return partial(_OpinionatedAsFarAsTheyCame, second=None, imagined=trials)
    return partial(_Opinionated, imagined=trials)
