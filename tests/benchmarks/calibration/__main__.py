"""Whether intervals hold and rankings are right, on worlds whose truth is known: `make calibration [GAMES=folder]`.

Writes docs/calibration.md. GAMES: a folder of exhaustively played games (see `worlds.games`); without it the page has
planted worlds alone.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tests.benchmarks.calibration.page import write
from tests.benchmarks.calibration.suite import cases, run


def main() -> None:
    """Run all cases and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("games", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/calibration.md"))
    arguments = parser.parse_args()
    found = cases(arguments.games)
    write(arguments.out, run(found, len(os.sched_getaffinity(0))), found)


if __name__ == "__main__":
    main()
