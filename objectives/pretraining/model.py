"""A small Llama from random weights: tokenizer, training, Hugging Face folder."""

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
    """A randomly initialized Llama with tied embeddings."""
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


class Pairs:
    """A model that learns prompts and their completions, for `fit`."""

    def __init__(
        self,
        model: LlamaForCausalLM,
        tokenizer: PreTrainedTokenizerFast,
        pairs: Iterator[tuple[str, str]],
        recipe: PretrainRecipe,
    ) -> None:
        """Say what is learned.

        Args:
            model: as `build_model` made it; it is trained in place.
            tokenizer: as `train_tokenizer` made it.
            pairs: prompt and completion, an endless stream; each pair ends with a line end.
            recipe: sizes and rates.
        """
        self.step = 0
        self._model = model.train()
        self._optimizer = MuonAdam(model, recipe)
        self._batches = _batches(tokenizer, pairs, recipe)

    def one_step(self) -> torch.Tensor:
        """Train on the next batch; its loss, in nats per token."""
        tokens, weights = next(self._batches)
        logits = self._model(input_ids=tokens).logits[:, :-1]
        losses = cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
        share = weights[:, 1:].flatten()
        loss = (losses * share).sum() / share.sum()
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step(self.step)
        self.step += 1
        return loss.detach()


def save_base(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path, *, half: bool = True) -> None:
    """Write a Hugging Face folder; `half`: about 2 bytes a parameter instead of 4."""
    (model.half() if half else model).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
