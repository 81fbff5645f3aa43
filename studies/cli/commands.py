"""The command line; heavy packages are imported by the commands that need them, so that `--help` is quick."""

from __future__ import annotations

import errno
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

import mixtune
from studies.cli.models import models
from studies.cli.options import RUNS, Local, Name, Runs, Storage, console_of, degrade_output
from studies.cli.quiet import quieten_libraries
from studies.cli.text_to_lora import t2l

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which texts make a language model reason better, and how should it be tuned on them?",
)
app.add_typer(models)
app.add_typer(t2l, name="t2l")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mixtune {mixtune.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version, and nothing else."),
    ] = False,
) -> None:
    """Options of the program itself; its help stands at the top."""


_CHECKING = "Checking the study; a base from the hub is downloaded now …"


@app.command()
def demo(
    seed: Annotated[int, typer.Option(min=0, help="Of the library, the benchmark and the search.")] = 0,
    name: Annotated[str, typer.Option(help="Name of the study.")] = "demo",
    runs: Runs = RUNS,
    again: Annotated[bool, typer.Option("--again", help="Remove an earlier demo of that name first.")] = False,
    local: Local = False,
) -> None:
    """Run a whole study on a generated library: no GPU, no download, a few minutes."""
    from studies.cli.demo import run_demo

    raise typer.Exit(run_demo(console_of(), runs, name, seed, again=again, local=local))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of texts.")],
    out: Annotated[Path, typer.Option(help="Study file to write.")] = Path("study.yaml"),
    base: Annotated[str, typer.Option(help="tiny, a model folder, or a name on the hub.")] = "tiny",
    task: Annotated[list[str] | None, typer.Option(help="lm-eval task; may be repeated.")] = None,
    heldout: Annotated[str | None, typer.Option(help="Text whose end is scored.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="Time that the study should take on this machine.")] = 1.0,
    no_timing: Annotated[bool, typer.Option("--no-timing", help="Do not time the base here, for the sizes.")] = False,
    local: Local = False,
) -> None:
    """Write a commented study file for a folder of texts, of a size that ends in about an hour here."""
    console = console_of()
    with console.status("Reading the texts …") as status:
        written = mixtune.write_study_file(
            folder,
            out,
            base=base,
            tasks=task or (),
            heldout=heldout,
            hours=hours,
            measure=not no_timing,
            local=local,
            on_step=status.update,
        )
    for note in written.notes:
        console.print(f"Note: {note}")
    for choice in written.choices:
        console.print(choice, highlight=False)
    console.print(
        f"Wrote {out} for {len(written.corpus.texts)} texts. Read it, change it, then: mixtune launch {out}",
        soft_wrap=True,
    )


@app.command()
def launch(
    study: Annotated[Path, typer.Argument(help="Study file.")],
    runs: Runs = RUNS,
    local: Local = False,
) -> None:
    """Check a study file, then run the study."""
    console = console_of()
    with console.status(_CHECKING):
        made = mixtune.Study.create(study, runs=runs)
    raise typer.Exit(_session(console, made, local=local))


def _session(console: Console, study: mixtune.Study, *, local: bool) -> int:
    from studies.cli.session import run_session

    return run_session(console, study, local=local)


@app.command()
def resume(
    name: Name,
    trials: Annotated[int | None, typer.Option(min=1, help="New number of trials.")] = None,
    study: Annotated[Path | None, typer.Option(help="Study file with harmless changes to continue with.")] = None,
    allow: Annotated[
        bool, typer.Option("--allow", help="Accept harmless changes, and added or removed texts.")
    ] = False,
    runs: Runs = RUNS,
    storage: Storage = None,
    local: Local = False,
) -> None:
    """Continue a study, from its database."""
    console = console_of()
    with console.status(_CHECKING):
        opened = mixtune.open_study(name, runs=runs, storage=storage)
        opened.check(trials, study, allow=allow)
    raise typer.Exit(_session(console, opened, local=local))


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the study; all studies if none is given.")] = None,
    runs: Runs = RUNS,
    storage: Storage = None,
) -> None:
    """Show how far a study is."""
    names = [name] if name is not None else mixtune.list_studies(runs)
    console = console_of()
    if not names:
        console.print(f"There is no study in {runs}. `mixtune demo` runs one; `mixtune init FOLDER` starts one.")
    for each in names:
        try:
            mixtune.open_study(each, runs=runs, storage=storage).print_status(console)
        except mixtune.MixtuneError as error:
            if name is not None:
                raise
            console.print(f"{each}: {error}", highlight=False)


@app.command()
def report(
    name: Name,
    runs: Runs = RUNS,
    storage: Storage = None,
    watch: Annotated[
        float | None, typer.Option(min=1, help="Write it again every so many seconds, while the study runs.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; `report` in the study's folder otherwise.")] = None,
) -> None:
    """Write the page, the figures, the tables and a notebook; at any time of a study."""
    console = console_of()
    while True:
        study = mixtune.open_study(name, runs=runs, storage=storage)  # again: another program may write meanwhile
        now = study.status()
        again = watch if now.drivers and not now.finished else None
        with console.status("Writing the report …"):
            written = study.write_report(out, refresh=again)
        if again is None:
            break
        study.print_status(console)
        study.close()
        time.sleep(again)
    study.print_rating(console)
    if written.note:
        console.print(f"\n{written.note}", highlight=False)
    console.print(f"\nreport: {written.page}", soft_wrap=True, highlight=False)


@app.command()
def best(name: Name, runs: Runs = RUNS, storage: Storage = None) -> None:
    """Show the best trial: its texts, settings and scores."""
    mixtune.open_study(name, runs=runs, storage=storage).best.print(console_of())


@app.command()
def estimate(
    study: Annotated[Path, typer.Argument(help="Study file.")],
    hours: Annotated[float | None, typer.Option(min=0.001, help="How many trials fit into so many hours?")] = None,
    runs: Runs = RUNS,
    local: Local = False,
) -> None:
    """Say how long a study will take on this machine, and whether it fits; takes under a minute."""
    console = console_of()
    with console.status(_CHECKING) as status:
        predicted = mixtune.estimate(study, runs=runs, local=local, on_step=status.update)
    predicted.print(console, hours)


_USERS_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR)
"""Errors of files and disks that a user can fix; any other error of the system is a bug of the program."""


def _fail(message: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(f"Error: {message}", markup=False, highlight=False)
    sys.exit(1)


def main() -> None:
    """Run the command line; an expected error is one paragraph on standard error and the exit status 1."""
    quieten_libraries()
    degrade_output()
    try:
        app()
    except mixtune.MixtuneError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in _USERS_ERRORS:
            raise
        place = f": {error.filename}" if error.filename else ""
        _fail(f"{error.strerror or error}{place}.")


if __name__ == "__main__":
    main()
