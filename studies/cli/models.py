"""Commands about models: writing, training, making and measuring them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    from studies.jobs.export import export_trial
    from studies.storage.finding import find

    console = console_of()
    _, study, folder = find(name, runs, storage, reading=True)
    with console.status("Writing the model …"):
        record = export_trial(study, folder, out, trial, only or ())
    console.print(f"Wrote trial {record.number} to {out}. {out}/README.md says how to load it.", soft_wrap=True)


@models.command()
def train(
    pipeline: Annotated[Path, typer.Argument(help="Study file in which nothing is searched.")],
    out: Annotated[Path | None, typer.Option(help="Folder to write; must not exist.")] = None,
    only: Only = None,
    runs: Runs = RUNS,
) -> None:
    """Train one model, in one or several stages, without a search."""
    from spaces.yaml.reading import located
    from studies.jobs.train import run_training
    from studies.study_file import read_study

    console = console_of()
    try:
        with located(pipeline):
            written = run_training(console, read_study(pipeline), runs, out, tuple(only or ()))
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
    from studies.jobs.pretraining import PretrainingOptions, run_pretraining

    console = console_of()
    try:
        run_pretraining(console, PretrainingOptions(texts, out, params, minutes, seed, _device(device), untrained))
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from the last row above, if there is one.", highlight=False)
        raise typer.Exit(130) from None


def _device(device: str) -> str:
    """A device by its name.

    Raises:
        InputError: there is none of that name.
    """
    from objectives.device import DEVICES, cards
    from spaces.errors import InputError, did_you_mean, listed

    if device not in DEVICES:
        raise InputError(
            f"--device must be one of {listed(DEVICES)}; got {device!r}.{did_you_mean(device, DEVICES)}",
            code="option-unknown",
        )
    if device == "cuda" and not cards():
        raise InputError(
            "--device cuda wants a graphics card that torch can use, and there is none. Leave it out.", code="no-gpu"
        )
    return device


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
    from objectives.scoring.spec import ScenesSpec
    from spaces import InputError
    from spaces.choices import SWITCHES
    from spaces.errors import listed
    from studies.jobs.scenes import run_scenes

    if chat_template not in SWITCHES:
        raise InputError(
            f"--chat-template must be one of {listed(SWITCHES)}; got {chat_template!r}.", code="option-unknown"
        )
    asked = {"files": files or ["english"], "limit": limit, "threshold": threshold, "chat_template": chat_template}
    spec = ScenesSpec.model_validate({"kind": "scenes", **asked})
    run_scenes(console_of(), models, spec, out, texts, _device(device), trust_code=trust_remote_code)
