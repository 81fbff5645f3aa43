"""Checks that a base is a causal language model with complete weights that can be trained on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import torch
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from spaces import FieldError
from spaces.errors import listed

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

FIELD = "objective.base"
_PROBED = 8
"""Tokens of the sequence on which causality is tested."""
_CLOSE, _CLOSE_ROUNDED = 1e-3, 5e-2
"""Tolerated change of an earlier logit by a later token, as a share of the logits' standard deviation, in float32 and
in lower precision."""


def refuse_other_kinds(name: str, config: PretrainedConfig) -> None:
    """Check by its configuration that a base is a causal language model with weights that can be trained on.

    Raises:
        FieldError: the base has an encoder (T5), reads in both directions (BERT), or is already quantized.
    """
    kind = config.model_type
    own_code = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    text = config.get_text_config()
    if getattr(text, "is_encoder_decoder", False) or not (own_code or kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        raise _not_causal(name, f"transformers' AutoModelForCausalLM does not support the model type {kind!r}")
    masked = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES  # BERT and similar models, unless configured as decoders
    if masked and not getattr(text, "is_decoder", True) and not own_code:
        raise _not_causal(name, f"its configuration says `is_decoder: false`, so {kind!r} reads in both directions")
    quantized = getattr(config, "quantization_config", None)
    if quantized is not None:
        given = quantized if isinstance(quantized, Mapping) else quantized.to_dict()
        method = str(given.get("quant_method", "unknown"))
        raise FieldError(
            FIELD,
            f"must be a base in float32, float16 or bfloat16; the weights of {name!r} are already quantized ({method}, "
            "quantization_config in its config.json). Use the original model, and set objective.precision: 4bit to "
            "save memory on CUDA; or dequantize the weights once, with transformers' `dequantize` option if the method "
            "supports it.",
            code="already-quantized",
        )


def refuse_incomplete(name: str, report: Mapping[str, Collection[Any]]) -> None:
    """Check by transformers' loading report that every weight of a base came from its files.

    Args:
        name: name of the base.
        report: `missing_keys`, `mismatched_keys` and the rest, as `from_pretrained` returns them.

    Raises:
        FieldError: a weight is missing or has another shape, so that it would be random.
    """
    missing = sorted(map(str, report["missing_keys"]))
    shapes = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"])
    if not missing and not shapes:
        return
    wrong = [f"missing: {listed(missing, 4)}"] if missing else []
    wrong += [f"with a shape that differs from its configuration: {listed(shapes, 4)}"] if shapes else []
    unexpected = sorted(map(str, report["unexpected_keys"]))
    others = f" Its files also contain {listed(unexpected, 4)}, which the model does not have." if unexpected else ""
    raise FieldError(
        FIELD,
        f"every weight of {name!r} must come from its files; {'; '.join(wrong)}. They would be random and differ "
        f"between workers.{others} Save the model again, with transformers' names for its weights.",
        code="weights-missing" if missing else "weights-of-other-shape",
    )


def unexpected_note(name: str, report: Mapping[str, Collection[Any]]) -> tuple[str, ...]:
    """Return a note about the weights of a base's files that are not used; empty if all are used."""
    unexpected = sorted(map(str, report["unexpected_keys"]))
    if not unexpected:
        return ()
    return (f"Weights in the files of {name!r} that are not used: {listed(unexpected, 4)}.",)


@torch.inference_mode()
def refuse_seeing_ahead(name: str, model: PreTrainedModel) -> None:
    """Check that a later token does not change an earlier logit.

    Raises:
        FieldError: the logit changes, so the model would see the answers that it is scored on.
    """
    size = int(model.config.get_text_config().vocab_size)
    tokens = torch.arange(1, _PROBED + 1, device=model.device)[None] % size  # (1, tokens)
    other = tokens.clone()
    other[0, -1] = (other[0, -1] + 1) % size
    first, second = (model(input_ids=ids).logits[0, :-1].float() for ids in (tokens, other))
    close = _CLOSE if model.dtype == torch.float32 else _CLOSE_ROUNDED
    if float((first - second).abs().max()) > close * float(first.std()):
        raise _not_causal(name, "a later token changes the logits of an earlier one")


def _not_causal(name: str, reason: str) -> FieldError:
    return FieldError(
        FIELD,
        f"must be a causal language model, which reads from left to right; {name!r} is not: {reason}. Use a model "
        "such as Llama, Qwen, Gemma or GPT-2.",
        code="not-causal",
    )
