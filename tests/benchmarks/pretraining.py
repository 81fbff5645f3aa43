"""Models that `mixtune pretrain` makes of a folder of texts, next to an n-gram and a published recipe of equal size.

Run with `python -m tests.benchmarks.pretraining FOLDER MINUTES`, on a machine that is otherwise idle. All are measured
in bits per byte on the same held-out passages, after the same time. The recipe is nanoGPT's for one processor
(Karpathy, 2023, `train_shakespeare_char` with a batch of 12, blocks of 64, four layers of width 128): a GPT-2 that
reads single characters, here bytes, with AdamW at a rate of 1e-3 that falls as a cosine.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

from objectives.pretraining.ngram import ByteModel
from objectives.pretraining.run import SIZES, Material, Pretraining, prepare, steps_within
from spaces import Corpus, scan

_BLOCK, _BATCH, _RATE, _LOWEST, _WARMUP = 64, 12, 1e-3, 1e-4, 100


class Characters:
    """The published recipe."""

    def __init__(self, training: Sequence[str]) -> None:
        torch.manual_seed(1337)
        sizes = {"n_layer": 4, "n_head": 4, "n_embd": 128, "n_positions": _BLOCK, "vocab_size": 256}
        none = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": 0}
        self.model = GPT2LMHeadModel(GPT2Config(**sizes, **none))
        self._bytes = np.frombuffer("\n".join(training).encode(), np.uint8)
        self._rng = np.random.default_rng(0)
        decayed = [weight for weight in self.model.parameters() if weight.ndim > 1]
        plain = [weight for weight in self.model.parameters() if weight.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=_RATE, betas=(0.9, 0.99))

    def train(self, seconds: float) -> int:
        """Train for so long, the rate following the clock; return the steps."""
        begun, step = time.perf_counter(), 0
        self.model.train()
        while (done := (time.perf_counter() - begun) / seconds) < 1:
            starts = self._rng.integers(0, len(self._bytes) - _BLOCK, _BATCH)
            block = torch.tensor(
                np.stack([self._bytes[start : start + _BLOCK + 1] for start in starts]).astype(np.int64)
            )
            logits = self.model(input_ids=block[:, :-1]).logits
            loss = cross_entropy(logits.flatten(0, 1), block[:, 1:].flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            rate = _LOWEST + (_RATE - _LOWEST) * (1 + math.cos(math.pi * done)) / 2
            for group in self._optimizer.param_groups:
                group["lr"] = rate * min(1.0, (step + 1) / _WARMUP)
            self._optimizer.step()
            self._optimizer.zero_grad(set_to_none=True)
            step += 1
        return step

    def bits_per_byte(self, passages: Sequence[str]) -> float:
        """Every byte after at least half a block of those before it, where there are so many."""
        self.model.eval()
        nats = size = 0.0
        with torch.no_grad():
            for passage in passages:
                values = torch.tensor(list(passage.encode()))
                size += len(values)
                nats += math.log(256)  # the first byte, of which it says nothing
                for start in range(0, len(values) - 1, _BLOCK // 2):
                    block = values[start : start + _BLOCK + 1]
                    logits = self.model(input_ids=block[None, :-1]).logits[0]
                    losses = cross_entropy(logits, block[1:], reduction="none")
                    nats += float(losses[0 if start == 0 else _BLOCK // 2 :].sum())
        return nats / math.log(2) / size


def ours(corpus: Corpus, size: str, seconds: float, folder: Path) -> Pretraining:
    """A run of the product that takes so long."""
    recipe = SIZES[size]
    tokenizer, tokens, heldout = prepare(corpus, recipe, folder, folder / f"tokenizer-{size}")
    steps = steps_within(
        Pretraining(replace(recipe, steps=20), tokenizer, tokens, heldout, "cpu"), seconds, len(tokens)
    )
    run = Pretraining(replace(recipe, steps=steps), tokenizer, tokens, heldout, "cpu")
    for _ in run.run(folder, lambda step, loss: None):
        pass
    return run


def main() -> None:
    corpus, seconds = scan(Path(sys.argv[1])), 60 * float(sys.argv[2])
    sizes = sys.argv[3:] or ["1M"]
    table = Table("model", "parameters", "seconds", "bytes read", "bits per byte", box=None)
    material = Material.of(corpus)
    held = 0
    with tempfile.TemporaryDirectory() as made:
        for size in sizes:
            begun = time.perf_counter()
            run = ours(corpus, size, seconds, Path(made))
            took = time.perf_counter() - begun
            held = len(run.passages)
            bytes_a_token = sum(len(text.encode()) for text in material.training) / len(run._stream._tokens["texts"])
            read = run.log[-1].tokens * bytes_a_token
            cells = (f"{took:.0f}", f"{read:,.0f}", f"{run.best.bits_per_byte:.3f}")
            table.add_row(f"mixtune pretrain --params {size}", f"{run.parameters:,}", *cells)
        begun = time.perf_counter()
        published = Characters(material.training)
        steps = published.train(seconds)
        count = sum(weight.numel() for weight in published.model.parameters())
        took, read = time.perf_counter() - begun, steps * _BATCH * _BLOCK
        bits = published.bits_per_byte(run.passages)
        table.add_row("nanoGPT, bytes", f"{count:,}", f"{took:.0f}", f"{read:,}", f"{bits:.3f}")
        for context in (2, 5):
            begun = time.perf_counter()
            bits = ByteModel.of(material.training, context).bits_per_byte(run.passages)
            table.add_row(f"n-gram of {context + 1} bytes", "", f"{time.perf_counter() - begun:.1f}", "", f"{bits:.3f}")
    Console(highlight=False).print(table)
    Console(highlight=False).print(f"{len(corpus.texts)} texts, {held} held-out passages")


if __name__ == "__main__":
    main()
