"""Small Llama models trained from random weights: tokenizer, training, Hugging Face folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from objectives.pretraining.recipe import MuonAdam, PretrainRecipe

END = "<|end|>"


def train_tokenizer(lines: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer of at most `vocabulary` tokens."""
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
    """Return a randomly initialized Llama with tied embeddings."""
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
    """Yield tokens and loss weights, each of shape (batch, length), from one endless stream of pairs."""
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


class Pairs:
    """Learner that trains a model on prompts and their completions, for `fit`."""

    def __init__(
        self,
        model: LlamaForCausalLM,
        tokenizer: PreTrainedTokenizerFast,
        pairs: Iterator[tuple[str, str]],
        recipe: PretrainRecipe,
    ) -> None:
        """Set up the optimizer and the batches.

        Args:
            model: model from `build_model`, trained in place.
            tokenizer: tokenizer from `train_tokenizer`.
            pairs: endless stream of prompts and completions; a newline is added to each pair.
            recipe: sizes and rates.
        """
        self.step = 0
        self._model = model.train()
        self._optimizer = MuonAdam(model, recipe)
        self._batches = _batches(tokenizer, pairs, recipe)

    def one_step(self) -> torch.Tensor:
        """Train on the next batch; return its loss, in nats per token."""
        tokens, weights = next(self._batches)
        logits = self._model(input_ids=tokens).logits[:, :-1]
        losses = cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        weight = weights[:, 1:].flatten()
        loss = (losses * weight).sum() / weight.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step(self.step)
        self.step += 1
        return loss.detach()


def save_base(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path, *, half: bool = True) -> None:
    """Write a Hugging Face folder; `half`: store about 2 bytes per parameter instead of 4."""
    (model.half() if half else model).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
