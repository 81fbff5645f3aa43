"""Tree-structured Parzen estimator, multivariate and aware of running trials, Optuna's defaults since 5.0."""

from __future__ import annotations

from optuna.samplers import TPESampler

from search.samplers.kind import SamplerKind

TPE = SamplerKind(build=lambda _study, fresh: TPESampler(seed=fresh), takes_prior=True, auto_objectives=2)
