"""Whether intervals hold and rankings are right, on worlds whose truth is known: `make calibration [GAMES=folder]`.

Writes docs/calibration.md. GAMES: a folder of exhaustively played games (see `worlds.games`); without it the page has
planted worlds alone. Most peers with their own trials need shapiq 1.8 with its models, and that Python 3.12:
`pip install "shapiq[proxy,shapleig]>=1.8"`. `--only own-way` prints their section alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tests.benchmarks.calibration.page import own_way, write
from tests.benchmarks.calibration.suite import cases, run, run_own_way


def main() -> None:
    """Run all cases and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("games", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/calibration.md"))
    parser.add_argument("--only", choices=["own-way"], help="print this section alone and leave the page as it is")
    arguments = parser.parse_args()
    found, processes = cases(arguments.games), len(os.sched_getaffinity(0))
    own = run_own_way(found, processes)
    if arguments.only:
        sys.stdout.write(own_way(own))
    else:
        write(arguments.out, run(found, processes), found, own)


if __name__ == "__main__":
    main()
