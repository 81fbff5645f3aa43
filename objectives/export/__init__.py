"""Writing what a trial has learned in every form that somebody may load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
"""What may be written, to its name in the folder."""


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
        spec: of the trial's objective, which names the base.
        kept: the folder that the trial left at its last rung.
        out: folder to write, which exists and is empty.
        origin: where the trial comes from, for the provenance.
        forms: which of `FORMS`.
        base_digest: hash of the base when the trial was trained; empty where it is not known.

    Raises:
        InputError: the base is not there any more, or has changed.
    """
    base = open_base(spec.base, trust_code=spec.trust_remote_code)
    identity = base.fetch(spec.add_bos_token)
    _refuse_changed(identity, spec, base_digest)
    precision = "bfloat16" if spec.precision == FOUR_BITS else spec.precision
    model = base.model(precision, "cpu")
    learned = artifact.load(kept)
    lines, changed = _merged(model, learned, artifact.read_lines(kept / artifact.PROVENANCE))
    lines = [{**line, "precision": precision, **_identity(identity), **origin} for line in lines]
    if "adapter" in forms:
        combined(learned, model, changed).save(out, FORMS["adapter"])
        base.tokenizer().save_pretrained(out / FORMS["adapter"])
    if "file" in forms:
        single_file.write(out / FORMS["file"], learned, lines)
    if "merged" in forms:
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
    _merged(model, artifact.load(kept), artifact.read_lines(kept / artifact.PROVENANCE))
    return model.eval(), base.tokenizer()


def _refuse_changed(identity: BaseIdentity, spec: FinetuneSpec, digest: str) -> None:
    if digest and not identity.matches(digest):
        raise InputError(
            f"The base {spec.base!r} has changed since the trial was trained on it, so what the trial learned does not "
            "fit it. Bring the base back.",
            code="base-changed",
        )


def _identity(base: BaseIdentity) -> dict[str, Any]:
    """Lines of the provenance about the base."""
    return {"base_hash": base.files, "base_identity": dict(base.rows())}


def _merged(
    model: PreTrainedModel, learned: Sequence[StageAdapter], told: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Merge stage after stage; return what was told of each with the norms of its change, and the changed weights."""
    lines, changed = [], dict[str, None]()
    for stage, line in zip(learned, told, strict=True):
        changes, before = merge_measured(model, stage)
        changed |= dict.fromkeys(before)
        lines.append({**line, "change": {str(layer): round(norm, 6) for layer, norm in by_layer(changes).items()}})
    return lines, list(changed)


def merged(base_name: str, file: Path, out: Path, *, trust_code: bool = False) -> None:
    """Write the whole model that a file's run has made of its base.

    Raises:
        InputError: the file or the base cannot be read, or the file was made from another base.
    """
    _, lines = single_file.read(file)
    base = open_base(base_name, trust_code=trust_code)
    if not base.fetch().matches(lines[0]["base_hash"]):
        raise InputError(
            f"{str(file)!r} was made from the base {lines[0]['base']!r}, and {base_name!r} is another one: their "
            "files differ. Name that base with --base.",
            code="base-differs",
        )
    model: PreTrainedModel = base.model(lines[0]["precision"], "cpu")
    single_file.apply(model, file)
    model.save_pretrained(out)
    base.tokenizer().save_pretrained(out)
