"""The stack that a user would write without mixtune: Ray Tune, OptunaSearch, PEFT, Trainer and lm-eval in every trial.

Each part is used as its own documentation shows: a function trainable with its resources, `OptunaSearch` behind a
limiter, `get_peft_model`, `Trainer` with a callback, `simple_evaluate` on an `HFLM` around the model in training, and a
checkpoint with every report. Only what would make scores differ is taken from mixtune: the windows of text in their
order, the optimizer's settings and the schedule.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from peft import LoraConfig, get_peft_model
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.optuna import OptunaSearch
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments

from objectives.data.order import MixStream
from spaces import CorpusMix

TASK = "demo_reasoning"


@dataclass(frozen=True)
class Settings:
    """The same for all trials."""

    base: str
    texts: dict[str, str]
    """Name to file."""
    tasks: str
    """Folder of the lm-eval task."""
    steps: int
    rung_steps: tuple[int, ...]
    batch: int
    length: int
    scored_at_once: int
    warmup: int
    indexed: bool = True
    """Whether lm-eval makes its index of all tasks that come with it, as it does unless it is told not to."""


class Windows(Dataset[dict[str, torch.Tensor]]):
    """The training windows of a mix in the order in which mixtune reads them."""

    def __init__(self, texts: dict[str, str], tokenizer: Any, settings: Settings, seed: int) -> None:
        tokens = {
            name: np.array(tokenizer(Path(path).read_text(encoding="utf-8"), add_special_tokens=False)["input_ids"])
            for name, path in texts.items()
        }
        self._rows = settings.steps * settings.batch
        self._stream = MixStream(CorpusMix.equal(tokens), tokens, settings.length, self._rows, seed)

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        window = torch.from_numpy(self._stream.batch(row, 1)[0])
        return {"input_ids": window, "labels": window}


class ScoreAtRungs(TrainerCallback):  # type: ignore[misc]
    """Evaluates the model in training with lm-eval, and reports to Tune with the adapter as a checkpoint."""

    def __init__(self, language_model: HFLM, settings: Settings, seconds: dict[str, float]) -> None:
        self._language_model = language_model
        begun = time.perf_counter()
        self._tasks = TaskManager(include_path=settings.tasks, include_defaults=settings.indexed)
        seconds["tasks"] = time.perf_counter() - begun
        self._rungs = settings.rung_steps
        self._seconds = seconds
        self._since = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step not in self._rungs:
            return
        self._lap("train")
        model.eval()
        found = simple_evaluate(self._language_model, tasks=[TASK], task_manager=self._tasks, log_samples=True)
        model.train()
        samples = found["samples"][TASK]
        metrics = {"probability": _probability(samples), "accuracy": float(np.mean([each["acc"] for each in samples]))}
        self._lap("score")
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            self._lap("save")
            told = {f"seconds/{phase}": seconds for phase, seconds in self._seconds.items()}
            tune.report({**metrics, **told, "step": state.global_step}, checkpoint=tune.Checkpoint(folder))
        self._since = time.perf_counter()

    def _lap(self, phase: str) -> None:
        now = time.perf_counter()
        self._seconds[phase] = self._seconds.get(phase, 0.0) + now - self._since
        self._since = now


def _probability(samples: list[dict[str, Any]]) -> float:
    """Mean probability of the right answer among the choices."""
    logs = np.array([[float(answer[0][0]) for answer in each["resps"]] for each in samples])  # (questions, choices)
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    right = [int(each["target"]) for each in samples]
    return float(np.mean(shares[np.arange(len(right)), right] / shares.sum(axis=1)))


def train_trial(config: dict[str, Any], settings: Settings) -> None:
    """One trial, from nothing to its last report."""
    begun = time.perf_counter()
    tokenizer = AutoTokenizer.from_pretrained(settings.base)
    model = AutoModelForCausalLM.from_pretrained(settings.base, dtype=torch.float32)
    seconds = {"load": time.perf_counter() - begun}
    begun = time.perf_counter()
    texts = {name: path for name, path in settings.texts.items() if config[f"text_{name}"]}
    windows = Windows(texts, tokenizer, settings, config["seed"])
    seconds["data"] = time.perf_counter() - begun
    begun = time.perf_counter()
    torch.manual_seed(config["seed"])
    adapter = LoraConfig(
        r=config["rank"],
        lora_alpha=2 * config["rank"],
        target_modules=config["targets"].split(),
        layers_to_transform=[int(layer) for layer in config["layers"].split()],
        layers_pattern="layers",
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(model, adapter)
    optimizer = AdamW([w for w in model.parameters() if w.requires_grad], lr=config["rate"], weight_decay=0.0)
    arguments = TrainingArguments(
        output_dir=tempfile.mkdtemp(),
        max_steps=settings.steps,
        per_device_train_batch_size=settings.batch,
        train_sampling_strategy="sequential",
        max_grad_norm=1.0,
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    )
    schedule = LambdaLR(optimizer, partial(_rate, warmup=settings.warmup, steps=settings.steps))
    language_model = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=settings.scored_at_once)
    seconds["setup"] = time.perf_counter() - begun
    scores = ScoreAtRungs(language_model, settings, seconds)
    Trainer(model, arguments, train_dataset=windows, optimizers=(optimizer, schedule), callbacks=[scores]).train()


def _rate(step: int, warmup: int, steps: int) -> float:
    """Share of the peak rate: up over the warm-up, down to nothing at the last step."""
    warmup = min(warmup, steps - 1)
    return min((step + 1) / (warmup + 1), (steps - step) / (steps - warmup))


def space(settings: Settings, targets: list[str], layers: list[str]) -> dict[str, BaseDistribution]:
    """The demo's space as Optuna's distributions."""
    return {
        **{f"text_{name}": CategoricalDistribution([True, False]) for name in settings.texts},
        "rank": CategoricalDistribution([8, 16]),
        "targets": CategoricalDistribution(targets),
        "layers": CategoricalDistribution(layers),
        "rate": FloatDistribution(3e-3, 8e-3),
        "seed": IntDistribution(0, 2**32),
    }


def run(
    settings: Settings,
    searched: dict[str, BaseDistribution],
    trials: int,
    workers: int,
    folder: Path,
    first: list[dict[str, Any]] | None = None,
    prune: bool = False,
    sampler: BaseSampler | None = None,
    watch: tune.Callback | None = None,
) -> tune.ResultGrid:
    """Run trials, those of `first` before any that the sampler proposes."""
    goal = {"metric": "probability", "mode": "max"}
    search = OptunaSearch(searched, **goal, points_to_evaluate=first, sampler=sampler)
    stops = settings.rung_steps
    asha = ASHAScheduler(time_attr="step", max_t=stops[-1], grace_period=stops[0], reduction_factor=3, **goal)
    ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        return tune.Tuner(
            tune.with_resources(partial(train_trial, settings=settings), {"cpu": 1}),
            tune_config=tune.TuneConfig(
                search_alg=ConcurrencyLimiter(search, max_concurrent=workers),
                scheduler=asha if prune else None,
                num_samples=trials,
            ),
            run_config=tune.RunConfig(
                name="stock", storage_path=str(folder), callbacks=[watch] if watch else None, verbose=0
            ),
        ).fit()
    finally:
        ray.shutdown()
