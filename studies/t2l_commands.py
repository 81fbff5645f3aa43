"""Commands of Text-to-LoRA."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from studies.options import RUNS, Runs, Storage, console_of

t2l = typer.Typer(no_args_is_help=True, help="Adapters written from a description, and a rating for new texts.")

_Network = Annotated[
    Path | None, typer.Option(help="Folder of the hypernetwork; that of the only study that has one by default.")
]
_Trust = Annotated[bool, typer.Option("--trust-remote-code", help="Run Python that comes with the base.")]


@t2l.command()
def train(
    study: Annotated[str | None, typer.Argument(help="Name of a finished study.")] = None,
    tasks: Annotated[Path | None, typer.Option(help="In place of a study: a folder with a YAML file a task.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; RUNS/STUDY/t2l by default.")] = None,
    base: Annotated[
        str | None, typer.Option(help="With --tasks: tiny (the default), a model folder, or a name on the hub.")
    ] = None,
    by: Annotated[str, typer.Option(help="end-to-end or reconstruction.")] = "end-to-end",
    head: Annotated[str, typer.Option(help="L, M or S: how much of an adapter a pass writes.")] = "L",
    width: Annotated[int, typer.Option(min=8, help="Of the trunk.")] = 512,
    encoder: Annotated[str, typer.Option(help="base, sentences, sentences:MODEL, or onehot.")] = "base",
    targets: Annotated[
        str | None, typer.Option(help="Modules that are written, as in a study file; attention by default.")
    ] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Of the adapters; 8 by default.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Of training; 1000 by default.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=1e-8, help="0.001 by default.")] = None,
    batch: Annotated[
        int | None, typer.Option(min=1, help="Sequences of a step; the study's own by default, 64 with --tasks.")
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Checks, each blind to a part of a study's texts; 4 by default, 0: none. With reconstruction each of "
            "at most 12 texts is left out by itself.",
        ),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="Of the base, with --tasks: float32 (the default), bfloat16 or 4bit.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the weights and the order of the lessons.")] = 0,
    runs: Runs = RUNS,
    storage: Storage = None,
    trust_remote_code: _Trust = False,
) -> None:
    """Train a hypernetwork on a study's texts and adapters, or on tasks; the same command goes on after a break."""
    from spaces import InputError
    from studies.launch import find
    from studies.text_to_lora.task_training import train_on_tasks
    from studies.text_to_lora.training import train_on_study
    from studies.text_to_lora.using import FOLDER
    from studies.text_to_lora.wish import Wish

    if (study is None) == (tasks is None):
        raise InputError("`mixtune t2l train` takes the name of a study or --tasks FOLDER, one of the two.")
    if study is None and out is None:
        raise InputError("With --tasks, --out names the folder to write.")
    if study is not None and (base is not None or trust_remote_code):
        raise InputError("--base and --trust-remote-code go with --tasks: a study says what its base is.")
    wish = Wish(by, head, width, encoder, targets, rank, steps, learning_rate, batch, folds, precision, seed)
    console = console_of()
    try:
        if tasks is not None and out is not None:
            train_on_tasks(console, tasks, base or "tiny", out, wish, trust_code=trust_remote_code)
        elif study is not None:
            _, found = find(study, runs, storage)
            train_on_study(console, found, runs / study, out or runs / study / FOLDER, wish)
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on from the last row above, if there is one.", highlight=False)
        raise typer.Exit(130) from None


@t2l.command()
def write(
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist.")],
    description: Annotated[str | None, typer.Argument(help="What the adapter is to be good at.")] = None,
    text: Annotated[Path | None, typer.Option(help="In place of a description: a file to be read as a whole.")] = None,
    network: _Network = None,
    runs: Runs = RUNS,
    trust_remote_code: _Trust = False,
) -> None:
    """Write an adapter for a description, or for a text, as a folder that peft loads."""
    import time

    from spaces import InputError
    from studies.text_to_lora.using import find_network, write_adapter

    if (description is None) == (text is None):
        raise InputError("`mixtune t2l write` takes a description or --text FILE, one of the two.")
    console = console_of()
    begun = time.perf_counter()
    with console.status("Writing the adapter …"):
        wanted = text if text is not None else str(description)
        written = write_adapter(find_network(network, runs), wanted, out, trust_code=trust_remote_code)
    console.print(
        f"Wrote {out}, {written.weights:,} weights, in {time.perf_counter() - begun:.1f} s with loading. Load it with "
        f"PeftModel.from_pretrained(base, {str(out)!r}) on {written.base!r}.",
        soft_wrap=True,
        highlight=False,
    )
    if written.far:
        console.print("The network has learnt from texts; a description is far from what it knows. Prefer --text FILE.")


@t2l.command()
def rank(
    folder: Annotated[Path, typer.Argument(help="Folder of new texts.")],
    out: Annotated[Path, typer.Option(help="Table to write.")] = Path("t2l_ranking.csv"),
    prior: Annotated[
        Path | None,
        typer.Option(help="YAML to write, for search.prior of their own study; predictions must be good for it."),
    ] = None,
    network: _Network = None,
    runs: Runs = RUNS,
) -> None:
    """Predict what new texts would do to a study's score, from adapters written for them: no training."""
    from studies.text_to_lora.using import find_network, rank_texts

    rank_texts(console_of(), find_network(network, runs), folder, out, prior)
