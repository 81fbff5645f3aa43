"""How long a report of a large study takes, and how much memory: `python -m tests.benchmarks.reporting`.

Runs a synthetic study (1,000 trials, 100 texts, three rungs, half of the trials randomized) on SQLite, then writes its
report in a fresh process; prints seconds by part, and the largest memory of that process.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from search.runner import LocalRunner
from studies.analysis.rating import rate
from studies.report.page import write_report
from studies.run.launch import prepare_launch
from studies.spec import StudySpec
from studies.storage.finding import find

NAME = "large"


def make(folder: Path, trials: int, texts: int) -> None:
    """Run the study."""
    library = folder / "library"
    library.mkdir()
    rng = random.Random(0)
    names = [f"text-{i:03d}" for i in range(texts)]
    for name in names:
        (library / f"{name}.txt").write_text(f"{name} speaks of {rng.random()}", encoding="utf-8")
    spec = StudySpec.model_validate(
        {
            "name": NAME,
            "space": {
                "texts": {"folder": str(library)},
                "tuning": {"rank": [4, 8, 16, 32]},
                "layers": {"min": 1},
                "learning_rate": {"low": 1e-4, "high": 1e-2},
            },
            "objective": {
                "kind": "synthetic",
                "effects": {name: rng.uniform(-0.1, 0.1) for name in names[: texts // 4]},
                "rate_penalty": 0.2,
                "noise": 0.05,
            },
            "search": {"trials": trials, "sampler": "random", "confirm": {"best": 0}},
        }
    )
    prepare_launch(spec, folder / "runs").run(lambda _spec, _scratch: LocalRunner(), lambda _: None)


def report(folder: Path) -> None:
    """Write the report and print what it took."""
    clock = [time.perf_counter()]
    store, study, _ = find(NAME, folder / "runs", None)
    clock.append(time.perf_counter())
    rating = rate(study)
    clock.append(time.perf_counter())
    write_report(store, study, rating, folder / "report")
    clock.append(time.perf_counter())
    read, rated, wrote = (after - before for before, after in pairwise(clock))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    Console().print(
        f"{len(study.records)} trials, {len(study.texts)} texts: {clock[-1] - clock[0]:.1f} s "
        f"(read {read:.1f}, rating {rated:.1f}, page {wrote:.1f}), at most {memory:.2f} GB"
    )


def main() -> None:
    """Run the study here, and the report in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    if options.report:
        report(options.report)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(exist_ok=True)
        make(folder, options.trials, options.texts)
        subprocess.run([sys.executable, "-m", __spec__.name, "--report", str(folder)], check=True)


if __name__ == "__main__":
    main()
