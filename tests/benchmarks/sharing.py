"""Memory that a worker's base takes beside those of other workers: `python -m tests.benchmarks.sharing`.

Some processes load one base of random weights and read a sequence with it. What each adds for itself alone (USS) is
little where the weights stay mapped from their file, so that all processes share them.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from objectives.bases.hub import HubBase
from objectives.bases.tiny import TinyBase

PROCESSES = 3


def _load(folder: str, precision: str, told: Connection) -> None:
    before = psutil.Process().memory_full_info()
    model = HubBase(folder).model(precision, "cpu")
    with torch.no_grad():
        model(input_ids=torch.arange(20)[None])
    told.send(None)
    told.recv()  # all have read theirs
    after = psutil.Process().memory_full_info()
    told.send((after.rss - before.rss, after.uss - before.uss))
    told.recv()  # all have told


def measure(folder: Path, precision: str) -> list[tuple[float, float]]:
    """Memory that each process adds, in megabytes: mapped or its own (RSS), its own alone (USS)."""
    fresh = multiprocessing.get_context("spawn")
    pipes = [fresh.Pipe() for _ in range(PROCESSES)]
    workers = [fresh.Process(target=_load, args=(str(folder), precision, there)) for _, there in pipes]
    for worker in workers:
        worker.start()
    for here, _ in pipes:
        here.recv()
    for here, _ in pipes:
        here.send(None)
    found = [here.recv() for here, _ in pipes]
    for here, _ in pipes:
        here.send(None)
    for worker in workers:
        worker.join()
    return [(rss / 1e6, uss / 1e6) for rss, uss in found]


def main() -> None:
    shape = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 2048}
    with tempfile.TemporaryDirectory() as made:
        model = LlamaForCausalLM(LlamaConfig(**shape, vocab_size=16_000))
        size = sum(weight.numel() * weight.element_size() for weight in model.parameters()) / 1e6
        model.save_pretrained(made)
        TinyBase("tiny").tokenizer().save_pretrained(made)
        del model
        print(f"weights of {size:.0f} MB in a file of float32, {PROCESSES} processes")
        for precision in ("float32", "bfloat16"):
            for rss, uss in measure(Path(made), precision):
                print(f"  as {precision}: {rss:.0f} MB more seen by the process, {uss:.0f} MB of its own")


if __name__ == "__main__":
    main()
