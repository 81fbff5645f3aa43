"""The command line; heavy packages are imported by the commands that need them, so that `--help` is quick."""

from __future__ import annotations

import errno
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from studies.quiet import quieten_libraries

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Which texts make a language model reason better, and how should it be tuned on them?",
)

scenes_app = typer.Typer(no_args_is_help=True, help="Five qualities of reasoning, scored by rule.")
app.add_typer(scenes_app, name="scenes")

Name = Annotated[str, typer.Argument(help="Name of the study.")]
Runs = Annotated[Path, typer.Option(help="Folder that holds the studies.")]
Storage = Annotated[str | None, typer.Option(help="Database URL, where it is not in the folder.")]
Out = Annotated[Path, typer.Option(help="Folder to write; must not exist.")]
Only = Annotated[list[str] | None, typer.Option(help="adapter, merged or file; may be repeated. All where none is.")]
Local = Annotated[bool, typer.Option("--local", help="One trial after the other in this process, without Ray.")]
_RUNS = Path("runs")
_CHECKING = "Checking the study; a base from the hub is downloaded now …"


def _console() -> Console:
    """Square brackets in names are not markup; lines are wrapped in a terminal only."""
    return Console(soft_wrap=not sys.stdout.isatty(), markup=False)


@app.command()
def demo(
    seed: Annotated[int, typer.Option(min=0, help="Of the library, the benchmark and the search.")] = 0,
    name: Annotated[str, typer.Option(help="Name of the study.")] = "demo",
    runs: Runs = _RUNS,
    again: Annotated[bool, typer.Option("--again", help="Remove an earlier demo of that name first.")] = False,
    local: Local = False,
) -> None:
    """Run a whole study on a generated library: no GPU, no download, a few minutes."""
    from studies.demo.run import run_demo

    raise typer.Exit(run_demo(_console(), runs, name, seed, again=again, local=local))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder of texts.")],
    out: Annotated[Path, typer.Option(help="Study file to write.")] = Path("study.yaml"),
    base: Annotated[str, typer.Option(help="tiny, a model folder, or a name on the hub.")] = "tiny",
    task: Annotated[list[str] | None, typer.Option(help="lm-eval task, may be repeated.")] = None,
    heldout: Annotated[str | None, typer.Option(help="Text whose end is scored.")] = None,
) -> None:
    """Write a commented study file for a folder of texts."""
    from spaces.corpus import ignored_note
    from studies.starter import Starter, write_study_file

    corpus = write_study_file(Starter(folder, base, tuple(task or ()), heldout), out)
    console = _console()
    for note in ignored_note(corpus):
        console.print(f"Note: {note}")
    console.print(f"Wrote {out} for {len(corpus.texts)} texts. Read it, change it, then: mixtune launch {out}")


@app.command()
def launch(
    study: Annotated[Path, typer.Argument(help="Study file.")],
    runs: Runs = _RUNS,
    local: Local = False,
) -> None:
    """Check a study file, then run the study."""
    from spaces.reading import located
    from studies.launch import prepare_launch
    from studies.session import run_session
    from studies.study_file import read_study

    console = _console()
    with console.status(_CHECKING), located(study):
        ready = prepare_launch(read_study(study), runs, with_ray=not local)
    raise typer.Exit(run_session(console, ready, local=local))


