"""A small model from nothing: tokenizer and weights from a folder of texts, in minutes, going on after a break."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast

from objectives import tensors
from objectives.bases.encoding import TextEncoding
from objectives.data.order import MixStream
from objectives.data.tokens import Tokens, split_at, tokenize
from objectives.device import wait_for_card
from objectives.pretraining.model import build_model, train_tokenizer
from objectives.pretraining.recipe import MuonAdam, PretrainRecipe
from objectives.scoring.heldout.scorer import HeldoutScorer
from objectives.scoring.heldout.text import passages
from objectives.scoring.spec import HeldoutSpec
from objectives.training.fit import fit
from spaces import Corpus, CorpusMix, InputError
from spaces.files import whole

_SMALL = PretrainRecipe(context=512, length=512, batch=2)
SIZES: Mapping[str, PretrainRecipe] = {
    "1M": replace(_SMALL, vocabulary=2048, width=128, layers=4, heads=4, mlp=352),
    "5M": replace(_SMALL, vocabulary=4096, width=256, layers=5, heads=4, mlp=688, initializer_range=0.04),
    "20M": replace(_SMALL, vocabulary=8192, width=448, layers=7, heads=7, mlp=1184, initializer_range=0.03),
}
"""Name of a size to its recipe; a smaller vocabulary where the texts have no more to offer."""
ON_A_CARD = 16
"""Times as many sequences in a step on a graphics card, which a small step would leave idle."""
_EPOCHS = 16
"""Times that a text is read at most: more teach hardly anything (Muennighoff et al., 2023, arXiv 2305.16264)."""
MEASUREMENTS = 20
"""Of a run, evenly spread over it."""
_PATIENCE, _SURELY = 4, 0.25
"""Measurements without a better one, after which training ends, and the share of the steps that is done anyway."""
_HELD_OUT, _MOST_HELD_OUT = 0.05, 60_000
"""Share of the end of every text that is kept to measure on, and characters of all together."""
_TIMED = 6
"""Steps that are timed."""
_STATE, _BEST = "state.safetensors", "best.safetensors"
_TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Measured:
    """How far a run is, and how good the model is there."""

    step: int
    tokens: int
    """Read so far, cumulative."""
    loss: float
    """Mean since the measurement before, in nats per token."""
    bits_per_byte: float
    """Of the held-out text, lower is better."""


@dataclass(frozen=True, slots=True)
class Material:
    """Texts in two parts."""

    training: list[str]
    heldout: list[str]
    """The ends of the texts, some of each."""

    @classmethod
    def of(cls, corpus: Corpus) -> Material:
        """Keep the end of every text."""
        contents = [text.read() for text in corpus.texts]
        share = min(_HELD_OUT, _MOST_HELD_OUT / sum(map(len, contents)))
        places = [split_at(content, share) for content in contents]
        pairs = list(zip(contents, places, strict=True))
        return cls([content[:place] for content, place in pairs], [content[place:] for content, place in pairs])


class Pretraining:
    """One run; what it needs to go on lies in a folder, written at every measurement."""

    def __init__(
        self, recipe: PretrainRecipe, tokenizer: PreTrainedTokenizerFast, tokens: Tokens, heldout: Path, device: str
    ) -> None:
        """Begin with random weights.

        Args:
            recipe: sizes, rates and steps.
            tokenizer: trained on the same texts.
            tokens: of all training texts one after the other, shape (tokens,).
            heldout: file of the text that is measured on.
            device: where to train.
        """
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.device = device
        self.model = build_model(recipe, len(tokenizer)).to(device)
        self._optimizer = MuonAdam(self.model, recipe)
        total = recipe.steps * recipe.batch
        self._stream = MixStream(CorpusMix.equal([_TEXTS]), {_TEXTS: tokens}, recipe.length, total, recipe.seed)
        spec, nothing = HeldoutSpec(kind="heldout", files=[heldout], holdout=0), Corpus(heldout.parent, ())
        self._heldout = HeldoutScorer(spec, nothing, self.model, TextEncoding(tokenizer))
        self.passages = passages(spec, nothing)
        """Those that are measured on."""
        self.step = 0
        self.log: list[Measured] = []

    @property
    def parameters(self) -> int:
        """Weights of the model."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def best(self) -> Measured:
        """The best measurement so far."""
        return min(self.log, key=lambda measured: measured.bits_per_byte)

    @property
    def ended(self) -> bool:
        """Whether all steps are done, or no measurement has been better for a while, after a quarter of them."""
        since = len(self.log) - 1 - self.log.index(self.best) if self.log else 0
        return self.step >= self.recipe.steps or (since >= _PATIENCE and self.step >= _SURELY * self.recipe.steps)

    def run(self, folder: Path, progress: Callable[[int, float], None]) -> Iterator[Measured]:
        """Train to the end; at every measurement, tell it after all is written.

        Args:
            folder: for what is needed to go on, and the best weights.
            progress: hears of every step and its loss, in nats per token.

        Raises:
            MixtuneError: the loss is not a number any more.
        """
        every = max(1, math.ceil(self.recipe.steps / MEASUREMENTS))
        while not self.ended:
            until = min(self.recipe.steps, (self.step // every + 1) * every)
            self.model.train()
            loss = fit(self, until, "try another --seed.", progress).item()
            tokens = self.step * self.recipe.batch * self.recipe.length
            self.log.append(Measured(self.step, tokens, loss, self.measure()))
            self._save(folder)
            yield self.log[-1]

    def one_step(self) -> torch.Tensor:
        """Train on a batch; return its loss, in nats per token."""
        batch = self._stream.batch(self.step * self.recipe.batch, self.recipe.batch)
        tokens = torch.from_numpy(batch).to(self.device)  # (batch, length)
        on_card = self.device == "cuda"
        with torch.autocast("cuda", torch.bfloat16) if on_card else nullcontext():
            logits = self.model(input_ids=tokens).logits[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step(self.step)
        self.step += 1
        return loss.detach()

    def measure(self) -> float:
        """Bits per byte of the held-out text."""
        self.model.eval()
        return -self._heldout.score().value

    def _save(self, folder: Path) -> None:
        """Write the state, and the weights where they are the best so far; each file whole or not at all."""
        weights = {name: weight.detach() for name, weight in self.model.named_parameters()}
        if self.log[-1] is self.best:
            tensors.write(folder / _BEST, weights)
        remembered = {f"optimiser.{name}": value for name, value in self._optimizer.tensors().items()}
        notes = {"step": str(self.step), "log": json.dumps([asdict(measured) for measured in self.log])}
        tensors.write(folder / _STATE, {**weights, **remembered}, notes)

    def restore(self, folder: Path) -> None:
        """Go on where the run in a folder was, where there was one."""
        try:
            stored, notes = tensors.read(folder / _STATE)
        except FileNotFoundError:
            return  # it was cut off before its first measurement
        except SafetensorError as error:
            raise InputError(
                f"What the run needs to go on, {str(folder / _STATE)!r}, cannot be read: {error}. Remove "
                f"{str(folder.parent)!r} to begin anew.",
                code="run-unreadable",
            ) from error
        self._optimizer.load(tensors.below(stored, "optimiser."))
        self._put(stored)
        self.step = int(notes["step"])
        self.log = [Measured(**measured) for measured in json.loads(notes["log"])]

    def take_best(self, folder: Path) -> None:
        """The model as it was at the best measurement."""
        self._put(tensors.read(folder / _BEST)[0])
        self.model.eval()

    def _put(self, weights: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                weight.copy_(weights[name])


def prepare(
    corpus: Corpus, recipe: PretrainRecipe, folder: Path, kept: Path
) -> tuple[PreTrainedTokenizerFast, Tokens, Path]:
    """The tokenizer, the training tokens of all texts, and the file of the held-out text; nothing is written before
    it is known that the texts suffice.

    Args:
        corpus: the texts.
        recipe: sizes.
        folder: for the held-out text.
        kept: folder of the tokenizer, which is trained where there is none.

    Raises:
        InputError: there is too little text.
    """
    material = Material.of(corpus)
    if kept.is_dir():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(kept)
    else:
        lines = (line for content in material.training for line in content.splitlines(keepends=True))
        tokenizer = train_tokenizer(lines, recipe.vocabulary)
    end = np.array([tokenizer.eos_token_id], np.int32)
    tokens = np.concatenate([part for content in material.training for part in (tokenize(tokenizer, content), end)])
    if len(tokens) <= 2 * recipe.length:
        raise InputError(
            f"The texts in {str(corpus.folder)!r} have {len(tokens):,} tokens together, too few for training sequences "
            f"of {recipe.length}. Give more text.",
            code="texts-too-short",
        )
    if not kept.is_dir():
        with whole(kept) as unfinished:
            tokenizer.save_pretrained(unfinished)
    heldout = folder / "heldout.txt"
    heldout.write_text("\n".join(material.heldout), encoding="utf-8")
    return tokenizer, tokens, heldout


def steps_within(run: Pretraining, seconds: float, tokens: int) -> int:
    """Steps that fit into the time, measurements included, and in which no text of so many tokens is read too often.

    Some of them are timed, so the run is of no use afterwards.
    """
    a_step, a_measurement = _pace(run)
    most = math.ceil(_EPOCHS * tokens / (run.recipe.batch * run.recipe.length))
    return max(MEASUREMENTS, min(most, int((seconds - MEASUREMENTS * a_measurement) / a_step)))


def _pace(run: Pretraining) -> tuple[float, float]:
    """Seconds of a step and of a measurement."""
    run.model.train()
    run.one_step()
    begun = time.perf_counter()
    for _ in range(_TIMED):
        run.one_step()
    wait_for_card()
    trained = time.perf_counter()
    run.measure()
    return (trained - begun) / _TIMED, time.perf_counter() - trained
