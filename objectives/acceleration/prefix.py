"""What layers compute that no trial of a kind changes: kept for sequences that are read again and again.

Where the lowest layer that a trial trains is k, the layers below it do the same to a sequence as in every other such
trial. Their outputs are kept in memory, and the layers are passed over the next time: of a model of L layers, training
then costs about (L - k) / L of a forward and a backward pass instead of a whole forward pass and as much of a backward.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary, ref

import torch
from transformers import Cache

from objectives.bases.layout import find_blocks, short_limit

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_Output = TypeVar("_Output")
_CLOSE = 1e-4
_TRIED = 8
"""Tokens of the sequences that a model is tried with."""


@dataclass(frozen=True, slots=True)
class Row:
    """A sequence of a batch."""

    tokens: tuple[int, ...]
    before: tuple[int, ...] = ()
    """Tokens that the model has read already, and keeps in its cache."""
    padding: int = 0
    """Places on its left; those on its right are what remains of the batch's length."""

    def key(self) -> bytes:
        """Under which what layers make of it is kept: a hash of its tokens."""
        content = array("q", (len(self.before), *self.before, *self.tokens))
        return hashlib.blake2b(content.tobytes(), digest_size=16).digest()


class FrozenPrefix:
    """Outputs of the lowest layers of a model, by sequence."""

    def __init__(self, model: PreTrainedModel, limit: int) -> None:
        """Keep nothing yet.

        Args:
            model: in evaluation mode and without an adapter.
            limit: bytes to keep at most; sequences of training take no more than half.
        """
        self._reference = ref(model)  # whoever keeps this must not keep the model
        self._path = find_blocks(model)[0]
        self._limit = limit
        self._kept: dict[int, _Kept] = {}
        self._works: dict[int, bool] = {}
        self._layers = 0
        self._tuples = False

    @contextmanager
    def frozen(self, layers: int) -> Iterator[None]:
        """Meanwhile, so many of the lowest layers, and what comes before them, are the base's own.

        What is kept is divided alike between all numbers of layers that there have been.
        """
        one_way = short_limit(self._model.config) is None  # else what layers make of tokens depends on their number
        self._layers = layers if layers and self._limit and one_way and self._can(layers) else 0
        if self._layers and self._layers not in self._kept:
            self._kept[self._layers] = _Kept()
            for kept in self._kept.values():
                kept.shrink(self._share)
        try:
            yield
        finally:
            self._layers = 0

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return sum(kept.size for kept in self._kept.values())

    @property
    def _share(self) -> int:
        """Bytes for each number of layers."""
        return self._limit // max(1, len(self._kept))

    @property
    def _model(self) -> PreTrainedModel:
        model = self._reference()
        if model is None:
            raise ReferenceError("The model whose layers' outputs are kept is gone.")
        return model

    @property
    def _blocks(self) -> torch.nn.ModuleList:
        blocks = self._model.get_submodule(self._path)
        assert isinstance(blocks, torch.nn.ModuleList)
        return blocks

    @property
    def active(self) -> bool:
        """Whether any layers are frozen now, and could be passed over."""
        return self._layers > 0

    def knows(self, rows: Sequence[Row]) -> bool:
        """Whether the frozen layers can be passed over for these sequences."""
        return self.active and all(row.key() in self._kept[self._layers].states for row in rows)

    def run(self, call: Callable[[], _Output], rows: Sequence[Row], *, skip: bool) -> _Output:
        """Call the model on a batch.

        Args:
            call: that calls it.
            rows: the batch, in its order.
            skip: pass over the frozen layers; only where all sequences are known.
        """
        if not self._layers:
            return call()
        if skip:
            with self._given(rows):
                return call()
        with self._watched() as seen:
            output = call()
        if seen[0].ndim != 3:
            raise ValueError(f"Layers hand on states of shape {tuple(seen[0].shape)}, and must (batch, length, width).")
        self._keep(rows, seen[0])
        return output

    def _can(self, layers: int) -> bool:
        """Whether layers can be passed over: tried once, because no property of a model tells.

        They cannot where an architecture fails at it (layers without keys and values, that return lists, or that hand
        on several states of a token), where upper layers use more of lower ones than their outputs, nor where training
        leaves out numbers at random (dropout), so that no two passes are alike.
        """
        if layers not in self._works:
            try:
                self._works[layers] = self._tried(layers)
            except Exception:  # noqa: BLE001  whatever a model says to it; then its layers run as ever
                self._works[layers] = False
            finally:
                self._model.eval()
        return self._works[layers]

    def _tried(self, layers: int) -> bool:
        vocabulary = int(self._model.config.get_text_config().vocab_size)
        tokens = torch.arange(2 * _TRIED, device=self._model.device).view(2, _TRIED) % vocabulary
        rows = [Row(tuple(row)) for row in tokens.tolist()]
        alone = FrozenPrefix(self._model, 1 << 62)
        alone._layers, alone._kept = layers, {layers: _Kept()}
        self._model.train()
        with torch.inference_mode(), torch.random.fork_rng():
            first, again = (
                alone.run(lambda: self._model(input_ids=tokens).logits, rows, skip=s) for s in (False, True)
            )
            if not torch.allclose(first.float(), again.float(), rtol=_CLOSE, atol=_CLOSE):
                return False
            self._model.eval()
            first, again = (alone._gone_on(tokens, rows, skip=skip) for skip in (False, True))
        return torch.allclose(first.float(), again.float(), rtol=_CLOSE, atol=_CLOSE)

    def _gone_on(self, tokens: torch.Tensor, rows: Sequence[Row], *, skip: bool) -> torch.Tensor:
        """Scores after sequences that the model has in its cache; those of the sequences where it keeps none."""
        output = self.run(lambda: self._model(input_ids=tokens), rows, skip=skip)
        cache = getattr(output, "past_key_values", None)
        if cache is not None:
            more = [Row(row.tokens, before=row.tokens) for row in rows]
            output = self.run(lambda: self._model(input_ids=tokens, past_key_values=cache), more, skip=skip)
        scores: torch.Tensor = output.logits
        return scores

    @contextmanager
    def _watched(self) -> Iterator[list[torch.Tensor]]:
        """Note what the first layer that is not frozen is given."""
        seen: list[torch.Tensor] = []
        above, below = self._blocks[self._layers], self._blocks[self._layers - 1]
        hooks = (
            above.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach())),
            below.register_forward_hook(lambda _, __, output: self._note(output)),
        )
        try:
            yield seen
        finally:
            for hook in hooks:
                hook.remove()

    def _note(self, output: object) -> None:
        """Layers of some architectures return a tuple."""
        self._tuples = isinstance(output, tuple)

    @contextmanager
    def _given(self, rows: Sequence[Row]) -> Iterator[None]:
        """Let the frozen layers hand on what they are given, and the one above them be given what was kept."""
        kept = [self._kept[self._layers].states[row.key()] for row in rows]
        hook = self._blocks[self._layers].register_forward_pre_hook(
            lambda _, given: (_assembled(kept, rows, given[0]), *given[1:])
        )
        skipped = self._blocks[: self._layers]
        for number, block in enumerate(skipped):
            block.forward = _handing_on(number, in_tuple=self._tuples)
        try:
            yield
        finally:
            hook.remove()
            for block in skipped:
                del block.forward  # the class's own again

    def _keep(self, rows: Sequence[Row], states: torch.Tensor) -> None:
        limit = self._share // 2 if states.requires_grad or self._model.training else self._share
        kept = self._kept[self._layers]
        for row, state in zip(rows, states, strict=True):
            if row.key() not in kept.states:
                kept.add(row.key(), state[row.padding : row.padding + len(row.tokens)], limit)


