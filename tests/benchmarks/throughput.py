"""Trials an hour against the stack that a user would write instead, on the same trials: `make bench`.

`python -m tests.benchmarks.throughput [--rounds 2] [--trials 12] [--no-index]`: in every round mixtune runs trials of
the demo, and then the stack of `tests.benchmarks.stock` the same ones, without pruning. `--no-index` writes that stack
as somebody would who has found out that lm-eval lists its thousands of tasks anew in every trial. Figures are of this
machine and this moment; read their ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ray import tune
from rich.console import Console
from rich.table import Table

from objectives.bases.layout import context_of
from objectives.bases.tiny import TinyBase
from objectives.questions import SEARCHED
from objectives.scoring.benchmark.scorer import questions_of
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.questions.tasks import load_tasks
from objectives.scoring.spec import BenchmarkSpec
from objectives.spec import FinetuneSpec
from search.ray.runner import RayRunner
from search.storage.records import TrialRecord
from spaces.layout import trained_layers
from studies.demo.library import write_demo
from studies.report.tables import phase_seconds
from studies.run.launch import Ready, prepare_launch
from studies.spec import read_study
from tests.benchmarks import stock
from tests.benchmarks.watching import Clock, Memory

WORKERS = 2
PHASES = ("load", "data", "setup", "tasks", "train", "score", "save")


@dataclass
class Measured:
    """Time that one of the two took, over all rounds."""

    paces: list[float] = field(default_factory=list)
    """Seconds of wall time for a trial, by round."""
    start_up: list[float] = field(default_factory=list)
    """Seconds until the first trial had ended, by round."""
    memory: int = 0
    """Bytes, at most."""
    phases: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Seconds, by trial."""
    scores: list[tuple[float, float]] = field(default_factory=list)
    """Probability of the right answer and accuracy at the last rung, by trial."""

    def add_run(self, clock: Clock, memory: Memory) -> None:
        self.paces.append(clock.pace(WORKERS))
        self.start_up.append(clock.start_up)
        self.memory = max(self.memory, memory.peak)

    def add_trial(self, seconds: Mapping[str, float], score: tuple[float, float]) -> None:
        for phase in PHASES:
            self.phases[phase].append(seconds.get(phase, 0.0))
        self.scores.append(score)

    def seconds(self, phase: str) -> float:
        """Seconds of a trial; the mean, but for loading the median, because only the first trial of a worker loads."""
        return (statistics.median if phase == "load" else statistics.mean)(self.phases[phase])

    @property
    def between(self) -> float:
        """Seconds of a worker for each trial in which none of the phases runs."""
        return statistics.mean(self.paces) * WORKERS - sum(self.seconds(phase) for phase in PHASES)


class _Ends(tune.Callback):  # type: ignore[misc]
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def on_trial_complete(self, *_: Any, **__: Any) -> None:
        self._clock.tick()


def prepared(folder: Path, seed: int, trials: int, pruner: str = "none", **objective: Any) -> Ready:
    """The demo's study with so many trials, and without confirmation; `objective`: fields that differ."""
    path = write_demo(folder, "bench", seed=seed)
    study = yaml.safe_load(path.read_text())
    study["search"] |= {"trials": trials, "workers": WORKERS, "pruner": pruner, "confirm": {"best": 0}}
    study["objective"] |= objective
    path.write_text(yaml.safe_dump(study))
    return prepare_launch(read_study(path), folder / "runs")


def run_ours(ready: Ready, measured: Measured) -> list[TrialRecord]:
    """Run the study; return its trials that train on anything."""
    clock = Clock()
    with Memory() as memory:
        outcome = ready.run(lambda _spec, scratch: RayRunner(scratch, workers=WORKERS), clock)
    measured.add_run(clock, memory)
    records = [record for record in outcome.study.records if record.texts]
    for record in records:
        last = record.rungs[-1]
        measured.add_trial(phase_seconds(record), (last.score, last.qualities["accuracy"]))
    return records


def run_stock(
    ready: Ready, folder: Path, records: Sequence[TrialRecord], measured: Measured, *, indexed: bool = True
) -> None:
    """The same trials through the stock stack; `indexed`: with lm-eval's index of its tasks."""
    settings = replace(stock_settings(ready, folder), indexed=indexed)
    configs = [stock_config(record, settings) for record in records]
    searched = stock.space(
        settings,
        sorted({config["targets"] for config in configs}),
        sorted({config["layers"] for config in configs}),
    )
    clock = Clock()
    with Memory() as memory:
        found = stock.run(settings, searched, len(configs), WORKERS, folder, configs, watch=_Ends(clock))
    if found.errors:
        raise RuntimeError(f"{len(found.errors)} trials of the stock stack failed; the first: {found.errors[0]}")
    measured.add_run(clock, memory)
    for config in configs:
        (metrics,) = (result.metrics for result in found if result.config == config)
        seconds = {phase: metrics.get(f"seconds/{phase}", 0.0) for phase in PHASES}
        measured.add_trial(seconds, (metrics["probability"], metrics["accuracy"]))


