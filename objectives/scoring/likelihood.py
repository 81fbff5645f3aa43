"""How probable a model finds answers: every prompt is read once, whatever the number of answers to it."""

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
"""A prompt and an answer, each of one token at least."""
_MOST_NUMBERS = 1 << 28
"""Numbers of a batch's scores over the vocabulary: 1 GB in float32."""
_TRIED: tuple[Pair, ...] = (
    (tuple(range(11, 22)), (19,)),
    (tuple(range(11, 22)), (20, 21)),
    (tuple(range(31, 41)), (38, 39, 40)),
)
"""What a model is tried with: prompts of one size class and unlike lengths."""
_CLOSE, _CLOSE_ROUNDED = 1e-3, 0.25
"""Nats; the latter in less than float32, whose sums depend on what else is in the batch."""
_TAKES: WeakKeyDictionary[torch.nn.Module, bool] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class _Prompt:
    tokens: Tokens
    answers: tuple[Tokens, ...]
    """Different ones."""

    @property
    def size(self) -> int:
        """Prompts of the same size class are padded by no more than a quarter."""
        return int(math.log(len(self.tokens), 1.25))

    @property
    def rows(self) -> int:
        """Rows it takes of a batch: its own, or those of its answers longer than a token."""
        return max(1, sum(len(answer) > 1 for answer in self.answers))

    @property
    def longest(self) -> int:
        """Tokens of its longest answer."""
        return max(map(len, self.answers))


def takes_prompts(model: PreTrainedModel) -> bool:
    """Whether a model can read a prompt first and several answers after it, beside other prompts.

    It must keep tokens in a cache and count places as most models do: tried once, because no property tells.
    """
    if model not in _TAKES:
        _TAKES[model] = "past_key_values" in _parameters(model) and _agrees(model)
    return _TAKES[model]


@torch.inference_mode()
def _agrees(model: PreTrainedModel) -> bool:
    """Whether answers to prompts of unlike lengths are as probable together as each read alone."""
    vocabulary = int(model.config.get_text_config().vocab_size)
    pairs = [
        (tuple(token % vocabulary for token in prompt), tuple(token % vocabulary for token in answer))
        for prompt, answer in _TRIED
    ]
    try:
        together = _prompts_first(model, pairs, len(pairs))
        alone = [_whole(model, [pair])[pair] for pair in pairs]
    except Exception:  # noqa: BLE001  whatever a model says to it; pairs are then read whole
        return False
    close = _CLOSE if model.dtype == torch.float32 else _CLOSE_ROUNDED
    return all(abs(together[pair][0] - nats) <= close for pair, (nats, _) in zip(pairs, alone, strict=True))


@torch.inference_mode()
def log_likelihoods(model: PreTrainedModel, pairs: Sequence[Pair], batch: int) -> list[tuple[float, bool]]:
    """Log-probability of each answer after its prompt, in nats, and whether it is what the model would have said.

    All are as each pair read alone. Prompts are read once for all their answers where the model takes that; pairs are
    read whole where it does not, and where they are so long that the model reads them with other rotary frequencies
    than their prompt. The scores over the vocabulary are computed where an answer is, and nowhere else.

    Args:
        model: a causal language model.
        pairs: prompts and answers, together no longer than the model can see.
        batch: sequences at once.
    """
    short = short_limit(model.config)
    long = {pair for pair in pairs if short is not None and _length(pair) > short}
    first = [pair for pair in pairs if pair not in long] if takes_prompts(model) else []
    found = _prompts_first(model, first, batch)
    rest = dict.fromkeys(pair for pair in pairs if pair not in found)
    vocabulary = int(model.config.get_text_config().vocab_size)
    for part in (long & rest.keys(), rest.keys() - long):
        for chosen in _alike(sorted(part, key=_length, reverse=True), batch, vocabulary):
            found |= _whole(model, chosen)
    return [found[pair] for pair in pairs]


def _length(pair: Pair) -> int:
    """Tokens that are read to score a pair: all but the last of the answer."""
    return len(pair[0]) + len(pair[1]) - 1


def _alike(pairs: Sequence[Pair], batch: int, vocabulary: int) -> Iterator[list[Pair]]:
    """Pairs, the longest first, in batches that are padded by no more than a quarter, and whose scores fit."""
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
    """Answers from pairs that are read from end to end, padded on the right, where no token can see the padding."""
    read = [Row((*prompt, *answer[:-1])) for prompt, answer in pairs]
    tokens, seen = padded([row.tokens for row in read], model.device, left=False)
    kept = tokens.shape[1] - min(len(prompt) for prompt, _ in pairs) + 1
    options = {"logits_to_keep": kept} if "logits_to_keep" in _parameters(model) else {}
    prefix = prefix_of(model)
    skip = prefix.active and prefix.has(read)
    output = prefix.run(lambda: _read(model, tokens, seen, **options), read, skip=skip)
    left_out = tokens.shape[1] - output.logits.shape[1]
    found = {}
    for (prompt, answer), row in zip(pairs, output.logits, strict=True):
        start = len(prompt) - 1 - left_out
        scores = row[start : start + len(answer)].float()  # (answer, vocabulary)
        wanted = torch.tensor(answer, device=scores.device)
        nats = scores.log_softmax(dim=-1).gather(-1, wanted[:, None]).sum()
        found[prompt, answer] = float(nats), bool((scores.argmax(dim=-1) == wanted).all())
    return found


