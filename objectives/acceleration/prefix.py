"""Cache of the outputs of frozen lower layers, for sequences that are read repeatedly.

If k is the lowest layer that a trial trains, the layers below it compute the same outputs for a sequence as in every
other such trial. These outputs are kept in memory, and the layers are skipped the next time. In a model of L layers,
training then costs about (L - k) / L of a forward and a backward pass, instead of a whole forward pass and the same
share of a backward pass.
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
_TOLERANCE = 1e-4
_CHECK_LENGTH = 8
"""Length of the sequences that a model is checked with, in tokens."""


@dataclass(frozen=True, slots=True)
class Row:
    """A sequence of a batch."""

    tokens: tuple[int, ...]
    before: tuple[int, ...] = ()
    """Tokens that the model has already read and keeps in its key-value cache."""
    padding: int = 0
    """Padding tokens on the left; the rest of the batch's length is padding on the right."""

    def key(self) -> bytes:
        """Return the cache key of the sequence: a hash of its tokens."""
        content = array("q", (len(self.before), *self.before, *self.tokens))
        return hashlib.blake2b(content.tobytes(), digest_size=16).digest()


class FrozenPrefix:
    """Cached outputs of the lowest layers of a model, by sequence."""

    def __init__(self, model: PreTrainedModel, limit: int) -> None:
        """Create an empty cache.

        Args:
            model: model in evaluation mode, without an adapter.
            limit: maximum size, in bytes; training sequences use at most half.
        """
        self._reference = ref(model)  # the cache must not keep the model alive
        self._path = find_blocks(model)[0]
        self._limit = limit
        self._outputs: dict[int, _LayerOutputs] = {}
        self._skippable: dict[int, bool] = {}
        self._layers = 0
        self._tuples = False

    @contextmanager
    def frozen(self, layers: int) -> Iterator[None]:
        """Treat the lowest `layers` layers and everything below them as unchanged base layers inside the context.

        The memory is divided equally between all numbers of layers used so far.
        """
        length_independent = short_limit(self._model.config) is None  # else the outputs depend on the sequence length
        self._layers = layers if layers and self._limit and length_independent and self._can_skip(layers) else 0
        if self._layers and self._layers not in self._outputs:
            self._outputs[self._layers] = _LayerOutputs()
            for outputs in self._outputs.values():
                outputs.shrink(self._limit_per_depth)
        try:
            yield
        finally:
            self._layers = 0

    @property
    def size(self) -> int:
        """Size of the cached outputs, in bytes."""
        return sum(outputs.size for outputs in self._outputs.values())

    @property
    def _limit_per_depth(self) -> int:
        """Memory limit for each number of layers, in bytes."""
        return self._limit // max(1, len(self._outputs))

    @property
    def _model(self) -> PreTrainedModel:
        model = self._reference()
        if model is None:
            raise ReferenceError("The model whose layer outputs are cached no longer exists.")
        return model

    @property
    def _blocks(self) -> torch.nn.ModuleList:
        blocks = self._model.get_submodule(self._path)
        assert isinstance(blocks, torch.nn.ModuleList)
        return blocks

    @property
    def active(self) -> bool:
        """Whether layers are frozen now, so that they can be skipped."""
        return self._layers > 0

    def has(self, rows: Sequence[Row]) -> bool:
        """Whether the outputs of the frozen layers are cached for all of these sequences."""
        return self.active and all(row.key() in self._outputs[self._layers].states for row in rows)

    def run(self, call: Callable[[], _Output], rows: Sequence[Row], *, skip: bool) -> _Output:
        """Call the model on a batch.

        Args:
            call: function that calls the model.
            rows: sequences of the batch, in order.
            skip: whether to skip the frozen layers; all sequences must be cached.
        """
        if not self._layers:
            return call()
        if skip:
            with self._reusing(rows):
                return call()
        with self._recorded_states() as states:
            output = call()
        if states[0].ndim != 3:
            raise ValueError(f"Layer states must have shape (batch, length, width); got {tuple(states[0].shape)}.")
        self._store(rows, states[0])
        return output

    def _can_skip(self, layers: int) -> bool:
        """Whether layers can be skipped; checked once by running the model, because no property of a model says so.

        Layers cannot be skipped if the architecture does not allow it (layers without keys and values, that return
        lists, or that pass on several states per token), if upper layers use more of the lower ones than their outputs,
        or if training uses dropout, so that no two passes are equal.
        """
        if layers not in self._skippable:
            try:
                self._skippable[layers] = self._check_skipping(layers)
            except Exception:  # noqa: BLE001  whatever the model raises, its layers then run as usual
                self._skippable[layers] = False
            finally:
                self._model.eval()
        return self._skippable[layers]

    def _check_skipping(self, layers: int) -> bool:
        vocabulary = int(self._model.config.get_text_config().vocab_size)
        tokens = torch.arange(2 * _CHECK_LENGTH, device=self._model.device).view(2, _CHECK_LENGTH) % vocabulary
        rows = [Row(tuple(row)) for row in tokens.tolist()]
        prefix = FrozenPrefix(self._model, 1 << 62)
        prefix._layers, prefix._outputs = layers, {layers: _LayerOutputs()}
        self._model.train()
        with torch.inference_mode(), torch.random.fork_rng():
            first, again = (
                prefix.run(lambda: self._model(input_ids=tokens).logits, rows, skip=s) for s in (False, True)
            )
            if not torch.allclose(first.float(), again.float(), rtol=_TOLERANCE, atol=_TOLERANCE):
                return False
            self._model.eval()
            first, again = (prefix._continued_logits(tokens, rows, skip=skip) for skip in (False, True))
        return torch.allclose(first.float(), again.float(), rtol=_TOLERANCE, atol=_TOLERANCE)

    def _continued_logits(self, tokens: torch.Tensor, rows: Sequence[Row], *, skip: bool) -> torch.Tensor:
        """Return the logits after sequences in the key-value cache, or those of the sequences if there is no cache."""
        output = self.run(lambda: self._model(input_ids=tokens), rows, skip=skip)
        cache = getattr(output, "past_key_values", None)
        if cache is not None:
            more = [Row(row.tokens, before=row.tokens) for row in rows]
            output = self.run(lambda: self._model(input_ids=tokens, past_key_values=cache), more, skip=skip)
        scores: torch.Tensor = output.logits
        return scores

    @contextmanager
    def _recorded_states(self) -> Iterator[list[torch.Tensor]]:
        """Record the input of the first layer that is not frozen."""
        states: list[torch.Tensor] = []
        above, below = self._blocks[self._layers], self._blocks[self._layers - 1]
        hooks = (
            above.register_forward_pre_hook(lambda _, inputs: states.append(inputs[0].detach())),
            below.register_forward_hook(lambda _, __, output: self._record_output_type(output)),
        )
        try:
            yield states
        finally:
            for hook in hooks:
                hook.remove()

    def _record_output_type(self, output: object) -> None:
        """Record whether layers return a tuple, as in some architectures."""
        self._tuples = isinstance(output, tuple)

    @contextmanager
    def _reusing(self, rows: Sequence[Row]) -> Iterator[None]:
        """Make the frozen layers pass their input through, and feed the cached outputs to the layer above them."""
        cached = [self._outputs[self._layers].states[row.key()] for row in rows]
        hook = self._blocks[self._layers].register_forward_pre_hook(
            lambda _, inputs: (_padded_states(cached, rows, inputs[0]), *inputs[1:])
        )
        skipped = self._blocks[: self._layers]
        for number, block in enumerate(skipped):
            block.forward = _pass_through(number, in_tuple=self._tuples)
        try:
            yield
        finally:
            hook.remove()
            for block in skipped:
                del block.forward  # restores the method of the class

    def _store(self, rows: Sequence[Row], states: torch.Tensor) -> None:
        limit = self._limit_per_depth // 2 if states.requires_grad or self._model.training else self._limit_per_depth
        outputs = self._outputs[self._layers]
        for row, state in zip(rows, states, strict=True):
            if row.key() not in outputs.states:
                outputs.add(row.key(), state[row.padding : row.padding + len(row.tokens)], limit)


