"""Whether a base is what it seems: complete weights, a causal language model, in a form that can be trained on."""

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
"""Tokens of the sequence on which causality is tried."""
_CLOSE, _CLOSE_ROUNDED = 1e-3, 5e-2
"""Largest change of an earlier score by a later token, as a share of the scores' spread, in float32 and in less."""


def refuse_other_kinds(name: str, config: PretrainedConfig) -> None:
    """See from its configuration that a base is a causal language model with weights that can be trained on.

    Raises:
        FieldError: it writes from an encoder (T5), reads in both directions (BERT), or is quantized already.
    """
    kind = config.model_type
    own_code = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    text = config.get_text_config()
    if getattr(text, "is_encoder_decoder", False) or not (own_code or kind in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        raise _not_causal(name, f"transformers' AutoModelForCausalLM knows no model type {kind!r}")
    fills_gaps = kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES  # BERT and its kin, unless told to be decoders
    if fills_gaps and not getattr(text, "is_decoder", True) and not own_code:
        raise _not_causal(name, f"its configuration says `is_decoder: false`, so {kind!r} reads in both directions")
    quantized = getattr(config, "quantization_config", None)
    if quantized is not None:
        given = quantized if isinstance(quantized, Mapping) else quantized.to_dict()
        method = str(given.get("quant_method", "unknown"))
        raise FieldError(
            FIELD,
            f"must be a base in float32, float16 or bfloat16; the weights of {name!r} are quantized already ({method}, "
            "quantization_config in its config.json). Give the model that they were made from, and set "
            "objective.precision: 4bit to save memory on CUDA; or write the weights out in full once, with "
            "transformers' `dequantize` option where the method has it.",
            code="already-quantized",
        )


def refuse_incomplete(name: str, report: Mapping[str, Collection[Any]]) -> None:
    """See from transformers' loading report that every weight of a base came from its files.

    Args:
        name: the base's.
        report: `missing_keys`, `mismatched_keys` and the rest, as `from_pretrained` gives them.

    Raises:
        FieldError: a weight is missing or has another shape, so that it would be random.
    """
    missing = sorted(map(str, report["missing_keys"]))
    shapes = sorted(str(key[0] if isinstance(key, tuple) else key) for key in report["mismatched_keys"])
    if not missing and not shapes:
        return
    wrong = [f"missing: {listed(missing, 4)}"] if missing else []
    wrong += [f"of another shape than its configuration says: {listed(shapes, 4)}"] if shapes else []
    unexpected = sorted(map(str, report["unexpected_keys"]))
    others = f" Its files also hold {listed(unexpected, 4)}, which the model does not know." if unexpected else ""
    raise FieldError(
        FIELD,
        f"every weight of {name!r} must come from its files; {'; '.join(wrong)}. They would be random numbers, "
        f"others in every worker.{others} Save the model anew, with the names that transformers gives its weights.",
        code="weights-missing" if missing else "weights-of-other-shape",
    )


def unexpected_note(name: str, report: Mapping[str, Collection[Any]]) -> tuple[str, ...]:
    """Say which weights of a base's files are not used; nothing where all are."""
    unexpected = sorted(map(str, report["unexpected_keys"]))
    if not unexpected:
        return ()
    return (f"Weights in the files of {name!r} that are not used: {listed(unexpected, 4)}.",)


@torch.inference_mode()
def refuse_seeing_ahead(name: str, model: PreTrainedModel) -> None:
    """Try that a later token does not move an earlier score.

    Raises:
        FieldError: it does, so that the model would read the answers it is scored on.
    """
    size = int(model.config.get_text_config().vocab_size)
    tokens = torch.arange(1, _PROBED + 1, device=model.device)[None] % size  # (1, tokens)
    other = tokens.clone()
    other[0, -1] = (other[0, -1] + 1) % size
    first, second = (model(input_ids=each).logits[0, :-1].float() for each in (tokens, other))
    close = _CLOSE if model.dtype == torch.float32 else _CLOSE_ROUNDED
    if float((first - second).abs().max()) > close * float(first.std()):
        raise _not_causal(name, "a later token changes what it says of an earlier one")


def _not_causal(name: str, reason: str) -> FieldError:
    return FieldError(
        FIELD,
        f"must be a causal language model, which reads from left to right; {name!r} is none: {reason}. Take a model "
        "of the kind of Llama, Qwen, Gemma or GPT-2.",
        code="not-causal",
    )
