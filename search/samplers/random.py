"""Random search: every trial is drawn independently of the others."""

from __future__ import annotations

from optuna.samplers import RandomSampler

from search.samplers.kind import SamplerKind

RANDOM = SamplerKind(build=lambda _study, fresh: RandomSampler(seed=fresh))
