"""Whether settings without an effect cost samples: `python -m tests.benchmarks.conditional [SAMPLER ...]`.

Searches method, rank and rate where only one of the methods has a rank. A rank without an effect is stored as it was
drawn, put to the middle of its range, or left out.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from rich.console import Console
from rich.table import Table

from search.drawing import draw
from search.samplers import build_sampler
from spaces import Corpus, Layout, Module, Space, SpaceSpec, Text

Params = dict[str, Any]
TRIALS = 40
SEEDS = 12
_METHODS = ["lora", "ia3", "layernorm"]
_RANKS = {"low": 2, "high": 128, "log": True}


def _middle(searched: BaseDistribution) -> Any:
    """A value in the middle of a range, by the logarithm where it is searched so; the first of several names."""
    match searched:
        case IntDistribution(low=low, high=high):
            return round(math.sqrt(low * high))
        case FloatDistribution(low=low, high=high):
            return math.sqrt(low * high)
        case CategoricalDistribution():
            return searched.choices[0]
    raise TypeError(f"{searched!r} is no distribution of this space.")


def _space() -> Space:
    corpus = Corpus(Path("nowhere"), tuple(Text(name, (), name, 10, "") for name in "ab"))
    fields: dict[str, Any] = {
        "texts": {"folder": "x", "choose": "all"},
        "tuning": {"method": _METHODS, "rank": _RANKS, "dropout": [0.0, 0.1, 0.2]},
        "learning_rate": {"low": 1e-4, "high": 1e-1},
    }
    layout = Layout("base", 4, (Module("self_attn.q_proj", 8, 8),), context=64, norm_weights=(8,) * 4)
    return Space(SpaceSpec.model_validate(fields), corpus, layout, 100)


def score(params: Params, best: str) -> float:
    """0 at best; `best`: of a factor for each output (IA³) and low rank, the one that is ahead by 0.2."""
    rate = -float((math.log10(params["learning_rate"]) + 2) ** 2)
    ahead = 0.0 if params["tuning.method"] == best else -0.2
    if params["tuning.method"] == "lora":
        return ahead + rate - 0.3 * float(math.log2(params["tuning.rank"]) - 4) ** 2 - float(params["tuning.dropout"])
    return rate + (ahead if params["tuning.method"] == "ia3" else -0.5)


def _regret(sampler: str, seed: int, keep: Callable[[Params], Params], space: Space, best: str) -> float:
    study = optuna.create_study(direction="maximize", sampler=build_sampler(sampler, seed, 0, 0))
    distributions: dict[str, BaseDistribution] = space.distributions
    for _ in range(TRIALS):
        trial = study.ask()
        frozen = study.get_trials(deepcopy=False)[trial.number]
        drawn = draw(study, frozen, distributions)
        for name, value in keep(drawn).items():
            found = distributions[name]
            study._storage.set_trial_param(trial._trial_id, name, found.to_internal_repr(value), found)
        study.tell(trial, score(drawn, best))
    return -study.best_value


def main(names: list[str]) -> None:
    """Print the regret of every sampler, all three ways."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = _space()
    distributions = space.distributions
    ways: dict[str, Callable[[Params], Params]] = {
        "as drawn": dict,
        "put to the middle": lambda params: {
            name: _middle(distributions[name]) if name in space.idle(params) else value
            for name, value in params.items()
        },
        "left out": lambda params: {name: params[name] for name in params if name not in space.idle(params)},
    }
    table = Table("sampler", "the best method", *ways, box=None)
    for name in names:
        for best in ("ia3", "lora"):
            found = {
                way: [_regret(name, seed, keep, space, best) for seed in range(SEEDS)] for way, keep in ways.items()
            }
            cells = [f"{mean(each):.4f} ± {stdev(each) / math.sqrt(SEEDS):.4f}" for each in found.values()]
            table.add_row(name, best, *cells)
    Console().print(f"{TRIALS} trials, {SEEDS} seeds; regret of the best trial with its standard error")
    Console().print(table)


if __name__ == "__main__":
    main(sys.argv[1:] or ["tpe", "gp"])
