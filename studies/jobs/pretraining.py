"""`mixtune pretrain`: a small base model from a folder of texts, as the user sees it."""

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
from studies.jobs.unfinished import ASKED, unfinished, write_plan

_WORK = ".pretraining"
_TOLD = "pretraining.json"
_FEWEST_TEXTS = 1
_MOST_COUNTED = 30_000_000
"""Characters that the n-gram is learned from: it takes 25 bytes of memory for each."""
_WARM_UPS = 10
"""A run is at least so many times as long as its warm-up."""
_BY_DEVICE = {"cuda": "20M", "mps": "5M"}
"""Device to the size that is trained well in a quarter of an hour; 1M elsewhere."""


@dataclass(frozen=True, slots=True)
class PretrainingOptions:
    """The options of `mixtune pretrain`."""

    texts: Path
    out: Path
    params: str | None = None
    minutes: float = 15.0
    seed: int = 0
    device: str = "auto"
    untrained: bool = False
    """Write the tokenizer and random weights, for studies in which every trial trains from scratch."""


def run_pretraining(console: Console, options: PretrainingOptions) -> None:
    """Train a tokenizer and a model, showing how far it is; write a Hugging Face folder.

    Cut off, the same wish goes on from its last measurement.

    Raises:
        InputError: the texts or the folder cannot be used, or the run in the folder had another wish.
    """
    device = choose_device(options.device)
    size = options.params or _BY_DEVICE.get(device, "1M")
    if size not in SIZES:
        raise InputError(
            f"--params must be one of {listed(SIZES)}; got {size!r}.{did_you_mean(size, SIZES)}", code="option-unknown"
        )
    if not options.texts.is_dir():
        raise InputError(f"The folder of texts {str(options.texts)!r} (--texts) is not there.", code="folder-missing")
    corpus = scan(options.texts, fewest=_FEWEST_TEXTS)
    work = options.out / _WORK
    asked = {
        "params": size,
        "minutes": options.minutes,
        "seed": options.seed,
        "texts": corpus.fingerprint,
        "device": device,
        "untrained": options.untrained,
    }
    before = unfinished(options.out, _WORK, _TOLD, asked)
    run = _begun(console, options, corpus, replace(SIZES[size], seed=options.seed), device, asked, before)
    if not options.untrained:
        _train(console, run, work)
        run.take_best(work)
    _write(console, run, options, corpus, size)


def _begun(
    console: Console,
    options: PretrainingOptions,
    corpus: Corpus,
    recipe: PretrainRecipe,
    device: str,
    asked: dict[str, Any],
    plan: dict[str, Any] | None,
) -> Pretraining:
    """A run at its beginning, or where it was."""
    if device == "cuda":
        recipe = replace(recipe, batch=recipe.batch * GPU_BATCH_FACTOR)
    with console.status("Training the tokenizer …"):
        tokenizer, tokens, heldout = prepare(corpus, recipe, options.out, options.out / _WORK / "tokenizer")
    if plan is not None:
        run = Pretraining(PretrainRecipe(**plan["recipe"]), tokenizer, tokens, heldout, device)
        run.restore(options.out / _WORK)
        console.print(f"Going on after {run.step:,} of {run.recipe.steps:,} steps.", highlight=False)
        return run
    recipe = replace(recipe, steps=MEASUREMENTS)
    if not options.untrained:
        with console.status("Seeing how fast this machine is …"):
            timed = Pretraining(recipe, tokenizer, tokens, heldout, device)
            steps = steps_within(timed, 60 * options.minutes, len(tokens))
        recipe = replace(recipe, steps=steps, warmup=max(1, min(recipe.warmup, steps // _WARM_UPS)))
    run = Pretraining(recipe, tokenizer, tokens, heldout, device)
    write_plan(options.out / _WORK, {ASKED: asked, "recipe": asdict(recipe)})
    read = recipe.steps * recipe.batch * recipe.length
    console.print(
        f"{run.parameters:,} parameters, {len(tokenizer):,} tokens in the vocabulary, {len(tokens):,} tokens of text; "
        + (
            "random weights."
            if options.untrained
            else f"{recipe.steps:,} steps read {read / len(tokens):.1f} times all."
        ),
        highlight=False,
        soft_wrap=True,
    )
    return run


def _train(console: Console, run: Pretraining, work: Path) -> None:
    with _progress(console, run) as tell:
        for measured in run.run(work, tell):
            _print_row(console, measured)
    if run.step < run.recipe.steps:
        console.print("Ended early: held-out text has not become better for a while.")


@contextmanager
def _progress(console: Console, run: Pretraining) -> Iterator[Any]:
    console.print("".join(f"{head:>16}" for head in ("tokens", "training loss", "bits per byte")), highlight=False)
    for measured in run.log:
        _print_row(console, measured)
    with training_bar(console, "Training", run.recipe.steps, run.step) as tell:
        yield tell


def _print_row(console: Console, measured: Measured) -> None:
    cells = (f"{measured.tokens:,}", f"{measured.loss:.3f}", f"{measured.bits_per_byte:.4f}")
    console.print("".join(f"{cell:>16}" for cell in cells), highlight=False)


def _write(console: Console, run: Pretraining, options: PretrainingOptions, corpus: Corpus, size: str) -> None:
    """The folder as every other command takes it; what was needed to go on is removed last."""
    save_base(run.model, run.tokenizer, options.out, half=False)
    ngram = _ngram(corpus, run)
    told = {
        "params": size,
        "parameters": run.parameters,
        "texts": {text.name: text.sha256 for text in corpus.texts},
        "recipe": asdict(run.recipe),
        "measured": [asdict(measured) for measured in run.log],
        "bits_per_byte": run.best.bits_per_byte if run.log else None,
        "ngram_bits_per_byte": round(ngram, 4),
        "versions": versions(("mixtune", "torch", "transformers", "tokenizers")),
    }
    (options.out / _TOLD).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    card = environment("studies.report", trim=False).get_template("base.md.j2").render(**told, out=options.out.name)
    (options.out / "README.md").write_text(card, encoding="utf-8")
    shutil.rmtree((options.out / _WORK).rename(options.out / f"{_WORK}.done"))
    if run.log:
        console.print(
            f"Held-out text takes {run.best.bits_per_byte:.3f} bits per byte, an n-gram of six bytes {ngram:.3f}.",
            highlight=False,
        )
    console.print(
        f"Wrote {options.out}: use it as `base: {options.out}` in a study file.", soft_wrap=True, highlight=False
    )


def _ngram(corpus: Corpus, run: Pretraining) -> float:
    """Bits per byte that an n-gram needs for the same passages, learned from the texts, or from a part of each."""
    training = Material.of(corpus).training
    share = min(1.0, _MOST_COUNTED / sum(map(len, training)))
    return ByteModel.of([text[: round(share * len(text))] for text in training]).bits_per_byte(run.passages)
