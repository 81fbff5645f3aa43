"""The comparison of the paper at our scale: `make t2l` (`python -m tests.benchmarks.t2l [--seeds 4]`)."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
from rich.console import Console

from tests.benchmarks.search_regret.workers import Workers
from tests.benchmarks.t2l import page
from tests.benchmarks.t2l.compression import compressed
from tests.benchmarks.t2l.rivals import all_rivals

_COMPRESSED = 2
"""Seeds of the compression experiment."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--docs", type=Path, default=Path("docs"))
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    begun = time.perf_counter()
    with Workers(min(os.cpu_count() or 1, chosen.seeds)) as workers:
        found = workers.over(all_rivals, chosen.seeds)
        held = workers.over(compressed, min(_COMPRESSED, chosen.seeds))
    page.write(chosen.docs, found, held, (time.perf_counter() - begun) / 60)
    console = Console(highlight=False)
    for sheet in (page.rivals(found), page.tasks_held_out(found), page.compression(held)):
        console.print(sheet.shown())


if __name__ == "__main__":
    main()
