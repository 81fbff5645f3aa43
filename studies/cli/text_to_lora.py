"""Commands of Text-to-LoRA."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import mixtune
from studies.cli.options import RUNS, Runs, Storage, console_of

if TYPE_CHECKING:
    from studies.jobs.text_to_lora.options import Options

t2l = typer.Typer(no_args_is_help=True, help="Adapters written from a description, and a rating for new texts.")

_Study = Annotated[str | None, typer.Argument(help="Name of a finished study.")]
_Tasks = Annotated[Path | None, typer.Option(help="In place of a study: a folder with a YAML file a task.")]
_Out = Annotated[Path | None, typer.Option(help="Folder to write; RUNS/STUDY/t2l by default.")]
_Base = Annotated[
    str | None, typer.Option(help="With --tasks: tiny (the default), a model folder, or a name on the hub.")
]
_By = Annotated[str, typer.Option(help="end-to-end or reconstruction.")]
_Head = Annotated[str, typer.Option(help="L, M or S: how much of an adapter a pass writes.")]
_Width = Annotated[int, typer.Option(min=8, help="Of the trunk.")]
_Encoder = Annotated[str, typer.Option(help="base, sentences, sentences:MODEL, or onehot.")]
_Targets = Annotated[
    str | None, typer.Option(help="Modules that are written, as in a study file; attention by default.")
]
_Rank = Annotated[int | None, typer.Option(min=1, help="Of the adapters; 8 by default.")]
_Steps = Annotated[int | None, typer.Option(min=1, help="Of training; 1000 by default.")]
_Rate = Annotated[float | None, typer.Option(min=1e-8, help="0.001 by default.")]
_Batch = Annotated[
    int | None, typer.Option(min=1, help="Sequences of a step; the study's own by default, 64 with --tasks.")
]
_Folds = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Checks, each blind to a part of a study's texts; 4 by default, 0: none. With reconstruction each of at "
        "most 12 texts is left out by itself.",
    ),
]
_Precision = Annotated[
    str | None, typer.Option(help="Of the base, with --tasks: float32 (the default), bfloat16 or 4bit.")
]
_Template = Annotated[
    str | None,
    typer.Option(help="With --tasks: auto (the default) reads them inside the base's chat template; on; off."),
]
_Seed = Annotated[int, typer.Option(min=0, help="Of the weights and the order of the lessons.")]
_Network = Annotated[
    Path | None, typer.Option(help="Folder of the hypernetwork; that of the only study that has one by default.")
]
_TrustCode = Annotated[bool, typer.Option("--trust-remote-code", help="Run Python that comes with the base.")]


@t2l.command()
def train(
    study: _Study = None,
    tasks: _Tasks = None,
    out: _Out = None,
    base: _Base = None,
    by: _By = "end-to-end",
    head: _Head = "L",
    width: _Width = 512,
    encoder: _Encoder = "base",
    targets: _Targets = None,
    rank: _Rank = None,
    steps: _Steps = None,
    learning_rate: _Rate = None,
    batch: _Batch = None,
    folds: _Folds = None,
    precision: _Precision = None,
    seed: _Seed = 0,
    chat_template: _Template = None,
    runs: Runs = RUNS,
    storage: Storage = None,
    trust_remote_code: _TrustCode = False,
) -> None:
    """Train a hypernetwork on a study's texts and adapters, or on tasks; the same command goes on after a break."""
    from studies.jobs.options import train_on_named_study
    from studies.jobs.text_to_lora.options import Options

    options = Options(
        by, head, width, encoder, targets, rank, steps, learning_rate, batch, folds, precision, seed, chat_template
    )
    with _may_be_stopped():
        if study is not None and tasks is None:
            _refuse_base(base, trust=trust_remote_code)
            train_on_named_study(console_of(), study, runs, storage, out, options)
        elif tasks is not None and study is None:
            _train_on_tasks(tasks, out, base or "tiny", options, trust=trust_remote_code)
        else:
            _one_of_two("`mixtune t2l train` takes the name of a study or --tasks FOLDER")


def _train_on_tasks(tasks: Path, out: Path | None, base: str, options: Options, *, trust: bool) -> None:
    from studies.jobs.text_to_lora.task_training import train_on_tasks

    if out is None:
        raise mixtune.InputError("With --tasks, --out names the folder to write.", code="out-missing")
    train_on_tasks(console_of(), tasks, base, out, options, trust_code=trust)


def _refuse_base(base: str | None, *, trust: bool) -> None:
    if base is not None or trust:
        raise mixtune.InputError(
            "--base and --trust-remote-code go with --tasks: a study says what its base is. Leave them out.",
            code="option-without-meaning",
        )


@contextmanager
def _may_be_stopped() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        console_of().print(
            "Stopped. The same command goes on from the last row above, if there is one.", highlight=False
        )
        raise typer.Exit(130) from None


def _one_of_two(what: str) -> NoReturn:
    raise mixtune.InputError(f"{what}, one of the two.", code="one-of-two")


@t2l.command()
def write(
    out: Annotated[Path, typer.Option(help="Folder to write; must not exist.")],
    description: Annotated[str | None, typer.Argument(help="What the adapter is to be good at.")] = None,
    text: Annotated[Path | None, typer.Option(help="In place of a description: a file to be read as a whole.")] = None,
    network: _Network = None,
    runs: Runs = RUNS,
    trust_remote_code: _TrustCode = False,
) -> None:
    """Write an adapter for a description, or for a text, as a folder that peft loads."""
    import time

    from studies.jobs.text_to_lora.using import find_network, write_adapter

    if (description is None) == (text is None):
        _one_of_two("`mixtune t2l write` takes a description or --text FILE")
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
        console.print(
            "The network has learned from texts; a description is far from what it knows. Prefer --text FILE."
        )


@t2l.command()
def rank(
    folder: Annotated[Path, typer.Argument(help="Folder of new texts.")],
    out: Annotated[Path, typer.Option(help="Table to write.")] = Path("t2l_ranking.csv"),
    prior: Annotated[
        Path | None,
        typer.Option(
            help="YAML to write, for search.prior_effects of their own study; predictions must be good for it."
        ),
    ] = None,
    network: _Network = None,
    runs: Runs = RUNS,
) -> None:
    """Predict what new texts would do to a study's score, from adapters written for them: no training."""
    from studies.jobs.text_to_lora.using import find_network, rank_texts

    rank_texts(console_of(), find_network(network, runs), folder, out, prior)
