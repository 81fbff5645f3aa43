"""Run one study from two programs at once, with its database in PostgreSQL.

You learn: to keep a study in PostgreSQL, to let several machines work on it, and what happens if one of them dies.
It takes about 15 seconds with --small.

Give the URL without a password; PostgreSQL's own PGPASSWORD or ~/.pgpass holds it:

    python examples/two_drivers_postgresql.py postgresql+psycopg://user@host/database --small
    python examples/two_drivers_postgresql.py postgresql+psycopg://user@host/database --study study.yaml
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import mixtune


def objective(trial: mixtune.TrialConfig) -> float:
    """Score of a trial, in place of a training that takes hours."""
    return {"ants": 1.0, "bees": -0.5}.get(trial.mix.names[0], 0.0) if trial.mix.names else 0.0


def small_texts(folder: Path) -> Path:
    """Three small texts."""
    folder.mkdir(exist_ok=True)
    for name in ("ants", "bees", "cats"):
        (folder / f"{name}.txt").write_text(" ".join(f"{name}{number}" for number in range(1000)), encoding="utf-8")
    return folder


def drive(url: str, name: str) -> None:
    """Work on a study that another program may work on, too."""
    study = mixtune.open_study(url, name=name, objective=objective)
    print(f"A driver ended: {study.run('local').ending.name}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="of the database")
    parser.add_argument("--study", default="study.yaml", help="study file")
    parser.add_argument("--small", action="store_true", help="24 trials of a Python function")
    parser.add_argument("--drive", metavar="NAME", help="work on a study that exists; the first program calls this")
    arguments = parser.parse_args()
    if arguments.drive:
        drive(arguments.url, arguments.drive)
        return
    name = f"shared-{uuid4().hex[:6]}"
    if arguments.small:
        texts = small_texts(Path("small-texts"))
        study = mixtune.Study.create(name=name, texts=texts, objective=objective, trials=24, storage=arguments.url)
    else:
        study = mixtune.Study.create(arguments.study, name=name, storage=arguments.url)
    study.close()
    command = [sys.executable, __file__, arguments.url, "--drive", name]
    drivers = [subprocess.Popen(command) for _ in range(2)]  # noqa: S603  this very script
    if any(driver.wait() for driver in drivers):
        sys.exit("A driver failed; the other one has ended what it left.")
    finished = mixtune.open_study(arguments.url, name=name)
    print(f"{finished.status().ended} trials ended, by two drivers.")
    print(finished.effects()[["text", "effect", "verdict"]].to_string(index=False))


if __name__ == "__main__":
    main()
