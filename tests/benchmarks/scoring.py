"""Questions a second against lm-eval's own evaluation, and its calls of the model alone, in turn.

`python -m tests.benchmarks.scoring [--rounds 3] [--base FOLDER --data FILE]`: the shipped base on the demo's questions,
and, where a base and a file in ARC's layout are given, those too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from rich.console import Console

from objectives.scoring.benchmark.scorer import BenchmarkScorer
from objectives.scoring.spec import BenchmarkSpec
from objectives.worker import open_base
from spaces import Corpus
from studies.demo.library import write_demo


def compare(base: str, task: dict[str, Any], batch: int, rounds: int) -> None:
    """Print the questions a second of both, and their ratio."""
    opened = open_base(base)
    model, encoding = opened.model("float32", "cpu"), opened.encoding()
    spec = BenchmarkSpec.model_validate({"kind": "benchmark", "tasks": [task], "holdout": 0, "batch_size": batch})
    begun = time.perf_counter()
    scorer = BenchmarkScorer(spec, Corpus(Path(), ()), model, encoding)
    loaded = time.perf_counter() - begun
    stock = HFLM(pretrained=model, tokenizer=encoding.tokenizer, batch_size=batch)
    (asked,) = scorer._tasks
    ours, theirs, calls = [], [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        score = scorer.score()
        ours.append(len(score.items) / (time.perf_counter() - begun))
        begun = time.perf_counter()
        simple_evaluate(model=stock, tasks=[asked.task], bootstrap_iters=0)
        theirs.append(len(score.items) / (time.perf_counter() - begun))
        begun = time.perf_counter()
        stock.loglikelihood([i for question in asked.questions for i in question.instances], disable_tqdm=True)
        calls.append(len(score.items) / (time.perf_counter() - begun))
    ratios = np.array(ours) / np.array(theirs)
    Console(highlight=False, soft_wrap=True).print(
        f"{base}, {task['task']}: {len(score.items)} questions, requests built in {loaded:.1f} s; "
        f"ours {np.median(ours):.0f}/s, lm-eval {np.median(theirs):.0f}/s, ratio {np.median(ratios):.2f} "
        f"({ratios.min():.2f} to {ratios.max():.2f}); lm-eval's calls of the model alone {np.median(calls):.0f}/s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base")
    parser.add_argument("--data")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_demo(Path(folder), "scoring", seed=0)
        compare("tiny", {"task": f"{folder}/reasoning.yaml"}, 240, chosen.rounds)
    if chosen.base and chosen.data:
        compare(chosen.base, {"task": "arc_easy", "data": chosen.data}, 64, chosen.rounds)


if __name__ == "__main__":
    main()
