"""Commands about models: writing, training, making and measuring them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import mixtune
from studies.cli.options import RUNS, Name, Only, Out, Runs, Storage, console_of

models = typer.Typer()
scenes_app = typer.Typer(no_args_is_help=True, help="Five qualities of reasoning, scored by rule.")
models.add_typer(scenes_app, name="scenes")


@models.command()
def export(
    name: Name,
    out: Out,
    trial: Annotated[int | None, typer.Option(help="Number of the trial; the best where none is given.")] = None,
    only: Only = None,
    runs: Runs = RUNS,
    storage: Storage = None,
) -> None:
    """Write a trial's model: a PEFT adapter, a merged model, one file; with provenance and a model card."""
    console = console_of()
    study = mixtune.open_study(name, runs=runs, storage=storage)
    with console.status("Writing the model …"):
        number = study.export(out, trial, only or ())
    console.print(f"Wrote trial {number} to {out}. {out}/README.md says how to load it.", soft_wrap=True)


@models.command()
def train(
    pipeline: Annotated[Path, typer.Argument(help="Study file in which nothing is searched.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write; must not exist.")] = None,
    only: Only = None,
    runs: Runs = RUNS,
) -> None:
    """Train one model, in one or several stages, without a search."""
    console = console_of()
    try:
        written = mixtune.train(pipeline, out, forms=only or (), runs=runs, console=console)
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from the last row above, if there is one.", highlight=False)
        raise typer.Exit(130) from None
    console.print(f"Wrote {written}. {written}/README.md says how to load it.", soft_wrap=True, highlight=False)


@models.command()
def apply(
    file: Annotated[Path, typer.Argument(help="A tuned.safetensors of `export` or `train`.")],
    base: Annotated[str, typer.Option(help="What it was tuned from: tiny, a model folder, or a name on the hub.")],
    out: Out,
    trust_remote_code: Annotated[bool, typer.Option(help="Run Python that comes with the base.")] = False,
) -> None:
    """Put what a run has learned onto its base again, as a model that transformers loads."""
    from studies.jobs.export import apply_file

    console = console_of()
    with console.status("Writing the model …"):
        apply_file(file, base, out, trust_code=trust_remote_code)
    console.print(f"Wrote {out}", soft_wrap=True, highlight=False)


@models.command()
def pretrain(
    texts: Annotated[Path, typer.Option(help="Folder of texts.")],
    out: Out,
    params: Annotated[str | None, typer.Option(help="1M, 5M or 20M; by the machine where none is given.")] = None,
    minutes: Annotated[float, typer.Option(min=0.01, max=100_000, help="About how long it may train.")] = 15.0,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights and the order of the texts.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    untrained: Annotated[
        bool, typer.Option("--untrained", help="A tokenizer and random weights: for trials that train from scratch.")
    ] = False,
) -> None:
    """Train a small base model from nothing on a folder of texts; the same command goes on after a break."""
    from studies.jobs.options import checked_device
    from studies.jobs.pretraining import PretrainingOptions, run_pretraining

    console = console_of()
    options = PretrainingOptions(texts, out, params, minutes, seed, checked_device(device), untrained)
    try:
        run_pretraining(console, options)
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from the last row above, if there is one.", highlight=False)
        raise typer.Exit(130) from None


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
    chat_template: Annotated[
        str, typer.Option(help="auto: inside a model's chat template where it has one; on; off.")
    ] = "auto",
    threshold: Annotated[float, typer.Option(min=0.01, max=1, help="Accuracy at which a depth holds.")] = 0.75,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    trust_remote_code: Annotated[bool, typer.Option(help="Run Python that comes with a model.")] = False,
) -> None:
    """Measure five qualities of reasoning of some models, by scenes that are scored by rule."""
    from studies.jobs.options import checked_device, scenes_spec
    from studies.jobs.scenes import run_scenes

    spec = scenes_spec(files or ["english"], limit, chat_template, threshold)
    run_scenes(console_of(), models, spec, out, texts, checked_device(device), trust_code=trust_remote_code)
