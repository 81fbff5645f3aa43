"""Training on one device, from nothing but torch, transformers, peft and this repository: tokens a second, and where
they go further.

`python -m tests.benchmarks.gpu [--sizes 0.1B 1B ...] [--device cuda] [--seconds 2]`: models of random weights in the
shape of Llama, in bfloat16 on a card and float32 on a processor, with LoRA of rank 16 on all linear modules. Three
tables: the training step against peft's own; several adapters in one pass against one after the other; layers that are
passed over.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from unittest.mock import patch

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from objectives.acceleration.onednn import use_onednn
from objectives.acceleration.prefix import enable_prefix_cache, prefix_of
from objectives.bases.layout import find_blocks, is_linear
from objectives.data.order import MixStream
from objectives.training.adapter import adapted
from objectives.training.loop import Trainer
from objectives.training.packed import Packed, PackedTrainer
from spaces import CorpusMix, LayerRange, Stage, Tuning

if TYPE_CHECKING:
    from objectives.spec import FinetuneSpec

SHAPES = {
    "1M": (128, 4, 4, 4, 320, 768),
    "0.02B": (384, 8, 6, 6, 1024, 8192),
    "0.1B": (768, 12, 12, 12, 2048, 32000),
    "0.5B": (1024, 24, 16, 8, 3584, 32000),
    "1B": (2048, 16, 32, 8, 8192, 32000),
    "3B": (3072, 26, 24, 8, 8192, 32000),
    "8B": (4096, 32, 32, 8, 14336, 128256),
}
"""Name to width, layers, heads, heads of keys and values, width of the feed-forward part, vocabulary."""
LENGTH = 128
RANK = 16
STEPS = 1_000_000
"""Number of runs that are started; each ends when its time is over."""


@dataclass(frozen=True)
class Settings:
    """Settings that the trainers read of a study's objective; the study's own class needs pydantic."""

    batch_size: int
    sequence_length: int = LENGTH
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = False
    warmup_steps: int = 5
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0


def settings_of(batch: int) -> FinetuneSpec:
    return cast("FinetuneSpec", Settings(batch))


def model_of(size: str, device: str) -> LlamaForCausalLM:
    """Random weights, frozen, made on the device."""
    width, layers, heads, pairs, inner, vocabulary = SHAPES[size]
    config = LlamaConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=pairs,
        intermediate_size=inner,
        vocab_size=vocabulary,
        max_position_embeddings=2048,
        attn_implementation="sdpa",
    )
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if device == "cuda" else torch.float32)
    try:
        with torch.device(device):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(usual)
    model = model.requires_grad_(requires_grad=False).eval()
    use_onednn(model)
    return model


def stage_of(model: LlamaForCausalLM, lowest: int = 0) -> Stage:
    linear = tuple(path for path, module in find_blocks(model)[1][0].named_modules() if is_linear(module))
    frozen = (LayerRange(0, lowest - 1),) if lowest else ()
    return Stage("train", CorpusMix.equal(["text"]), Tuning("lora", RANK, 2.0 * RANK, 0.0, linear), frozen, 1, 1e-4)


def stream_of(model: LlamaForCausalLM, seed: int = 0) -> MixStream:
    """Windows of random tokens."""
    tokens = np.random.default_rng(0).integers(0, model.config.vocab_size, 4000 * LENGTH).astype(np.int32)
    return MixStream(CorpusMix.equal(["text"]), {"text": tokens}, LENGTH, 20_000, seed)


def pace(run: Callable[[int], object], seconds: float, device: str) -> float:
    """Seconds of a step, after two to warm up."""
    run(2)
    step, begun = 2, _now(device)
    while (now := _now(device)) - begun < seconds:
        step += 1
        run(step)
    return (now - begun) / (step - 2)


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def alone(model: LlamaForCausalLM, batch: int, seconds: float) -> float:
    """Tokens a second of one adapter."""
    with adapted(model, stage_of(model), 0) as tuned:
        trainer = Trainer(tuned, stream_of(model), settings_of(batch), STEPS, 1e-4)
        return batch * LENGTH / pace(trainer.run, seconds, model.device.type)


def packed(model: LlamaForCausalLM, adapters: int, batch: int, seconds: float) -> float:
    """Tokens a second of several adapters in one pass, all together."""
    trials = [Packed(stage_of(model), seed, stream_of(model, seed)) for seed in range(adapters)]
    trainer = PackedTrainer(model, trials, settings_of(batch), STEPS)
    return adapters * batch * LENGTH / pace(trainer.run, seconds, model.device.type)


def peak(device: str) -> float:
    """Floating-point operations a second of a large product of matrices, the most of some rounds."""
    size, kind = (8192, torch.bfloat16) if device == "cuda" else (1024, torch.float32)
    one = torch.randn(size, size, device=device, dtype=kind)
    layer = torch.nn.Linear(size, size, bias=False, device=device, dtype=kind).requires_grad_(requires_grad=False)
    use_onednn(torch.nn.Sequential(layer))
    best = 0.0
    for _ in range(6):
        begun = _now(device)
        for _ in range(4):
            layer(one)
        best = max(best, 4 * 2 * size**3 / (_now(device) - begun))
    return best


def steps_table(model: LlamaForCausalLM, size: str, most: float, seconds: float) -> None:
    """The training step by tokens of a step."""
    weights = sum(weight.numel() for weight in model.parameters()) - model.get_input_embeddings().weight.numel()
    print(f"\n{size}: {weights / 1e9:.3f} billion weights without the embeddings")
    print(f"{'tokens a step':>14} {'tokens/s':>10} {'of the peak':>12} {'peft tokens/s':>14} {'ratio':>6}")
    for batch in (2, 8, 32):
        ours = alone(model, batch, seconds)
        with patch("objectives.training.adapter.fuse_lora", lambda _: None):
            theirs = alone(model, batch, seconds)
        share = 4 * weights * ours / most
        print(f"{batch * LENGTH:>14} {ours:>10.0f} {share:>12.1%} {theirs:>14.0f} {ours / theirs:>6.2f}", flush=True)


def packing_table(model: LlamaForCausalLM, seconds: float) -> None:
    """Tokens a second of several adapters in one pass, against one after the other."""
    counts = (2, 4, 8, 16)
    print(f"{'tokens a step and adapter':>26} {'alone':>9}  " + "  ".join(f"{count:>3} together" for count in counts))
    for batch in (1, 2, 8):
        one = alone(model, batch, seconds)
        ratios = "  ".join(f"{packed(model, count, batch, seconds) / one:>11.2f}x" for count in counts)
        print(f"{batch * LENGTH:>26} {one:>9.0f} {ratios}", flush=True)


def prefix_table(model: LlamaForCausalLM, seconds: float) -> None:
    """Tokens a second with the lowest layers frozen: run for the first time, and passed over in a second trial."""
    layers = model.config.num_hidden_layers
    print(f"{'frozen layers':>14} {'run':>9} {'passed over':>12} {'ratio':>6} {'(2-f)/(2(1-f))':>15}")
    for frozen in (layers // 4, layers // 2, 3 * layers // 4):
        enable_prefix_cache(model, 16 << 30)
        run, steps = _trial(model, frozen, seconds=seconds)
        over, _ = _trial(model, frozen, steps=steps)
        share = frozen / layers
        print(f"{frozen:>14} {run:>9.0f} {over:>12.0f} {over / run:>6.2f} {(2 - share) / (2 * (1 - share)):>15.2f}")
    enable_prefix_cache(model, 0)


def _trial(
    model: LlamaForCausalLM, frozen: int, seconds: float = math.inf, steps: float = math.inf
) -> tuple[float, int]:
    """Tokens a second of a trial of so much time or so many steps, and its steps."""
    batch, step = 8, 0
    with prefix_of(model).frozen(frozen), adapted(model, stage_of(model, frozen), 0) as tuned:
        trainer = Trainer(tuned, stream_of(model), settings_of(batch), STEPS, 1e-4)
        begun = _now(model.device.type)
        while step < steps and _now(model.device.type) - begun < seconds:
            step += 1
            trainer.run(step)
        return step * batch * LENGTH / (_now(model.device.type) - begun), step


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=SHAPES, help="of the models")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure")
    chosen = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", category=FutureWarning)  # of transformers, about what peft asks it
    on_card = chosen.device == "cuda"
    name = torch.cuda.get_device_name() if on_card else f"processor, {torch.get_num_threads()} threads"
    most = peak(chosen.device)
    print(f"{name}; torch {torch.__version__}; a large product of matrices reaches {most / 1e12:.2f} TFLOP/s")
    for size in chosen.sizes or (("0.1B", "1B", "8B") if on_card else ("1M", "0.02B")):
        model = model_of(size, chosen.device)
        steps_table(model, size, most, chosen.seconds)
        packing_table(model, chosen.seconds)
        prefix_table(model, chosen.seconds)
        if on_card:
            print(f"peak memory {torch.cuda.max_memory_allocated() / 1e9:.1f} GB")
            torch.cuda.reset_peak_memory_stats()


if __name__ == "__main__":
    main()