@app.command()
def resume(
    name: Name,
    trials: Annotated[int | None, typer.Option(min=1, help="New number of trials.")] = None,
    study: Annotated[Path | None, typer.Option(help="Study file to go on with, changed in what is harmless.")] = None,
    allow: Annotated[bool, typer.Option("--allow", help="Take over the harmless changes of --study.")] = False,
    runs: Runs = _RUNS,
    storage: Storage = None,
    local: Local = False,
) -> None:
    """Go on with a study, from its database."""
    from studies.launch import prepare_resume
    from studies.session import run_session
    from studies.study_file import read_study

    console = _console()
    with console.status(_CHECKING):
        file = read_study(study) if study is not None else None
        ready = prepare_resume(name, runs, storage, trials, file, allow=allow)
    raise typer.Exit(run_session(console, ready, local=local))


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(help="Name of the study; all studies where none is given.")] = None,
    runs: Runs = _RUNS,
    storage: Storage = None,
) -> None:
    """Show how far a study is."""
    from search.drivers import LeasedDriver
    from spaces.errors import MixtuneError
    from studies.launch import find
    from studies.terminal import print_status

    names = [name] if name is not None else sorted(path.parent.name for path in runs.glob("*/study.db"))
    console = _console()
    if not names:
        console.print(f"There is no study in {runs}. `mixtune demo` runs one; `mixtune init FOLDER` begins one.")
    for each in names:
        try:
            store, study = find(each, runs, storage)
            print_status(console, study, LeasedDriver(store.storage.engine, each).others())
        except MixtuneError as error:
            if name is not None:
                raise
            console.print(f"{each}: {error}", highlight=False)


@app.command()
def report(
    name: Name,
    runs: Runs = _RUNS,
    storage: Storage = None,
    watch: Annotated[
        float | None, typer.Option(min=1, help="Write it anew every so many seconds, while the study runs.")
    ] = None,
) -> None:
    """Write the page, the figures, the tables and a notebook; at any time of a study."""
    from search.drivers import LeasedDriver
    from studies.confirmation import has_more
    from studies.inspecting import inspect_best
    from studies.launch import find
    from studies.rating.rating import rate
    from studies.report import write_report
    from studies.terminal import print_rating, print_status

    store, study = find(name, runs, storage)
    console = _console()
    while True:
        drivers = LeasedDriver(store.storage.engine, name).others()
        again = watch if drivers and has_more(study) else None
        with console.status("Writing the report …"):
            rating = rate(study)
            inspection, note = (None, "") if drivers else inspect_best(study, runs / name)
            page = write_report(store, study, rating, runs / name / "report", again, inspection)
        if again is None:
            break
        print_status(console, study, drivers)
        time.sleep(again)
        study = store.load(name)
    print_rating(console, study, rating)
    if note:
        console.print(f"\n{note}", highlight=False)
    console.print(f"\nreport: {page}", soft_wrap=True, highlight=False)


@app.command()
def best(name: Name, runs: Runs = _RUNS, storage: Storage = None) -> None:
    """Show the best trial: its texts, settings and scores."""
    from spaces.errors import MixtuneError
    from studies.launch import find
    from studies.store import resume_command
    from studies.terminal import print_best

    _, study = find(name, runs, storage)
    if study.best is None:
        raise MixtuneError(
            f"No trial of {name!r} is complete yet. Go on with: {resume_command(name, study.url, runs / name)}"
        )
    print_best(_console(), study, study.best)


@app.command()
def export(
    name: Name,
    out: Out,
    trial: Annotated[int | None, typer.Option(help="Number of the trial; the best where none is given.")] = None,
    only: Only = None,
    runs: Runs = _RUNS,
    storage: Storage = None,
) -> None:
    """Write a trial's model: a PEFT adapter, a merged model, one file; with provenance and a model card."""
    from studies.export import export_trial
    from studies.launch import find

    console = _console()
    _, study = find(name, runs, storage)
    with console.status("Writing the model …"):
        record = export_trial(study, runs / name, out, trial, only or ())
    console.print(f"Wrote trial {record.number} to {out}. {out}/README.md says how to load it.", soft_wrap=True)


