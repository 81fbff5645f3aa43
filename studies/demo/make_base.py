"""Rebuild the shipped base (`make base`): about six minutes on two processors, with reproducible weights."""

from __future__ import annotations

import hashlib
import os
import time
from itertools import islice
from pathlib import Path

import torch

from objectives.bases.tiny import FOLDER
from objectives.pretraining.model import Pairs, build_model, save_base, train_tokenizer
from objectives.pretraining.recipe import PretrainRecipe
from objectives.training.fit import fit
from studies.demo.books import BOOKS
from studies.demo.drills import drills

_THREADS = 2
"""Number of threads, part of the recipe: another number changes the order of sums, and so the rounding."""
_SAMPLE = 20_000
"""Number of drills on which the tokenizer is trained, with the books, so that every word is one token."""


def main(folder: Path = FOLDER) -> None:
    """Train the tokenizer and the model, and save them in the package."""
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    torch.set_num_threads(_THREADS)
    torch.use_deterministic_algorithms(mode=True)
    recipe = PretrainRecipe()
    sample = (prompt + completion for prompt, completion in islice(drills(recipe.seed), _SAMPLE))
    books = (line for book in BOOKS for line in book.text(recipe.seed).splitlines())
    tokenizer = train_tokenizer([*sample, *books], recipe.vocabulary)
    model = build_model(recipe, len(tokenizer))
    start = time.monotonic()
    recent: list[float] = []

    def progress(step: int, loss: float) -> None:
        recent.append(loss)
        if step % 100 == 0:
            mean = sum(recent) / len(recent)
            print(f"step {step}/{recipe.steps}  loss {mean:.4f}  {time.monotonic() - start:.0f} s", flush=True)  # noqa: T201
            recent.clear()

    fit(Pairs(model, tokenizer, drills(recipe.seed + 1), recipe), recipe.steps, "try another seed.", progress)
    save_base(model.eval(), tokenizer, folder)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, model.safetensors sha256 {digest}")  # noqa: T201


if __name__ == "__main__":
    main()
