"""How right `mixtune estimate` is: a study foretold, then run.

Run with `python -m tests.benchmarks.estimating [STUDY.yaml]`, on a machine that is otherwise idle; the demo's study
where none is given.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from optuna.trial import TrialState

from search.events import ConfirmationBegun, Event
from studies.cli.quiet import quieten_libraries
from studies.demo.library import write_demo
from studies.run.estimate.estimate import Estimate, estimate
from studies.run.launch import prepare_launch
from studies.run.runners import ray_runner
from studies.spec import StudySpec, read_study


def actual(spec: StudySpec, runs: Path) -> tuple[float, float, int]:
    """Seconds of search and confirmation, and how many trials were pruned."""
    confirming: list[float] = []

    def watch(event: Event) -> None:
        if isinstance(event, ConfirmationBegun):
            confirming.append(time.perf_counter())

    ready = prepare_launch(spec, runs)
    begun = time.perf_counter()
    outcome = ready.run(lambda spec, scratch: ray_runner(spec, ready.prepared.device, scratch), watch)
    end = time.perf_counter()
    middle = confirming[0] if confirming else end
    return middle - begun, end - middle, len(outcome.study.ended(TrialState.PRUNED))


def main() -> None:
    quieten_libraries()
    with tempfile.TemporaryDirectory() as made:
        runs = Path(made)
        path = Path(sys.argv[1]) if sys.argv[1:] else write_demo(runs / "library", "estimated", 0)
        spec = read_study(path)
        begun = time.perf_counter()
        found: Estimate = estimate(spec, runs, local=False)
        took = time.perf_counter() - begun
        search, confirmation, pruned = actual(spec, runs)
    rows = [
        ("search", found.start + found.search.seconds, search),
        ("confirmation", found.confirmation, confirmation),
        ("the study", found.total, search + confirmation),
    ]
    print(f"{'':14}{'foretold':>10}{'actual':>10}{'ratio':>8}")  # noqa: T201
    for name, predicted, real in rows:
        print(f"{name:14}{predicted:>8.1f} s{real:>8.1f} s{predicted / real if real else float('nan'):>8.2f}")  # noqa: T201
    print(f"{'pruned':14}{found.search.pruned:>10}{pruned:>10}")  # noqa: T201
    print(f"The estimate itself took {took:.1f} s.")  # noqa: T201


if __name__ == "__main__":
    main()