class _LayerOutputs:
    """Outputs after one number of layers, by sequence."""

    def __init__(self) -> None:
        self.states: dict[bytes, torch.Tensor] = {}
        self.size = 0
        """Bytes."""

    def add(self, key: bytes, state: torch.Tensor, limit: int) -> None:
        """Store a copy of an output, unless the size would exceed `limit` bytes."""
        size = state.numel() * state.element_size()
        if self.size + size <= limit:
            self.states[key] = state.to("cpu", copy=True)
            self.size += size

    def shrink(self, limit: int) -> None:
        """Remove the newest outputs until the size is at most `limit` bytes."""
        while self.size > limit:
            _, state = self.states.popitem()
            self.size -= state.numel() * state.element_size()


def _padded_states(cached: Sequence[torch.Tensor], rows: Sequence[Row], inputs: torch.Tensor) -> torch.Tensor:
    states = torch.zeros_like(inputs)  # (batch, length, width)
    for index, (row, state) in enumerate(zip(rows, cached, strict=True)):
        states[index, row.padding : row.padding + len(row.tokens)] = state.to(inputs.device, non_blocking=True)
    return states


def _pass_through(number: int, *, in_tuple: bool) -> Callable[..., torch.Tensor | tuple[torch.Tensor]]:
    """Return a forward method that passes its input through and adds keys and values of width 1 to a cache.

    The cache then has the right number of tokens.
    """

    def forward(states: torch.Tensor, *others: Any, **options: Any) -> torch.Tensor | tuple[torch.Tensor]:
        for argument in (*others, *options.values()):
            if isinstance(argument, Cache):
                placeholder = states.new_zeros(states.shape[0], 1, states.shape[1], 1)
                argument.update(placeholder, placeholder, number)
        return (states,) if in_tuple else states

    return forward


_PREFIXES: WeakKeyDictionary[torch.nn.Module, FrozenPrefix] = WeakKeyDictionary()


def enable_prefix_cache(model: PreTrainedModel, limit: int) -> None:
    """Cache the outputs of this model's frozen layers from now on; `limit`: maximum size in bytes."""
    _PREFIXES[model] = FrozenPrefix(model, limit)


def prefix_of(model: PreTrainedModel) -> FrozenPrefix:
    """Return the prefix cache of a model, or an inactive one if it is not enabled."""
    return _PREFIXES.get(model) or FrozenPrefix(model, 0)
