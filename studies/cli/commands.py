"""The command line; heavy packages are imported by the commands that need them, so that `--help` is quick."""

from __future__ import annotations

import errno
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from studies.cli.models import models
from studies.cli.options import RUNS, Local, Name, Runs, Storage, console_of, degrade_output
from studies.cli.quiet import quieten_libraries
from studies.cli.text_to_lora import t2l

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which texts make a language model reason better, and how should it be tuned on them?",
)
app.add_typer(models)
app.add_typer(t2l, name="t2l")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mixtune {version('mixtune')}")
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
    task: Annotated[list[str] | None, typer.Option(help="lm-eval task, may be repeated.")] = None,
    heldout: Annotated[str | None, typer.Option(help="Text whose end is scored.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="Time that the study should take on this machine.")] = 1.0,
    no_timing: Annotated[bool, typer.Option("--no-timing", help="Do not time the base here, for the sizes.")] = False,
    local: Local = False,
) -> None:
    """Write a commented study file for a folder of texts, of a size that ends in about an hour here."""
    from spaces.corpus import reading_notes
    from studies.jobs.starter import Starter, write_study_file

    console = console_of()
    starter = Starter(folder, base, tuple(task or ()), heldout, hours)
    with console.status("Reading the texts …") as status:
        written = write_study_file(starter, out, measure=not no_timing, local=local, told=status.update)
    for note in reading_notes(written.corpus):
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
    from spaces.yaml.reading import located
    from studies.study_file import read_study

    console = console_of()
    with console.status(_CHECKING), located(study):
        spec = read_study(study)  # a mistake in it is told before anything heavy is imported
        from studies.cli.session import run_session
        from studies.run.launch import prepare_launch

        ready = prepare_launch(spec, runs, with_ray=not local)
    raise typer.Exit(run_session(console, ready, local=local))


@app.command()
def resume(
    name: Name,
    trials: Annotated[int | None, typer.Option(min=1, help="New number of trials.")] = None,
    study: Annotated[Path | None, typer.Option(help="Study file to go on with, changed in what is harmless.")] = None,
    allow: Annotated[bool, typer.Option("--allow", help="Take over the harmless changes of --study.")] = False,
    runs: Runs = RUNS,
    storage: Storage = None,
    local: Local = False,
) -> None:
    """Go on with a study, from its database."""
    from studies.cli.session import run_session
    from studies.run.launch import prepare_resume
    from studies.study_file import read_study

    console = console_of()
    with console.status(_CHECKING):
        file = read_study(study) if study is not None else None
        ready = prepare_resume(name, runs, storage, trials, file, allow=allow)
    raise typer.Exit(run_session(console, ready, local=local))


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the study; all studies where none is given.")] = None,
    runs: Runs = RUNS,
    storage: Storage = None,
) -> None:
    """Show how far a study is."""
    from spaces.errors import MixtuneError
    from studies.report.standing import print_status
    from studies.storage.finding import find, names_in

    names = [name] if name is not None else names_in(runs)
    console = console_of()
    if not names:
        console.print(f"There is no study in {runs}. `mixtune demo` runs one; `mixtune init FOLDER` begins one.")
    for each in names:
        try:
            store, study, _ = find(each, runs, storage, reading=True)
            print_status(console, study, store.lease(each).others())
        except MixtuneError as error:
            if name is not None:
                raise
            console.print(f"{each}: {error}", highlight=False)


@app.command()
def report(
    name: Name,
    runs: Runs = RUNS,
    storage: Storage = None,
    watch: Annotated[
        float | None, typer.Option(min=1, help="Write it anew every so many seconds, while the study runs.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; `report` in the study's folder otherwise.")] = None,
) -> None:
    """Write the page, the figures, the tables and a notebook; at any time of a study."""
    from studies.analysis.confirmation import has_more
    from studies.analysis.rating import rate
    from studies.jobs.inspecting import inspect_best
    from studies.report.page import write_report
    from studies.report.standing import print_status
    from studies.report.terminal import print_rating
    from studies.storage.finding import find

    console = console_of()
    while True:
        store, study, folder = find(name, runs, storage, reading=True)  # anew: another program may write meanwhile
        drivers = store.lease(name).others()
        again = watch if drivers and has_more(study) else None
        with console.status("Writing the report …"):
            rating = rate(study)
            inspection, note = (None, "") if drivers else inspect_best(study, folder)
            page = write_report(store, study, rating, out or folder / "report", again, inspection)
        store.close()
        if again is None:
            break
        print_status(console, study, drivers)
        time.sleep(again)
    print_rating(console, study, rating)
    if note:
        console.print(f"\n{note}", highlight=False)
    console.print(f"\nreport: {page}", soft_wrap=True, highlight=False)


@app.command()
def best(name: Name, runs: Runs = RUNS, storage: Storage = None) -> None:
    """Show the best trial: its texts, settings and scores."""
    from spaces.errors import InputError
    from studies.report.standing import print_best
    from studies.storage.finding import find
    from studies.storage.places import resume_command

    _, study, folder = find(name, runs, storage, reading=True)
    if study.best is None:
        raise InputError(
            f"No trial of {name!r} is complete yet. Go on with: {resume_command(name, study.url, folder)}",
            code="no-trial-complete",
        )
    print_best(console_of(), study, study.best)


@app.command()
def estimate(
    study: Annotated[Path, typer.Argument(help="Study file.")],
    hours: Annotated[float | None, typer.Option(min=0.001, help="How many trials fit into so many hours?")] = None,
    runs: Runs = RUNS,
    local: Local = False,
) -> None:
    """Say how long a study will take on this machine, and whether it fits; takes under a minute."""
    from spaces.yaml.reading import located
    from studies.study_file import read_study

    console = console_of()
    with console.status(_CHECKING) as status, located(study):
        spec = read_study(study)  # a mistake in it is told before anything heavy is imported
        from studies.run.estimate.estimate import estimate as estimated
        from studies.run.estimate.shown import print_estimate

        found = estimated(spec, runs, local=local, on_progress=status.update)
    print_estimate(console, found, hours)


_USERS_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR)
"""What a user can mend about a file or a disk; any other error of the system is a fault of the program."""


def _fail(message: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(f"Error: {message}", markup=False, highlight=False)
    sys.exit(1)


def main() -> None:
    """Run the command line; an expected error is one paragraph on standard error and the exit status 1."""
    quieten_libraries()
    degrade_output()
    from spaces.errors import MixtuneError

    try:
        app()
    except MixtuneError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in _USERS_ERRORS:
            raise
        place = f": {error.filename}" if error.filename else ""
        _fail(f"{error.strerror or error}{place}.")


if __name__ == "__main__":
    main()
