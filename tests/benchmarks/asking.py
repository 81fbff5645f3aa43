"""Cost of `ask` in addition to the sampler, on a study of a thousand trials with sixty parameters.

Usage: python -m tests.benchmarks.asking [--database sqlite|postgresql]
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from optuna.trial import TrialState, create_trial
from rich.console import Console

import search.queue
from search.drawing import draw
from search.storage import records
from spaces import Corpus, Text
from studies.storage.store import Store, open_store
from tests.support.databases import DATABASES
from tests.support.studies import searcher_on, synthetic

TRIALS = 1000
TEXTS = 58
ASKS = 9


def fill(store: Store, distributions: dict[str, Any]) -> None:
    """Guided trials that have ended, without the cost of running them."""
    rng = np.random.default_rng(0)
    study = store.open_study("study")
    for number in range(TRIALS):
        params = {
            name: int(rng.integers(0, 2)) if name.startswith("text") else float(10 ** rng.uniform(-4, -2))
            for name in distributions
            if name.startswith("text") or name == "learning_rate"
        } | {name: 4 for name in distributions if name == "tuning.rank"}
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                value=float(rng.normal()),
                params={name: params[name] for name in distributions},
                distributions=distributions,
                user_attrs={records.ARM: records.Arm.GUIDED.value, records.SEED: number},
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", choices=list(DATABASES), default="sqlite")
    options = parser.parse_args()
    names = [f"t{index}" for index in range(TEXTS)]
    corpus = Corpus(Path("nowhere"), tuple(Text(name, (), name, 10, "") for name in names))
    console = Console(highlight=False)
    sampling: list[float] = []

    def timed(*arguments: Any) -> dict[str, Any]:
        begun = time.perf_counter()
        drawn = draw(*arguments)
        sampling.append(time.perf_counter() - begun)
        return drawn

    setattr(search.queue, "draw", timed)  # noqa: B010
    with tempfile.TemporaryDirectory() as folder, DATABASES[options.database](Path(folder)) as new:
        store = open_store(new())
        for sampler in ("random", "tpe"):
            searcher = searcher_on(
                corpus,
                store.storage,
                sampler=sampler,
                randomized_share=0.0,
                trials=10 * TRIALS,
                failures=10 * TRIALS,
                objective=synthetic(effects={"t0": 0.1}),
            )
            assert isinstance(searcher._queue, search.queue.SearchQueue)
            distributions = searcher._queue._space.distributions
            if not store.open_study("study").trials:
                fill(store, distributions)
            whole = []
            sampling.clear()
            for _ in range(1 + ASKS):
                begun = time.perf_counter()
                assignment = searcher.ask()
                whole.append(time.perf_counter() - begun)
                assert assignment is not None
                searcher.fail(assignment.number, "only the time is of interest")
            del whole[0], sampling[0]  # the finished trials are read once, at the first
            beside = statistics.median(a - b for a, b in zip(whole, sampling, strict=True))
            console.print(
                f"{options.database}, {sampler}: {len(distributions)} parameters, {TRIALS} trials: "
                f"sampler {statistics.median(sampling) * 1e3:.0f} ms, ask beside it {beside * 1e3:.0f} ms"
            )
        store.close()


if __name__ == "__main__":
    main()
