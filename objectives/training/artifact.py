"""Artifacts that a trial saves at a rung: the adapter and the provenance of every stage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from objectives.training.stage_adapter import StageAdapter
from objectives.versions import versions
from spaces import Corpus, TrialConfig
from spaces.files import whole
from spaces.layout import ranges, trained_layers

if TYPE_CHECKING:
    from objectives.training.pipeline import Pipeline, ScheduledStage

PROVENANCE = "provenance.jsonl"
_PACKAGES = ("mixtune", "torch", "transformers", "peft", "lm_eval")


def save(pipeline: Pipeline, folder: Path, provenance: Iterator[dict[str, Any]]) -> None:
    """Write a PEFT folder and a line of provenance for every stage so far, atomically."""
    with whole(folder) as unfinished:
        for adapter in pipeline.learned():
            adapter.save(unfinished)
        write_lines(unfinished / PROVENANCE, provenance)


def load(folder: Path) -> list[StageAdapter]:
    """Load the adapters of the stages, in order."""
    return [StageAdapter.load(folder / line["stage"]) for line in read_lines(folder / PROVENANCE)]


def keep_only(folder: Path) -> None:
    """Remove the folders of all other rungs of the trial."""
    for other in folder.parent.glob("rung-*"):
        if other != folder:
            shutil.rmtree(other)


def describe(
    trial: TrialConfig, corpus: Corpus, pipeline: Pipeline, tokens_a_step: int, key: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the provenance of every stage so far: texts with hashes, epochs, settings, losses, versions.

    `key`: identifies the trial instead of its fingerprint, if given.
    """
    for stage, adapter in zip(pipeline.started, pipeline.learned(), strict=True):
        steps = min(pipeline.step, stage.last) - stage.first
        yield {
            "stage": stage.name,
            "base": trial.base,
            "texts": _texts(stage, corpus, steps * tokens_a_step // stage.stream.length),
            "tokens": steps * tokens_a_step,
            "method": stage.stage.tuning.method,
            "rank": stage.stage.tuning.rank,
            "alpha": stage.stage.tuning.alpha,
            "dropout": stage.stage.tuning.dropout,
            "targets": list(stage.stage.tuning.targets),
            "layers": [str(span) for span in ranges(trained_layers(stage.stage.frozen, pipeline.layers))],
            "learning_rate": stage.stage.learning_rate,
            "trainable": adapter.trainable,
            "losses": [[tokens, round(loss, 6)] for tokens, loss in stage.losses],
            "seed": stage.seed,
            "trial": key or trial.fingerprint,
            "versions": versions(_PACKAGES),
        }


def add_results(folder: Path, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the scores at the end of each stage to its provenance, as `end`; the file is replaced atomically.

    `results`: name of a stage to its scores; the lines of other stages do not change.
    """
    path = folder / PROVENANCE
    lines = [
        {**line, "end": dict(results[line["stage"]])} if line["stage"] in results else line for line in read_lines(path)
    ]
    with whole(path) as unfinished:
        write_lines(unfinished, iter(lines))


def write_lines(path: Path, lines: Iterator[dict[str, Any]]) -> None:
    """Write JSON objects, one per line."""
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read the JSON objects that `write_lines` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def _texts(stage: ScheduledStage, corpus: Corpus, sequences: int) -> list[dict[str, Any]]:
    epochs = stage.stream.epochs(sequences)
    return [
        {
            "name": name,
            "sha256": corpus[name].sha256,
            "share": share,
            "tokens": corpus[name].tokens,
            "epochs": round(epochs[name], 4),
        }
        for name, share in stage.stage.mix.weights
    ]
