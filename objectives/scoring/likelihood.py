"""Log-probability of answers after prompts; every prompt is read once, whatever its number of answers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

from objectives.acceleration.prefix import Row, prefix_of
from objectives.bases.layout import short_limit

if TYPE_CHECKING:
    from transformers import Cache, PreTrainedModel

Tokens = tuple[int, ...]
Pair = tuple[Tokens, Tokens]
"""A prompt and an answer, each of at least one token."""
_MOST_NUMBERS = 1 << 28
"""Largest number of logits of a batch: 1 GB in float32."""
_TRIED: tuple[Pair, ...] = (
    (tuple(range(11, 22)), (19,)),
    (tuple(range(11, 22)), (20, 21)),
    (tuple(range(31, 41)), (38, 39, 40)),
)
"""Pairs that test a model: prompts of one size class with different lengths."""
_CLOSE, _CLOSE_ROUNDED = 1e-3, 0.25
"""Tolerance in nats, in float32 and in lower precision, whose sums depend on the rest of the batch."""
_TAKES: WeakKeyDictionary[torch.nn.Module, bool] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class _Prompt:
    tokens: Tokens
    answers: tuple[Tokens, ...]
    """Distinct answers."""

    @property
    def size(self) -> int:
        """Size class of the prompt; prompts of the same class are padded by no more than a quarter."""
        return int(math.log(len(self.tokens), 1.25))

    @property
    def rows(self) -> int:
        """Number of rows of a batch that the prompt needs: its own, or one per answer longer than a token."""
        return max(1, sum(len(answer) > 1 for answer in self.answers))

    @property
    def longest(self) -> int:
        """Tokens of the longest answer."""
        return max(map(len, self.answers))


def takes_prompts(model: PreTrainedModel) -> bool:
    """Whether a model can read a batch of prompts first and several answers to each from a cache.

    The model must cache tokens and handle padded positions as most models do. This is tested once per model, because no
    attribute says so.
    """
    if model not in _TAKES:
        _TAKES[model] = "past_key_values" in _parameters(model) and _agrees(model)
    return _TAKES[model]


@torch.inference_mode()
def _agrees(model: PreTrainedModel) -> bool:
    """Whether answers to prompts of different lengths have the same probability in a batch as alone."""
    vocabulary = int(model.config.get_text_config().vocab_size)
    pairs = [
        (tuple(token % vocabulary for token in prompt), tuple(token % vocabulary for token in answer))
        for prompt, answer in _TRIED
    ]
    try:
        together = _prompts_first(model, pairs, len(pairs))
        alone = [_whole(model, [pair])[pair] for pair in pairs]
    except Exception:  # noqa: BLE001  any failure of the model; pairs are then read whole
        return False
    close = _CLOSE if model.dtype == torch.float32 else _CLOSE_ROUNDED
    return all(abs(together[pair][0] - nats) <= close for pair, (nats, _) in zip(pairs, alone, strict=True))


@torch.inference_mode()
def log_likelihoods(model: PreTrainedModel, pairs: Sequence[Pair], batch: int) -> list[tuple[float, bool]]:
    """Log-probability of each answer after its prompt, in nats, and whether greedy decoding would produce the answer.

    The results equal those of each pair read alone. Prompts are read once for all their answers if the model supports
    it. Otherwise pairs are read whole, as are pairs so long that the model reads them with other rotary frequencies
    than their prompt. Logits are computed only at the positions of answers.

    Args:
        model: a causal language model.
        pairs: prompts and answers, together no longer than the model's context.
        batch: number of sequences at once.
    """
    short = short_limit(model.config)
    long = {pair for pair in pairs if short is not None and _length(pair) > short}
    first = [pair for pair in pairs if pair not in long] if takes_prompts(model) else []
    results = _prompts_first(model, first, batch)
    rest = dict.fromkeys(pair for pair in pairs if pair not in results)
    vocabulary = int(model.config.get_text_config().vocab_size)
    for part in (long & rest.keys(), rest.keys() - long):
        for chosen in _batches_of_pairs(sorted(part, key=_length, reverse=True), batch, vocabulary):
            results |= _whole(model, chosen)
    return [results[pair] for pair in pairs]


def _length(pair: Pair) -> int:
    """Number of tokens that are read to score a pair: all but the last of the answer."""
    return len(pair[0]) + len(pair[1]) - 1


def _batches_of_pairs(pairs: Sequence[Pair], batch: int, vocabulary: int) -> Iterator[list[Pair]]:
    """Split pairs, the longest first, into batches with at most a quarter of padding whose logits fit in memory."""
    chosen: list[Pair] = []
    for pair in pairs:
        rows = len(chosen) + 1
        if chosen and (
            rows > batch
            or _length(pair) * 1.25 < _length(chosen[0])
            or rows * _length(chosen[0]) * vocabulary > _MOST_NUMBERS
        ):
            yield chosen
            chosen = []
        chosen.append(pair)
    if chosen:
        yield chosen


def _whole(model: PreTrainedModel, pairs: Sequence[Pair]) -> dict[Pair, tuple[float, bool]]:
    """Score pairs that are read whole, padded on the right, where causal attention ignores the padding."""
    rows = [Row((*prompt, *answer[:-1])) for prompt, answer in pairs]
    tokens, mask = padded([row.tokens for row in rows], model.device, left=False)
    kept = tokens.shape[1] - min(len(prompt) for prompt, _ in pairs) + 1
    options = {"logits_to_keep": kept} if "logits_to_keep" in _parameters(model) else {}
    prefix = prefix_of(model)
    skip = prefix.active and prefix.has(rows)
    output = prefix.run(lambda: _read(model, tokens, mask, **options), rows, skip=skip)
    left_out = tokens.shape[1] - output.logits.shape[1]
    results = {}
    for (prompt, answer), row in zip(pairs, output.logits, strict=True):
        start = len(prompt) - 1 - left_out
        scores = row[start : start + len(answer)].float()  # (answer, vocabulary)
        wanted = torch.tensor(answer, device=scores.device)
        nats = scores.log_softmax(dim=-1).gather(-1, wanted[:, None]).sum()
        results[prompt, answer] = float(nats), bool((scores.argmax(dim=-1) == wanted).all())
    return results


def _prompts_first(model: PreTrainedModel, pairs: Sequence[Pair], batch: int) -> dict[Pair, tuple[float, bool]]:
    """Score pairs by reading each prompt once.

    Prompts of similar length are read together, padded on the left; their answers, also of similar length, are read
    after them together, padded on the right.
    """
    answers: dict[Tokens, dict[Tokens, None]] = {}
    for prompt, answer in pairs:
        answers.setdefault(prompt, {})[answer] = None
    prompts = [_Prompt(prompt, tuple(distinct)) for prompt, distinct in answers.items()]
    # the longest first, so that memory runs out in the first batch or never
    prompts.sort(key=lambda prompt: (prompt.size, prompt.longest), reverse=True)
    results: dict[Pair, tuple[float, bool]] = {}
    for chosen in _batches(prompts, batch, int(model.config.get_text_config().vocab_size)):
        results.update(_answered(model, chosen, batch))
    return results


def _batches(prompts: Sequence[_Prompt], batch: int, vocabulary: int) -> Iterator[list[_Prompt]]:
    """Split prompts into batches of one size class, with at most `batch` rows, whose logits fit in memory."""
    chosen: list[_Prompt] = []
    rows = longest = 0
    for prompt in prompts:
        rows, longest = rows + prompt.rows, max(longest, prompt.longest)
        if chosen and (prompt.size < chosen[0].size or rows > batch or rows * longest * vocabulary > _MOST_NUMBERS):
            yield chosen
            chosen, rows, longest = [], prompt.rows, prompt.longest
        chosen.append(prompt)
    if chosen:
        yield chosen


def _answered(model: PreTrainedModel, prompts: Sequence[_Prompt], batch: int) -> Mapping[Pair, tuple[float, bool]]:
    """Score every answer by the logits after its prompt and, if it is longer than one token, after its own tokens.

    Longer answers are read `batch` at a time, because one prompt may have more.
    """
    pairs = [(row, answer) for row, prompt in enumerate(prompts) for answer in prompt.answers]
    rows = torch.tensor([row for row, _ in pairs], device=model.device)
    first = torch.tensor([answer[0] for _, answer in pairs], device=model.device)
    longer = [index for index, (_, answer) in enumerate(pairs) if len(answer) > 1]
    tokens, mask = padded([prompt.tokens for prompt in prompts], model.device, left=True)
    prompt_rows = [Row(prompt.tokens, padding=tokens.shape[1] - len(prompt.tokens)) for prompt in prompts]
    answer_rows = [Row(answer[:-1], before=prompts[row].tokens) for row, answer in pairs if len(answer) > 1]
    prefix = prefix_of(model)
    skip = prefix.active and prefix.has([*prompt_rows, *answer_rows])
    read_prompts = partial(_read, model, tokens, mask, use_cache=bool(longer), **_last(model))
    output = prefix.run(read_prompts, prompt_rows, skip=skip)
    scores = output.logits[:, -1].float()  # (prompts, vocabulary)
    nats = scores[rows, first] - scores.logsumexp(dim=-1)[rows]
    greedy = scores.argmax(dim=-1)[rows] == first
    for start in range(0, len(longer), batch):
        part = longer[start : start + batch]
        cache = output.past_key_values if len(longer) <= batch else deepcopy(output.past_key_values)
        call = partial(_continue, model, cache, mask, rows[part], [pairs[index][1] for index in part])
        rest_nats, rest_greedy = prefix.run(call, answer_rows[start : start + batch], skip=skip)
        nats[part] += rest_nats
        greedy[part] &= rest_greedy
    return {
        (prompts[row].tokens, answer): (nat, same)
        for (row, answer), nat, same in zip(pairs, nats.tolist(), greedy.tolist(), strict=True)
    }


def _continue(
    model: PreTrainedModel, cache: Cache, mask: torch.Tensor, rows: torch.Tensor, answers: Sequence[Tokens]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of all tokens of answers but the first, and whether greedy decoding would produce them."""
    cache.reorder_cache(rows)
    whole, answer_mask = padded(answers, model.device, left=False)
    full_mask = torch.cat([mask[rows], answer_mask[:, :-1]], dim=1)
    scores = _read(model, whole[:, :-1], full_mask, past_key_values=cache).logits
    scores = scores.float()  # (answers, longest - 1, vocabulary)
    wanted, counts = whole[:, 1:], answer_mask[:, 1:].bool()
    nats = scores.gather(-1, wanted.unsqueeze(-1)).squeeze(-1) - scores.logsumexp(dim=-1)
    greedy = (scores.argmax(dim=-1) == wanted) | ~counts
    return nats.where(counts, 0.0).sum(dim=1), greedy.all(dim=1)


