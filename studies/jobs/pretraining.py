"""`mixtune pretrain`: pretraining of a small base model on a folder of texts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from objectives.device import choose_device
from objectives.pretraining.model import save_base
from objectives.pretraining.ngram import ByteModel
from objectives.pretraining.recipe import PretrainRecipe
from objectives.pretraining.run import (
    GPU_BATCH_FACTOR,
    MEASUREMENTS,
    SIZES,
    Material,
    Measured,
    Pretraining,
    prepare,
    steps_within,
)
from objectives.templating import environment
from objectives.versions import versions
from spaces import Corpus, InputError, scan
from spaces.errors import did_you_mean, listed
from studies.jobs.bars import training_bar
from studies.jobs.unfinished import OPTIONS_KEY, unfinished, write_plan

_WORK = ".pretraining"
_METADATA_FILE = "pretraining.json"
_FEWEST_TEXTS = 1
_MAX_NGRAM_CHARACTERS = 30_000_000
"""Maximum number of characters for the n-gram model, which needs 25 bytes of memory per character."""
_WARMUP_RATIO = 10
"""Minimum ratio of the length of a run to its warm-up."""
_BY_DEVICE = {"cuda": "20M", "mps": "5M"}
"""Device to the model size that trains well in a quarter of an hour; 1M for other devices."""


@dataclass(frozen=True, slots=True)
class PretrainingOptions:
    """Options of `mixtune pretrain`."""

    texts: Path
    out: Path
    params: str | None = None
    minutes: float = 15.0
    seed: int = 0
    device: str = "auto"
    untrained: bool = False
    """Whether to write the tokenizer and random weights, for studies whose trials train from scratch."""


def run_pretraining(console: Console, options: PretrainingOptions) -> None:
    """Train a tokenizer and a model, show the progress, and write a Hugging Face folder.

    An interrupted run with the same options resumes from its last measurement.

    Raises:
        InputError: the texts or the folder cannot be used, or the run in the folder had other options.
    """
    device = choose_device(options.device)
    size = options.params or _BY_DEVICE.get(device, "1M")
    if size not in SIZES:
        raise InputError(
            f"--params must be one of {listed(SIZES)}; got {size!r}.{did_you_mean(size, SIZES)}", code="option-unknown"
        )
    if not options.texts.is_dir():
        raise InputError(f"The folder of texts {str(options.texts)!r} (--texts) does not exist.", code="folder-missing")
    corpus = scan(options.texts, fewest=_FEWEST_TEXTS)
    work = options.out / _WORK
    requested = {
        "params": size,
        "minutes": options.minutes,
        "seed": options.seed,
        "texts": corpus.fingerprint,
        "device": device,
        "untrained": options.untrained,
    }
    plan = unfinished(options.out, _WORK, _METADATA_FILE, requested)
    run = _open_run(console, options, corpus, replace(SIZES[size], seed=options.seed), device, requested, plan)
    if not options.untrained:
        _train(console, run, work)
        run.take_best(work)
    _write(console, run, options, corpus, size)


def _open_run(
    console: Console,
    options: PretrainingOptions,
    corpus: Corpus,
    recipe: PretrainRecipe,
    device: str,
    requested: dict[str, Any],
    plan: dict[str, Any] | None,
) -> Pretraining:
    """Start a run, or resume it from its plan."""
    if device == "cuda":
        recipe = replace(recipe, batch=recipe.batch * GPU_BATCH_FACTOR)
    with console.status("Training the tokenizer …"):
        tokenizer, tokens, heldout = prepare(corpus, recipe, options.out, options.out / _WORK / "tokenizer")
    if plan is not None:
        run = Pretraining(PretrainRecipe(**plan["recipe"]), tokenizer, tokens, heldout, device)
        run.restore(options.out / _WORK)
        console.print(f"Resuming after {run.step:,} of {run.recipe.steps:,} steps.", highlight=False)
        return run
    recipe = replace(recipe, steps=MEASUREMENTS)
    if not options.untrained:
        with console.status("Measuring the speed of this machine …"):
            timed = Pretraining(recipe, tokenizer, tokens, heldout, device)
            steps = steps_within(timed, 60 * options.minutes, len(tokens))
        recipe = replace(recipe, steps=steps, warmup=max(1, min(recipe.warmup, steps // _WARMUP_RATIO)))
    run = Pretraining(recipe, tokenizer, tokens, heldout, device)
    write_plan(options.out / _WORK, {OPTIONS_KEY: requested, "recipe": asdict(recipe)})
    total_tokens = recipe.steps * recipe.batch * recipe.length
    console.print(
        f"{run.parameters:,} parameters, {len(tokenizer):,} tokens in the vocabulary, {len(tokens):,} tokens of text; "
        + (
            "random weights."
            if options.untrained
            else f"{recipe.steps:,} steps, {total_tokens / len(tokens):.1f} epochs."
        ),
        highlight=False,
        soft_wrap=True,
    )
    return run


def _train(console: Console, run: Pretraining, work: Path) -> None:
    with _progress(console, run) as update:
        for measured in run.run(work, update):
            _print_row(console, measured)
    if run.step < run.recipe.steps:
        console.print("Stopped early: the held-out text has stopped improving.")


@contextmanager
def _progress(console: Console, run: Pretraining) -> Iterator[Any]:
    console.print("".join(f"{head:>16}" for head in ("tokens", "training loss", "bits per byte")), highlight=False)
    for measured in run.log:
        _print_row(console, measured)
    with training_bar(console, "Training", run.recipe.steps, run.step) as update:
        yield update


def _print_row(console: Console, measured: Measured) -> None:
    cells = (f"{measured.tokens:,}", f"{measured.loss:.3f}", f"{measured.bits_per_byte:.4f}")
    console.print("".join(f"{cell:>16}" for cell in cells), highlight=False)


def _write(console: Console, run: Pretraining, options: PretrainingOptions, corpus: Corpus, size: str) -> None:
    """Write the Hugging Face folder, then remove the state of the run."""
    save_base(run.model, run.tokenizer, options.out, half=False)
    ngram = _ngram(corpus, run)
    metadata = {
        "params": size,
        "parameters": run.parameters,
        "texts": {text.name: text.sha256 for text in corpus.texts},
        "recipe": asdict(run.recipe),
        "measured": [asdict(measured) for measured in run.log],
        "bits_per_byte": run.best.bits_per_byte if run.log else None,
        "ngram_bits_per_byte": round(ngram, 4),
        "versions": versions(("mixtune", "torch", "transformers", "tokenizers")),
    }
    (options.out / _METADATA_FILE).write_text(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n", "utf-8")
    card = environment("studies.report", trim=False).get_template("base.md.j2").render(**metadata, out=options.out.name)
    (options.out / "README.md").write_text(card, encoding="utf-8")
    shutil.rmtree((options.out / _WORK).rename(options.out / f"{_WORK}.done"))
    if run.log:
        console.print(
            f"Held-out text: {run.best.bits_per_byte:.3f} bits per byte; a six-byte n-gram model has {ngram:.3f}.",
            highlight=False,
        )
    console.print(
        f"Wrote {options.out}. To use the model, set `base: {options.out}` in a study file.",
        soft_wrap=True,
        highlight=False,
    )


def _ngram(corpus: Corpus, run: Pretraining) -> float:
    """Return the bits per byte of an n-gram model on the same passages, fitted to the texts or a part of each."""
    training = Material.of(corpus).training
    share = min(1.0, _MAX_NGRAM_CHARACTERS / sum(map(len, training)))
    return ByteModel.of([text[: round(share * len(text))] for text in training]).bits_per_byte(run.passages)