def _prompts_first(model: PreTrainedModel, pairs: Sequence[Pair], batch: int) -> dict[Pair, tuple[float, bool]]:
    """Answers from prompts that are read once each.

    Prompts of about the same length are read together, padded on the left; their answers, about as long as each other,
    go on from them together, padded on the right.
    """
    answers: dict[Tokens, dict[Tokens, None]] = {}
    for prompt, answer in pairs:
        answers.setdefault(prompt, {})[answer] = None
    prompts = [_Prompt(prompt, tuple(found)) for prompt, found in answers.items()]
    prompts.sort(key=lambda prompt: (prompt.size, prompt.longest), reverse=True)  # memory runs out at once or never
    found: dict[Pair, tuple[float, bool]] = {}
    for chosen in _batches(prompts, batch, int(model.config.get_text_config().vocab_size)):
        found.update(_answered(model, chosen, batch))
    return found


def _batches(prompts: Sequence[_Prompt], batch: int, vocabulary: int) -> Iterator[list[_Prompt]]:
    """Prompts of a size class whose rows are no more than a batch, and whose scores over the vocabulary fit."""
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
    """Score every answer from the scores after its prompt and, where it is longer than a token, after its own tokens.

    Answers go on `batch` at a time: those to one prompt may be more.
    """
    pairs = [(row, answer) for row, prompt in enumerate(prompts) for answer in prompt.answers]
    rows = torch.tensor([row for row, _ in pairs], device=model.device)
    first = torch.tensor([answer[0] for _, answer in pairs], device=model.device)
    more = [index for index, (_, answer) in enumerate(pairs) if len(answer) > 1]
    tokens, seen = padded([prompt.tokens for prompt in prompts], model.device, left=True)
    read = [Row(prompt.tokens, padding=tokens.shape[1] - len(prompt.tokens)) for prompt in prompts]
    gone_on = [Row(answer[:-1], before=prompts[row].tokens) for row, answer in pairs if len(answer) > 1]
    prefix = prefix_of(model)
    skip = prefix.active and prefix.has([*read, *gone_on])
    output = prefix.run(lambda: _read(model, tokens, seen, use_cache=bool(more), **_last(model)), read, skip=skip)
    scores = output.logits[:, -1].float()  # (prompts, vocabulary)
    nats = scores[rows, first] - scores.logsumexp(dim=-1)[rows]
    said = scores.argmax(dim=-1)[rows] == first
    for start in range(0, len(more), batch):
        part = more[start : start + batch]
        cache = output.past_key_values if len(more) <= batch else deepcopy(output.past_key_values)
        call = partial(_go_on, model, cache, seen, rows[part], [pairs[index][1] for index in part])
        after, also = prefix.run(call, gone_on[start : start + batch], skip=skip)
        nats[part] += after
        said[part] &= also
    return {
        (prompts[row].tokens, answer): (nat, same)
        for (row, answer), nat, same in zip(pairs, nats.tolist(), said.tolist(), strict=True)
    }


def _go_on(
    model: PreTrainedModel, cache: Cache, seen: torch.Tensor, rows: torch.Tensor, answers: Sequence[Tokens]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of all tokens of answers but the first, and whether the model would have said them."""
    cache.reorder_cache(rows)
    whole, there = padded(answers, model.device, left=False)
    scores = _read(model, whole[:, :-1], torch.cat([seen[rows], there[:, :-1]], dim=1), past_key_values=cache).logits
    scores = scores.float()  # (answers, longest - 1, vocabulary)
    wanted, counts = whole[:, 1:], there[:, 1:].bool()
    nats = scores.gather(-1, wanted.unsqueeze(-1)).squeeze(-1) - scores.logsumexp(dim=-1)
    said = (scores.argmax(dim=-1) == wanted) | ~counts
    return nats.where(counts, 0.0).sum(dim=1), said.all(dim=1)


def _read(model: PreTrainedModel, tokens: torch.Tensor, seen: torch.Tensor, **options: Any) -> Any:
    """The model's output on the last tokens of sequences; `seen`: which of all their tokens are none of the padding.

    Without padding on the left no mask is given, because attention is fastest without.
    """
    length = tokens.shape[1]
    if not bool(seen[:, : seen.shape[1] - length + 1].all()):
        options |= {"attention_mask": seen}
        if "position_ids" in _parameters(model):
            options |= {"position_ids": (seen.cumsum(dim=1) - 1).clamp(min=0)[:, -length:]}
    return model(input_ids=tokens, **options)


def _last(model: PreTrainedModel) -> dict[str, int]:
    """Lets a model compute scores over the vocabulary for the last token alone, where it can."""
    return {"logits_to_keep": 1} if "logits_to_keep" in _parameters(model) else {}


def padded(
    sequences: Sequence[Sequence[int]], device: torch.device, *, left: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences as one table: tokens, and which of them are none of the padding, both of shape (sequences, longest)."""
    longest = max(map(len, sequences))
    tokens = torch.zeros(len(sequences), longest, dtype=torch.long)
    seen = torch.zeros_like(tokens)
    for row, sequence in enumerate(sequences):
        places = slice(longest - len(sequence), None) if left else slice(len(sequence))
        tokens[row, places] = torch.tensor(sequence)
        seen[row, places] = 1
    return tokens.to(device), seen.to(device)


def _parameters(model: PreTrainedModel) -> Collection[str]:
    """Names of what can be given to a model."""
    return inspect.signature(model.forward).parameters