@app.command()
def train(
    pipeline: Annotated[Path, typer.Argument(help="Study file in which nothing is searched.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write; must not exist.")] = None,
    only: Only = None,
    runs: Runs = _RUNS,
) -> None:
    """Train one model, in one or several stages, without a search."""
    from spaces.reading import located
    from studies.study_file import read_study
    from studies.train import run_training

    console = _console()
    try:
        with located(pipeline):
            written = run_training(console, read_study(pipeline), runs, out, tuple(only or ()))
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from the last row above, if there is one.", highlight=False)
        raise typer.Exit(130) from None
    console.print(f"Wrote {written}. {written}/README.md says how to load it.", soft_wrap=True, highlight=False)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A tuned.safetensors of `export` or `train`.")],
    base: Annotated[str, typer.Option(help="What it was tuned from: tiny, a model folder, or a name on the hub.")],
    out: Out,
    trust_remote_code: Annotated[bool, typer.Option(help="Run Python that comes with the base.")] = False,
) -> None:
    """Put what a run has learnt onto its base again, as a model that transformers loads."""
    from studies.export import apply_file

    console = _console()
    with console.status("Writing the model …"):
        apply_file(file, base, out, trust_code=trust_remote_code)
    console.print(f"Wrote {out}", soft_wrap=True, highlight=False)


@scenes_app.command(name="run")
def scenes_run(
    models: Annotated[list[str], typer.Argument(help="tiny, model folders, exports, or names on the hub.")],
    files: Annotated[
        list[str] | None, typer.Option(help="english, russian, or a file of scenes; may be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Table to write; rows of other models in it are kept.")] = Path(
        "results_table.csv"
    ),
    texts: Annotated[
        Path | None, typer.Option(help="Folder of texts: what stands there is no novel continuation.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=2, help="So many scenes of each quality.")] = None,
    threshold: Annotated[float, typer.Option(min=0.01, max=1, help="Accuracy at which a depth holds.")] = 0.75,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    trust_remote_code: Annotated[bool, typer.Option(help="Run Python that comes with a model.")] = False,
) -> None:
    """Measure five qualities of reasoning of some models, by scenes that are scored by rule."""
    from objectives.scoring.spec import ScenesSpec
    from studies.scenes import run_scenes

    spec = ScenesSpec(kind="scenes", files=files or ["english"], limit=limit, threshold=threshold)
    run_scenes(_console(), models, spec, out, texts, device, trust_code=trust_remote_code)


@app.command()
def pretrain(
    texts: Annotated[Path, typer.Option(help="Folder of texts.")],
    out: Out,
    params: Annotated[str | None, typer.Option(help="1M, 5M or 20M; by the machine where none is given.")] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="About how long it may train.")] = 15.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights and the order of the texts.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    untrained: Annotated[
        bool, typer.Option("--untrained", help="A tokenizer and random weights: for trials that train from scratch.")
    ] = False,
) -> None:
    """Train a small base model from nothing on a folder of texts; the same command goes on after a break."""
    from studies.pretraining import Wish, run_pretraining

    console = _console()
    try:
        run_pretraining(console, Wish(texts, out, params, minutes, seed, device, untrained))
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from the last row above, if there is one.", highlight=False)
        raise typer.Exit(130) from None


@app.command()
def estimate(
    study: Annotated[Path, typer.Argument(help="Study file.")],
    hours: Annotated[float | None, typer.Option(min=0.001, help="How many trials fit into so many hours?")] = None,
    runs: Runs = _RUNS,
    local: Local = False,
) -> None:
    """Say how long a study will take on this machine, and whether it fits; takes under a minute."""
    from spaces.reading import located
    from studies.estimate.estimate import estimate as estimated
    from studies.estimate.shown import print_estimate
    from studies.study_file import read_study

    console = _console()
    with console.status(_CHECKING) as status, located(study):
        found = estimated(read_study(study), runs, local=local, told=status.update)
    print_estimate(console, found, hours)


_USERS_ERRORS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR)
"""What a user can mend about a file or a disk; any other error of the system is a fault of the program."""


def _fail(message: str) -> NoReturn:
    Console(stderr=True, soft_wrap=True).print(f"Error: {message}", markup=False, highlight=False)
    sys.exit(1)


def main() -> None:
    """Run the command line; an expected error is one paragraph on standard error and the exit status 1."""
    quieten_libraries()
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
