"""What a trial leaves on disk at a rung: what each stage has learned, and where it came from."""

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
    """Write a PEFT folder for every stage so far, and a line about each; all appears whole or not at all."""
    with whole(folder) as unfinished:
        for learned in pipeline.learned():
            learned.save(unfinished)
        write_lines(unfinished / PROVENANCE, provenance)


def load(folder: Path) -> list[StageAdapter]:
    """Load what the stages have learned, in their order."""
    return [StageAdapter.load(folder / line["stage"]) for line in read_lines(folder / PROVENANCE)]


def keep_only(folder: Path) -> None:
    """Remove the folders of earlier rungs beside a finished one."""
    for other in folder.parent.glob("rung-*"):
        if other != folder:
            shutil.rmtree(other)


def describe(
    trial: TrialConfig, corpus: Corpus, pipeline: Pipeline, tokens_a_step: int, key: str = ""
) -> Iterator[dict[str, Any]]:
    """A line for every stage so far: texts with hashes, how much of each was read, settings, losses, versions.

    `key`: by which the trial's state is known, where that is not its fingerprint.
    """
    for leg, learned in zip(pipeline.begun, pipeline.learned(), strict=True):
        steps = min(pipeline.step, leg.last) - leg.first
        yield {
            "stage": leg.name,
            "base": trial.base,
            "texts": _texts(leg, corpus, steps * tokens_a_step // leg.stream.length),
            "tokens": steps * tokens_a_step,
            "method": leg.stage.tuning.method,
            "rank": leg.stage.tuning.rank,
            "alpha": leg.stage.tuning.alpha,
            "dropout": leg.stage.tuning.dropout,
            "targets": list(leg.stage.tuning.targets),
            "layers": [str(span) for span in ranges(trained_layers(leg.stage.frozen, pipeline.layers))],
            "learning_rate": leg.stage.learning_rate,
            "trainable": learned.trainable,
            "losses": [[tokens, round(loss, 6)] for tokens, loss in leg.losses],
            "seed": leg.seed,
            "trial": key or trial.fingerprint,
            "versions": versions(_PACKAGES),
        }


def add_results(folder: Path, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Add the scores at the end of each stage to the line about it, as `end`; all lines change or none.

    `results`: name of a stage to them; a stage without any keeps its line.
    """
    path = folder / PROVENANCE
    lines = [
        {**line, "end": dict(results[line["stage"]])} if line["stage"] in results else line for line in read_lines(path)
    ]
    with whole(path) as unfinished:
        write_lines(unfinished, iter(lines))


def write_lines(path: Path, lines: Iterator[dict[str, Any]]) -> None:
    """Write JSON objects, one a line."""
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The inverse of `write_lines`."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def _texts(leg: ScheduledStage, corpus: Corpus, sequences: int) -> list[dict[str, Any]]:
    epochs = leg.stream.epochs(sequences)
    return [
        {
            "name": name,
            "sha256": corpus[name].sha256,
            "share": share,
            "tokens": corpus[name].tokens,
            "epochs": round(epochs[name], 4),
        }
        for name, share in leg.stage.mix.weights
    ]
