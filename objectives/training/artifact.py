"""What a trial leaves on disk at a rung: the adapter, and where it came from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from objectives.versions import versions
from spaces import Corpus, TrialConfig

if TYPE_CHECKING:
    from peft import PeftModel

PROVENANCE = "provenance.json"
_PACKAGES = ("mixtune", "torch", "transformers", "peft", "lm_eval")


def save(model: PeftModel, folder: Path, provenance: dict[str, Any]) -> None:
    """Write the adapter as a PEFT folder with safetensors; the folder appears whole or not at all."""
    unfinished = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    model.save_pretrained(unfinished, safe_serialization=True)
    (unfinished / PROVENANCE).write_text(json.dumps(provenance, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.replace(folder)


def keep_only(folder: Path) -> None:
    """Remove the folders of earlier rungs beside a finished one."""
    for other in folder.parent.glob("rung-*"):
        if other != folder:
            shutil.rmtree(other)


def describe(trial: TrialConfig, corpus: Corpus, tokens: int, epochs: dict[str, float]) -> dict[str, Any]:
    """Texts with hashes, how much of each was read, settings, seeds and versions."""
    return {
        "trial": trial.to_dict(),
        "fingerprint": trial.fingerprint,
        "training_tokens": tokens,
        "texts": [
            {
                "name": name,
                "sha256": corpus[name].sha256,
                "share": weight,
                "tokens": corpus[name].tokens,
                "epochs": round(epochs[name], 4),
            }
            for name, weight in trial.stages[0].mix.weights
        ],
        "versions": versions(_PACKAGES),
    }
