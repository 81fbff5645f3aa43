"""A small Llama from random weights: tokenizer, training loop, Hugging Face folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

END = "<|end|>"


@dataclass(frozen=True, slots=True)
class PretrainRecipe:
    """Sizes and rates of one pretraining run; the defaults give about 0.9 million parameters."""

    vocabulary: int = 800
    width: int = 128
    layers: int = 4
    heads: int = 4
    mlp: int = 320
    context: int = 256
    initializer_range: float = 0.07
    """Standard deviation of the random weights: 0.02, usual for wide models, learns too slowly at width 128."""
    steps: int = 3000
    batch: int = 32
    """Sequences per step."""
    length: int = 64
    """Tokens per sequence."""
    matrix_rate: float = 8e-3
    """Peak learning rate of Muon, on the two-dimensional hidden weights."""
    other_rate: float = 4e-3
    """Peak learning rate of AdamW, on embeddings and norms."""
    weight_decay: float = 0.02
    warmup: int = 50
    """Steps of linear warm-up."""
    constant_until: float = 0.7
    """Share of the run at the peak rate; then linear decay to zero."""
    prompt_weight: float = 0.1
    """Loss weight of prompt tokens; completion tokens weigh 1."""
    seed: int = 1


def train_tokenizer(lines: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of at most `vocabulary` tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


def build_model(recipe: PretrainRecipe, vocabulary: int) -> LlamaForCausalLM:
    """A randomly initialised Llama with tied embeddings."""
    torch.manual_seed(recipe.seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=recipe.width,
            intermediate_size=recipe.mlp,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            max_position_embeddings=recipe.context,
            initializer_range=recipe.initializer_range,
            tie_word_embeddings=True,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
    )


def _batches(
    tokenizer: PreTrainedTokenizerFast, pairs: Iterator[tuple[str, str]], recipe: PretrainRecipe
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Tokens and loss weights, each (batch, length), cut from one endless line-by-line stream."""
    size = recipe.batch * recipe.length
    tokens: list[int] = []
    weights: list[float] = []
    while True:
        while len(tokens) < size:
            chunk = list(islice(pairs, 256))
            prompts = tokenizer([prompt for prompt, _ in chunk])["input_ids"]
            completions = tokenizer([completion + "\n" for _, completion in chunk])["input_ids"]
            for prompt, completion in zip(prompts, completions, strict=True):
                tokens += prompt + completion
                weights += [recipe.prompt_weight] * len(prompt) + [1.0] * len(completion)
        shape = (recipe.batch, recipe.length)
        yield torch.tensor(tokens[:size]).view(shape), torch.tensor(weights[:size]).view(shape)
        del tokens[:size], weights[:size]


def _rate(step: int, recipe: PretrainRecipe) -> float:
    """Share of the peak learning rate at a step: warm-up, constant, linear decay."""
    decay_from = recipe.constant_until * recipe.steps
    return min(1.0, (step + 1) / recipe.warmup, (recipe.steps - step) / (recipe.steps - decay_from))


def pretrain(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    pairs: Iterator[tuple[str, str]],
    recipe: PretrainRecipe,
    progress: Callable[[int, float], None],
) -> None:
    """Train `model` in place on prompts and their completions.

    Args:
        model: as `build_model` made it.
        tokenizer: as `train_tokenizer` made it.
        pairs: prompt and completion, an endless stream; each pair ends with a line end.
        recipe: sizes and rates.
        progress: hears of every step and its loss, in nats per token.
    """
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay),
        torch.optim.AdamW(others, lr=recipe.other_rate, weight_decay=recipe.weight_decay),
    ]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, recipe)) for optimiser in optimisers
    ]
    model.train()
    for step, (tokens, weights) in enumerate(islice(_batches(tokenizer, pairs, recipe), recipe.steps)):
        logits = model(input_ids=tokens).logits[:, :-1]
        losses = cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        share = weights[:, 1:].flatten()
        loss = (losses * share).sum() / share.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser, schedule in zip(optimisers, schedules, strict=True):
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
        progress(step, loss.item())
    model.eval()


def save_base(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a Hugging Face folder with half-precision safetensors, about 2 bytes a parameter."""
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
