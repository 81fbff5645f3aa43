"""Pretraining of a small model on a folder of texts, in minutes; an interrupted run resumes."""

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
"""Name of a size to its recipe; the vocabulary is smaller if the texts do not fill it."""
GPU_BATCH_FACTOR = 16
"""Factor of the batch size on a GPU, which a small step would leave idle."""
_MAX_EPOCHS = 16
"""Maximum number of epochs over a text: more hardly help (Muennighoff et al., 2023, arXiv 2305.16264)."""
MEASUREMENTS = 20
"""Number of measurements in a run, evenly spaced."""
_PATIENCE, _MIN_SHARE = 4, 0.25
"""Measurements without improvement after which training stops early, and the minimum share of the steps."""
_HELD_OUT, _MAX_HELD_OUT = 0.05, 60_000
"""Share at the end of every text that is held out, and the maximum number of held-out characters in total."""
_TIMED_STEPS = 6
"""Number of timed steps."""
_STATE, _BEST = "state.safetensors", "best.safetensors"
_TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Measured:
    """Progress of a run, and the quality of the model at that step."""

    step: int
    tokens: int
    """Tokens read so far, cumulative."""
    loss: float
    """Mean training loss since the previous measurement, in nats per token."""
    bits_per_byte: float
    """Bits per byte of the held-out text, lower is better."""


@dataclass(frozen=True, slots=True)
class Material:
    """Texts, split into a training part and a held-out part."""

    training: list[str]
    heldout: list[str]
    """End of every text."""

    @classmethod
    def of(cls, corpus: Corpus) -> Material:
        """Hold out the end of every text of a corpus."""
        contents = [text.read() for text in corpus.texts]
        share = min(_HELD_OUT, _MAX_HELD_OUT / sum(map(len, contents)))
        positions = [split_at(content, share) for content in contents]
        pairs = list(zip(contents, positions, strict=True))
        return cls(
            [content[:position] for content, position in pairs], [content[position:] for content, position in pairs]
        )


