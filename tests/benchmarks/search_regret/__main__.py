"""How near each way to search comes to the best run: `make bench-search [TABLES=folder]`.

TABLES: a folder of public tables (`tables.py` says which); without it there are planted spaces and pruning alone.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from rich.console import Console

from spaces import MixtuneError
from tests.benchmarks.search_regret.models import has_lightgbm
from tests.benchmarks.search_regret.on_planted import planted
from tests.benchmarks.search_regret.on_tables import lora, regmix
from tests.benchmarks.search_regret.predicted import predicted
from tests.benchmarks.search_regret.pruning import pruning
from tests.benchmarks.search_regret.replay import replay
from tests.benchmarks.search_regret.sheets import INTERVALS, Sheet
from tests.benchmarks.search_regret.workers import Workers

_ON_TABLES = {"regmix": regmix, "lora": lora}
_PLANTED = {"planted": planted, "prior": predicted, "pruning": pruning}
_REPLAY = "replay"

Section = Callable[[Workers, int], Iterator[Sheet]]


def main() -> int:
    """Run the sections that were asked for; return the exit status."""
    arguments = _arguments()
    console = Console(width=None if sys.stdout.isatty() else 200)
    begun = time.perf_counter()
    console.print(INTERVALS, highlight=False)
    try:
        with Workers(arguments.processes) as workers:
            for name, section in _sections(arguments, console).items():
                _run(name, section, workers, arguments, console)
    except MixtuneError as error:
        console.print(str(error), style="red", highlight=False)
        return 2
    console.print(f"{time.perf_counter() - begun:.0f} s in all", highlight=False)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--only", choices=[*_ON_TABLES, *_PLANTED, _REPLAY])
    parser.add_argument("--curves", help="database of a finished study with `pruner: none`, sqlite:///…")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--markdown", type=Path, help="file that the tables are added to")
    arguments = parser.parse_args()
    if arguments.seeds < 1 or arguments.processes < 1:
        parser.error("--seeds and --processes must be at least 1")
    if arguments.only in _ON_TABLES and arguments.tables is None:
        parser.error(f"--only {arguments.only} needs the folder of the tables")
    if arguments.only == _REPLAY and arguments.curves is None:
        parser.error(f"--only {_REPLAY} needs --curves")
    return arguments


def _sections(arguments: argparse.Namespace, console: Console) -> Mapping[str, Section]:
    """Return the contestants to run; print those that are left out."""
    found: dict[str, Section] = dict(_PLANTED)
    if arguments.tables is not None:
        found = {name: partial(section, arguments.tables) for name, section in _ON_TABLES.items()} | found
        if not has_lightgbm():
            console.print("Without RegMix's regression, which needs LightGBM: pip install lightgbm")
    else:
        console.print("Without regmix and lora: name the folder of the tables to have them.")
    if arguments.curves is not None:
        found[_REPLAY] = partial(replay, arguments.curves)
    return {name: section for name, section in found.items() if arguments.only in {None, name}}


def _run(name: str, section: Section, workers: Workers, arguments: argparse.Namespace, console: Console) -> None:
    begun = time.perf_counter()
    for sheet in section(workers, arguments.seeds):
        console.print(sheet.shown())
        console.print()
        if arguments.markdown is not None:
            with arguments.markdown.open("a", encoding="utf-8") as file:
                file.write(sheet.markdown() + "\n")
    console.print(f"{name}: {time.perf_counter() - begun:.0f} s", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