def stock_settings(ready: Ready, folder: Path) -> stock.Settings:
    """The study's settings, and its task with the search's questions alone."""
    spec = ready.spec.objective
    if not isinstance(spec, FinetuneSpec):
        raise TypeError(f"The demo trains a model; its objective is a {type(spec).__name__}.")
    corpus = ready.prepared.corpus
    return stock.Settings(
        base=TinyBase("tiny").source,
        texts={text.name: str(text.files[0]) for text in corpus.texts},
        tasks=str(_searched_task(Path(corpus.folder).parent / "reasoning.yaml", folder / "task", spec)),
        steps=spec.steps,
        rung_steps=spec.rung_steps,
        batch=spec.batch_size,
        length=spec.sequence_length,
        scored_at_once=_benchmark(spec).batch_size,
        warmup=spec.warmup_steps,
    )


def _benchmark(spec: FinetuneSpec) -> BenchmarkSpec:
    (entry,) = spec.scores
    if not isinstance(entry, BenchmarkSpec):
        raise TypeError(f"The demo is scored by a benchmark, not by {type(entry).__name__}.")
    return entry


def _searched_task(task: Path, folder: Path, spec: FinetuneSpec) -> Path:
    """A folder with the task, asking only the half of its questions that the search sees."""
    entry = _benchmark(spec)
    base = TinyBase("tiny")
    (asked,) = load_tasks(entry, ContextWindow.of(base.encoding(), context_of(base.model("float32", "cpu").config)))
    questions = folder / "questions.jsonl"
    folder.mkdir(parents=True)
    questions.write_text("".join(json.dumps(each.doc) + "\n" for each in questions_of(asked, SEARCHED, entry)))
    (folder / task.name).write_text(task.read_text().replace("questions.jsonl", str(questions)))
    return folder


def stock_config(record: TrialRecord, settings: stock.Settings) -> dict[str, Any]:
    """A trial's configuration as the stock stack has it."""
    (stage,) = record.config.stages
    return {
        **{f"text_{name}": name in record.texts for name in settings.texts},
        "rank": stage.tuning.rank,
        "targets": " ".join(stage.tuning.targets),
        "layers": " ".join(map(str, trained_layers(stage.frozen, 4))),
        "rate": stage.learning_rate,
        "seed": record.config.seed,
    }


def _seconds(ours: Measured, stocks: Measured) -> Table:
    table = Table(title="Seconds of a trial (mean over trials; of loading the median)", title_justify="left", box=None)
    for column in ("phase", "mixtune", "stock", "stock / mixtune"):
        table.add_column(column, justify="left" if column == "phase" else "right")
    rows = [(phase, ours.seconds(phase), stocks.seconds(phase)) for phase in PHASES]
    rows.append(("between trials: start-up, Ray, database", ours.between, stocks.between))
    wall = [WORKERS * statistics.mean(each.paces) for each in (ours, stocks)]
    rows.append((f"all: wall time x {WORKERS} workers", wall[0], wall[1]))
    for name, mine, theirs in rows:
        table.add_row(name, f"{mine:.3f}", f"{theirs:.3f}", f"{theirs / mine:.1f}" if mine > 0.0005 else "-")
    return table


def _told(ours: Measured, stocks: Measured, questions: int, tokens: int) -> str:
    rates = [
        ("questions a second", questions / ours.seconds("score"), questions / stocks.seconds("score")),
        ("training tokens a second", tokens / ours.seconds("train"), tokens / stocks.seconds("train")),
    ]
    lines = [f"{name}: {mine:.0f} against {theirs:.0f}, {mine / theirs:.1f} times" for name, mine, theirs in rates]
    lines.append(f"first trial ended after {ours.start_up[0]:.1f} s against {stocks.start_up[0]:.1f} s")
    lines.append(f"peak memory {ours.memory / 1e9:.2f} GB against {stocks.memory / 1e9:.2f} GB (PSS)")
    apart = np.abs(np.subtract(ours.scores, stocks.scores)).max(axis=0)
    lines.append(f"largest difference of a trial's last probability {apart[0]:.1e}, of its accuracy {apart[1]:.1e}")
    ratios = np.array(stocks.paces) / np.array(ours.paces)
    lines.append(f"ratio by round: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
    mine, theirs = statistics.mean(ours.paces), statistics.mean(stocks.paces)
    lines.append(f"trials/hour: {3600 / mine:.0f} against {3600 / theirs:.0f}")
    lines.append(f"trials/hour ratio: {theirs / mine:.2f}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=12, help="of each in every round")
    parser.add_argument("--no-index", action="store_true", help="keep lm-eval from indexing its tasks in every trial")
    chosen = parser.parse_args()
    ours, stocks = Measured(), Measured()
    questions = tokens = 0
    for number in range(chosen.rounds):
        with tempfile.TemporaryDirectory() as folder:
            ready = prepared(Path(folder), number, chosen.trials)
            records = run_ours(ready, ours)
            run_stock(ready, Path(folder), records, stocks, indexed=not chosen.no_index)
            questions, tokens = sum(len(rung.items) for rung in records[0].rungs), ready.rungs[-1]
    console = Console(highlight=False, soft_wrap=True)
    console.print(_seconds(ours, stocks))
    console.print(_told(ours, stocks, questions, tokens))


if __name__ == "__main__":
    main()
