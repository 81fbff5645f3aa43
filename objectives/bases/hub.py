"""A base model from a folder or from the Hugging Face hub."""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub import snapshot_download
from safetensors import SafetensorError, safe_open
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from objectives.bases.bars import without_bars
from objectives.bases.checking import (
    FIELD,
    refuse_incomplete,
    refuse_other_kinds,
    refuse_seeing_ahead,
    unexpected_note,
)
from objectives.bases.encoding import TextEncoding
from objectives.bases.identity import BaseIdentity
from objectives.bases.layout import layout_of
from spaces import FieldError, Layout
from spaces.errors import listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

    from spaces.choices import Switch

FOUR_BITS = "4bit"
_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
"""Files of a hub repository that a base needs: configuration, weights, tokenizer."""


class HubBase:
    """A causal language model in a folder or on the Hugging Face hub."""

    def __init__(self, name: str, *, trust_code: bool = False) -> None:
        """Store the name of the base; nothing is read yet. `trust_code`: run Python code that comes with the base."""
        self.name = name
        self._trust_code = trust_code
        self._tokenizer: PreTrainedTokenizerBase | None = None

    @property
    def source(self) -> str:
        """The folder or hub name that transformers loads."""
        return self.name

    def layout(self) -> Layout:
        """Layers and linear modules of the base, from its configuration alone: no weights are read.

        Raises:
            InputError: the base cannot be found or is not a causal language model.
        """
        return layout_of(self.outline(), self.name)

    def outline(self) -> PreTrainedModel:
        """Modules of the base on the meta device, without their weights.

        Raises:
            InputError: as for `layout`.
        """
        config = self.config()
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=self._trust_code)

    def config(self) -> PretrainedConfig:
        """The base's configuration.

        Raises:
            InputError: the configuration cannot be read, or is not one of a causal language model.
        """
        config: PretrainedConfig = self._read(AutoConfig)
        refuse_other_kinds(self.name, config)
        return config

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The base's tokenizer.

        Raises:
            InputError: the base has none.
        """
        if self._tokenizer is None:  # a large vocabulary takes seconds to read
            self._tokenizer = self._read(AutoTokenizer)
        return self._tokenizer

    def encoding(self, add_bos_token: Switch = "auto") -> TextEncoding:
        """Tokenizer and special tokens with which the base turns text into tokens.

        Raises:
            InputError: the base has no tokenizer, or not the required special tokens.
        """
        return TextEncoding.of(self.tokenizer(), add_bos_token, self.config().model_type)

    def fetch(self, add_bos_token: Switch = "auto") -> BaseIdentity:
        """Download the weights of a hub name, check that they are complete, and return the base's identity.

        Raises:
            InputError: weights are missing or damaged.
        """
        shards, folder = self._shards()
        code = [path.name for path in folder.glob("*.py")] if self._trust_code else []
        return BaseIdentity.of(folder, sorted(shards), code, self.encoding(add_bos_token))

    def check_weights(self) -> tuple[str, ...]:
        """Check that the files hold every weight of the model, without reading the weights; return notes for the user.

        Raises:
            InputError: a weight is missing, or has another shape.
        """
        self._shards()
        _, report = self._loaded(dtype=torch.bfloat16, device_map="meta")
        return unexpected_note(self.name, report)

    def _shards(self) -> tuple[set[str], Path]:
        """Names of the files with weights, and their folder; a truncated file is detected by its header.

        Raises:
            InputError: files are missing or damaged.
        """
        folder = self._folder()
        index = folder / "model.safetensors.index.json"
        shards = {"model.safetensors"}
        try:
            if index.is_file():
                shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            missing = sorted(shard for shard in shards if not (folder / shard).is_file())
            if missing:
                raise FileNotFoundError(f"{listed(missing)} is missing.")
            for shard in shards:
                with safe_open(folder / shard, "pt") as weights:
                    weights.keys()  # reading the header detects a truncated file
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise self._explained(error) from error
        return shards, folder

    def model(self, precision: str, device: str) -> PreTrainedModel:
        """Load the base with frozen weights, in evaluation mode.

        Raises:
            InputError: the weights cannot be read, some are missing, or the model is not causal.
        """
        self.config()
        options: dict[str, Any] = {"dtype": getattr(torch, precision, torch.bfloat16)}
        if precision == FOUR_BITS:
            options |= {"quantization_config": _four_bits(), "device_map": device}
        model, _ = self._loaded(**options)
        model.requires_grad_(requires_grad=False)
        model = model.eval() if precision == FOUR_BITS else model.to(device).eval()
        refuse_seeing_ahead(self.name, model)
        return model

    def _loaded(self, **options: Any) -> tuple[PreTrainedModel, Mapping[str, Collection[Any]]]:
        """Load the model with transformers' report on its weights.

        Raises:
            InputError: the weights cannot be read, or some are missing.
        """
        # mismatched sizes are reported by refuse_incomplete
        defaults = {"use_safetensors": True, "output_loading_info": True, "ignore_mismatched_sizes": True}
        model, report = self._read(AutoModelForCausalLM, **defaults, **options)
        refuse_incomplete(self.name, report)
        return model, report

    def _folder(self) -> Path:
        if Path(self.source).is_dir():
            return Path(self.source)
        try:
            return Path(snapshot_download(self.source, allow_patterns=_FILES, ignore_patterns=["*/*"]))
        except (OSError, ValueError) as error:
            raise self._explained(error) from error

    def _read(self, kind: Any, **options: Any) -> Any:
        try:
            with without_bars():
                return kind.from_pretrained(self.source, trust_remote_code=self._trust_code, **options)
        except (OSError, ValueError, RuntimeError) as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> FieldError:
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        if "trust_remote_code" in str(error):
            return FieldError(
                FIELD,
                f"{self.name!r} comes with its own Python code, which is not run by default. If you trust its authors, "
                "set objective.trust_remote_code: true.",
                code="base-runs-code",
            )
        folder = Path(self.source)
        if folder.is_dir():
            content = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
            return FieldError(
                FIELD,
                f"the folder {str(folder)!r} cannot be loaded as a causal language model: {reason} "
                f"It contains {content}; it must contain config.json, weights as .safetensors files and a tokenizer.",
                code="base-unloadable",
            )
        offline = " HF_HUB_OFFLINE is set, so nothing is downloaded." if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        return FieldError(
            FIELD,
            f"{self.name!r} is neither a folder on this machine nor a model that can be loaded from the hub: "
            f"{reason}{offline} Give a folder with a model, a hub name that this machine can reach, or 'tiny', the "
            "small model that mixtune ships.",
            code="base-unknown",
        )


def _four_bits() -> BitsAndBytesConfig:
    """Options for NF4 with double quantization (Dettmers et al., 2023, arXiv 2305.14314), computed in bfloat16."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def reinitialized(model: PreTrainedModel, seed: int) -> PreTrainedModel:
    """Return a model of the same architecture with random initial weights; torch's random state is not changed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        untrained = type(model)(model.config)
    return untrained.requires_grad_(requires_grad=False).to(model.device).eval()


def refuse_four_bits(precision: str, device: str, field: str) -> None:
    """Check that a base in 4 bits can run on this machine.

    Args:
        precision: precision of the base; only `4bit` is checked.
        device: device on which the base would run.
        field: name of the field that holds the precision, for error messages.

    Raises:
        InputError: the device is not CUDA, or bitsandbytes is not installed.
    """
    if precision != FOUR_BITS:
        return
    if device != "cuda":
        raise FieldError(
            field,
            f"4bit needs CUDA, and the base would run on {device!r} here. Use float32 or bfloat16.",
            code="four-bits-without-cuda",
        )
    if find_spec("bitsandbytes") is None:
        raise FieldError(
            field, "4bit needs bitsandbytes. Install it with: pip install bitsandbytes", code="package-missing"
        )
