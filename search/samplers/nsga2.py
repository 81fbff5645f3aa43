"""NSGA-II: an evolutionary algorithm for a whole Pareto front."""

from __future__ import annotations

from optuna.samplers import NSGAIISampler

from search.samplers.kind import SamplerKind

NSGA2 = SamplerKind(build=lambda _study, fresh: NSGAIISampler(seed=fresh))