def _read(model: PreTrainedModel, tokens: torch.Tensor, mask: torch.Tensor, **options: Any) -> Any:
    """Return the model's output for the last tokens of sequences; `mask`: 0 for padding, over the whole sequences.

    Without padding on the left no mask is passed, because attention is fastest without one.
    """
    length = tokens.shape[1]
    if not bool(mask[:, : mask.shape[1] - length + 1].all()):
        options |= {"attention_mask": mask}
        if "position_ids" in _parameters(model):
            options |= {"position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -length:]}
    return model(input_ids=tokens, **options)


def _last(model: PreTrainedModel) -> dict[str, int]:
    """Options with which a model computes logits for the last token only, if it supports that."""
    return {"logits_to_keep": 1} if "logits_to_keep" in _parameters(model) else {}


def padded(
    sequences: Sequence[Sequence[int]], device: torch.device, *, left: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pad sequences; return tokens and mask (0 for padding), both of shape (sequences, longest)."""
    longest = max(map(len, sequences))
    tokens = torch.zeros(len(sequences), longest, dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for row, sequence in enumerate(sequences):
        places = slice(longest - len(sequence), None) if left else slice(len(sequence))
        tokens[row, places] = torch.tensor(sequence)
        mask[row, places] = 1
    return tokens.to(device), mask.to(device)


def _parameters(model: PreTrainedModel) -> Collection[str]:
    """Names of the parameters of a model's `forward`."""
    return inspect.signature(model.forward).parameters