class _Kept:
    """Outputs of so many layers, by sequence."""

    def __init__(self) -> None:
        self.states: dict[bytes, torch.Tensor] = {}
        self.size = 0
        """Bytes."""

    def add(self, key: bytes, state: torch.Tensor, limit: int) -> None:
        """Copy an output, if no more than `limit` bytes are kept with it."""
        size = state.numel() * state.element_size()
        if self.size + size <= limit:
            self.states[key] = state.to("cpu", copy=True)
            self.size += size

    def shrink(self, limit: int) -> None:
        """Forget what came last until no more than `limit` bytes are kept."""
        while self.size > limit:
            _, state = self.states.popitem()
            self.size -= state.numel() * state.element_size()


def _assembled(kept: Sequence[torch.Tensor], rows: Sequence[Row], given: torch.Tensor) -> torch.Tensor:
    states = torch.zeros_like(given)  # (batch, length, width)
    for place, (row, state) in enumerate(zip(rows, kept, strict=True)):
        states[place, row.padding : row.padding + len(row.tokens)] = state.to(given.device, non_blocking=True)
    return states


def _handing_on(number: int, *, in_tuple: bool) -> Callable[..., torch.Tensor | tuple[torch.Tensor]]:
    """In place of a layer; a cache learns how many tokens there were, from keys and values of width 1."""

    def forward(states: torch.Tensor, *others: Any, **options: Any) -> torch.Tensor | tuple[torch.Tensor]:
        for each in (*others, *options.values()):
            if isinstance(each, Cache):
                nothing = states.new_zeros(states.shape[0], 1, states.shape[1], 1)
                each.update(nothing, nothing, number)
        return (states,) if in_tuple else states

    return forward


_PREFIXES: WeakKeyDictionary[torch.nn.Module, FrozenPrefix] = WeakKeyDictionary()


def enable_prefix_cache(model: PreTrainedModel, limit: int) -> None:
    """From now on, keep outputs of this model's frozen layers, in so many bytes."""
    _PREFIXES[model] = FrozenPrefix(model, limit)


def prefix_of(model: PreTrainedModel) -> FrozenPrefix:
    """Return the outputs that are kept of a model; none where nobody asked to."""
    return _PREFIXES.get(model) or FrozenPrefix(model, 0)