class Pretraining:
    """Pretraining run that saves its state at every measurement, so that it can be resumed."""

    def __init__(
        self, recipe: PretrainRecipe, tokenizer: PreTrainedTokenizerFast, tokens: Tokens, heldout: Path, device: str
    ) -> None:
        """Start from random weights.

        Args:
            recipe: sizes, rates and steps.
            tokenizer: tokenizer trained on the same texts.
            tokens: tokens of all training texts, concatenated, shape (tokens,).
            heldout: file with the held-out text.
            device: device to train on.
        """
        self.recipe = recipe
        self.tokenizer = tokenizer
        self.device = device
        self.model = build_model(recipe, len(tokenizer)).to(device)
        self._optimizer = MuonAdam(self.model, recipe)
        total = recipe.steps * recipe.batch
        self._stream = MixStream(CorpusMix.equal([_TEXTS]), {_TEXTS: tokens}, recipe.length, total, recipe.seed)
        spec, no_texts = HeldoutSpec(kind="heldout", files=[heldout], holdout=0), Corpus(heldout.parent, ())
        self._heldout = HeldoutScorer(spec, no_texts, self.model, TextEncoding(tokenizer))
        self.passages = passages(spec, no_texts)
        """Held-out passages that the model is measured on."""
        self.step = 0
        self.log: list[Measured] = []

    @property
    def parameters(self) -> int:
        """Number of weights of the model."""
        return sum(weight.numel() for weight in self.model.parameters())

    @property
    def best(self) -> Measured:
        """Best measurement so far."""
        return min(self.log, key=lambda measured: measured.bits_per_byte)

    @property
    def ended(self) -> bool:
        """Whether all steps are done, or measurements have stopped improving after at least a quarter of them."""
        since = len(self.log) - 1 - self.log.index(self.best) if self.log else 0
        return self.step >= self.recipe.steps or (since >= _PATIENCE and self.step >= _MIN_SHARE * self.recipe.steps)

    def run(self, folder: Path, progress: Callable[[int, float], None]) -> Iterator[Measured]:
        """Train to the end; yield every measurement once the state is saved.

        Args:
            folder: folder for the state and the best weights.
            progress: called with every step and its loss, in nats per token.

        Raises:
            MixtuneError: the loss is no longer finite.
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
        """Train on the next batch; return its loss, in nats per token."""
        batch = self._stream.batch(self.step * self.recipe.batch, self.recipe.batch)
        tokens = torch.from_numpy(batch).to(self.device)  # (batch, length)
        on_gpu = self.device == "cuda"
        with torch.autocast("cuda", torch.bfloat16) if on_gpu else nullcontext():
            logits = self.model(input_ids=tokens).logits[:, :-1]
        loss = cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step(self.step)
        self.step += 1
        return loss.detach()

    def measure(self) -> float:
        """Return the bits per byte of the held-out text."""
        self.model.eval()
        return -self._heldout.score().value

    def _save(self, folder: Path) -> None:
        """Write the state, and the weights if they are the best so far; each file is replaced atomically."""
        weights = {name: weight.detach() for name, weight in self.model.named_parameters()}
        if self.log[-1] is self.best:
            tensors.write(folder / _BEST, weights)
        optimizer_state = {f"optimiser.{name}": value for name, value in self._optimizer.tensors().items()}
        notes = {"step": str(self.step), "log": json.dumps([asdict(measured) for measured in self.log])}
        tensors.write(folder / _STATE, {**weights, **optimizer_state}, notes)

    def restore(self, folder: Path) -> None:
        """Resume the run in a folder, if there is one."""
        try:
            stored, notes = tensors.read(folder / _STATE)
        except FileNotFoundError:
            return  # the run was interrupted before its first measurement
        except SafetensorError as error:
            raise InputError(
                f"The state of the run, {str(folder / _STATE)!r}, cannot be read: {error}. Remove "
                f"{str(folder.parent)!r} to start over.",
                code="run-unreadable",
            ) from error
        self._optimizer.load(tensors.below(stored, "optimiser."))
        self._load_weights(stored)
        self.step = int(notes["step"])
        self.log = [Measured(**measured) for measured in json.loads(notes["log"])]

    def take_best(self, folder: Path) -> None:
        """Load the weights of the best measurement."""
        self._load_weights(tensors.read(folder / _BEST)[0])
        self.model.eval()

    def _load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                weight.copy_(weights[name])


def prepare(
    corpus: Corpus, recipe: PretrainRecipe, folder: Path, kept: Path
) -> tuple[PreTrainedTokenizerFast, Tokens, Path]:
    """Return the tokenizer, the training tokens of all texts, and the file with the held-out text.

    Nothing is written if there is too little text.

    Args:
        corpus: texts to train on.
        recipe: sizes.
        folder: folder for the held-out text.
        kept: folder of the tokenizer, which is trained if the folder does not exist.

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
            f"The texts in {str(corpus.folder)!r} have {len(tokens):,} tokens in total, too few for training sequences "
            f"of {recipe.length} tokens. Add more text.",
            code="texts-too-short",
        )
    if not kept.is_dir():
        with whole(kept) as unfinished:
            tokenizer.save_pretrained(unfinished)
    heldout = folder / "heldout.txt"
    heldout.write_text("\n".join(material.heldout), encoding="utf-8")
    return tokenizer, tokens, heldout


def steps_within(run: Pretraining, seconds: float, tokens: int) -> int:
    """Return the number of steps that fit into the time, measurements included, within the limit of epochs.

    Some steps are run to time them, so do not use the run afterwards.

    Args:
        run: run to time.
        seconds: available time.
        tokens: number of training tokens.
    """
    step_time, measurement_time = _pace(run)
    max_steps = math.ceil(_MAX_EPOCHS * tokens / (run.recipe.batch * run.recipe.length))
    return max(MEASUREMENTS, min(max_steps, int((seconds - MEASUREMENTS * measurement_time) / step_time)))


def _pace(run: Pretraining) -> tuple[float, float]:
    """Return the duration of a step and of a measurement, in seconds."""
    run.model.train()
    run.one_step()
    started = time.perf_counter()
    for _ in range(_TIMED_STEPS):
        run.one_step()
    wait_for_card()
    steps_done = time.perf_counter()
    run.measure()
    return (steps_done - started) / _TIMED_STEPS, time.perf_counter() - steps_done
