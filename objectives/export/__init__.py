"""Export of a trial's stages as an adapter, a merged model and a single file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from objectives.bases.bars import without_bars
from objectives.bases.hub import FOUR_BITS
from objectives.export.card import card
from objectives.spec import FinetuneSpec
from objectives.training import artifact, single_file
from objectives.training.changes import by_layer, merge_measured
from objectives.training.combined import combined
from objectives.training.stage_adapter import StageAdapter
from objectives.worker import open_base
from spaces import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from objectives.bases.identity import BaseIdentity

Form = Literal["adapter", "merged", "file"]
FORMS: Mapping[Form, str] = {
    "adapter": "adapter",
    "merged": "merged",
    "file": "tuned.safetensors",
}
"""Export form to its name in the folder."""


def export(
    spec: FinetuneSpec,
    kept: Path,
    out: Path,
    origin: Mapping[str, Any],
    forms: Sequence[Form] = tuple(FORMS),
    base_digest: str = "",
) -> None:
    """Write a trial's stages as one adapter, as a whole model and as one file, with provenance and a model card.

    Args:
        spec: spec of the trial's objective, which names the base.
        kept: folder that the trial saved at its last rung.
        out: existing, empty folder to write to.
        origin: where the trial comes from, for the provenance.
        forms: names in `FORMS` to write.
        base_digest: hash of the base when the trial was trained; empty if unknown.

    Raises:
        InputError: the base no longer exists, or has changed.
    """
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    identity = base.fetch(spec.add_bos_token)
    _refuse_changed(identity, spec, base_digest)
    precision = "bfloat16" if spec.precision == FOUR_BITS else spec.precision
    model = base.model(precision, "cpu")
    adapters = artifact.load(kept)
    lines, changed = _merge_stages(model, adapters, artifact.read_lines(kept / artifact.PROVENANCE))
    lines = [{**line, "precision": precision, **_base_provenance(identity), **origin} for line in lines]
    if "adapter" in forms:
        combined(adapters, model, changed).save(out, FORMS["adapter"])
        base.tokenizer().save_pretrained(out / FORMS["adapter"])
    if "file" in forms:
        single_file.write(out / FORMS["file"], adapters, lines)
    if "merged" in forms:
        with without_bars():
            model.save_pretrained(out / FORMS["merged"])
        base.tokenizer().save_pretrained(out / FORMS["merged"])
    artifact.write_lines(out / artifact.PROVENANCE, iter(lines))
    (out / "README.md").write_text(card(lines, forms), encoding="utf-8")


def load(spec: FinetuneSpec, kept: Path, base_digest: str = "") -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The base with a trial's stages merged into it, on the processor, and its tokenizer.

    Args:
        spec: the trial's objective, which names the base.
        kept: the folder that the trial left at its last rung.
        base_digest: hash of the base when the trial was trained; empty if it is not known.

    Raises:
        InputError: the base is gone, or has changed.
    """
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    _refuse_changed(base.fetch(spec.add_bos_token), spec, base_digest)
    model = base.model("bfloat16" if spec.precision == FOUR_BITS else spec.precision, "cpu")
    _merge_stages(model, artifact.load(kept), artifact.read_lines(kept / artifact.PROVENANCE))
    return model.eval(), base.tokenizer()


def _refuse_changed(identity: BaseIdentity, spec: FinetuneSpec, digest: str) -> None:
    if digest and not identity.matches(digest):
        raise InputError(
            f"The base {spec.base!r} has changed since the trial was trained on it, so the trial's weights do not fit "
            "it. Restore the base.",
            code="base-changed",
        )


def _base_provenance(base: BaseIdentity) -> dict[str, Any]:
    """Return the provenance fields that describe the base."""
    return {"base_hash": base.files, "base_identity": dict(base.rows())}


def _merge_stages(
    model: PreTrainedModel, adapters: Sequence[StageAdapter], provenance: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Merge the stages in order; return their provenance with the norms of their changes, and the changed weights."""
    lines, changed = [], dict[str, None]()
    for stage, line in zip(adapters, provenance, strict=True):
        changes, before = merge_measured(model, stage)
        changed |= dict.fromkeys(before)
        lines.append({**line, "change": {str(layer): round(norm, 6) for layer, norm in by_layer(changes).items()}})
    return lines, list(changed)


def merged(base_name: str, file: Path, out: Path, *, trust_code: bool = False) -> None:
    """Apply an exported file to its base and write the whole model.

    Raises:
        InputError: the file or the base cannot be read, or the file was exported from another base.
    """
    _, lines = single_file.read(file)
    base = open_base(base_name, trust_code=trust_code)
    if not base.fetch().matches(lines[0]["base_hash"]):
        raise InputError(
            f"{str(file)!r} was exported from the base {lines[0]['base']!r}, whose files differ from those of "
            f"{base_name!r}. Name the original base with --base.",
            code="base-differs",
        )
    model: PreTrainedModel = base.model(lines[0]["precision"], "cpu")
    single_file.apply(model, file)
    with without_bars():
        model.save_pretrained(out)
    base.tokenizer().save_pretrained(out)
