"""`make crash`: faults injected at random moments, a line for each fault and database, and one line for all.

Usage: python -m tests.crash [--injections 100] [--fault NAME]… [--database sqlite|postgresql]… [--seed 0]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from tests.crash.inject import FAULTS, Injector, Tally
from tests.support.databases import DATABASES


def main() -> int:
    parser = argparse.ArgumentParser(prog="make crash")
    parser.add_argument("--injections", type=int, default=100, help="over all faults and databases")
    parser.add_argument("--fault", action="append", choices=list(FAULTS))
    parser.add_argument("--database", action="append", choices=list(DATABASES))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faults = options.fault or ["kill -9 of the driver"]
    databases = options.database or list(DATABASES)
    each = max(1, options.injections // (len(faults) * len(databases)))
    total = Tally()
    console = Console(highlight=False, soft_wrap=True, markup=False)
    for fault in faults:
        for database in databases:
            begun = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="crash-") as name:
                place = Path(name)
                (place / "database").mkdir()
                with DATABASES[database](place / "database") as new:
                    tally = Injector((fault,), options.seed).inject(place, new, each)
            console.print(f"{fault}, {database}, {time.monotonic() - begun:.0f} s: {tally}")
            total.add(tally)
    console.print(
        f"{total.injections} injections: {total.lost} lost and {total.duplicated} duplicated trials, "
        f"{total.unfinished} unfinished, {len(total.broken)} runs broken"
    )
    return 0 if total.clean else 1


if __name__ == "__main__":
    sys.exit(main())
