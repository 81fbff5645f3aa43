"""The stack we compare with computes what we compute, and the benchmark of a device needs what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from spaces import CorpusMix, LayerRange, Stage, TrialConfig, Tuning

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]

_ABSENT = ("optuna", "ray", "lm_eval", "pydantic", "datasets", "sqlalchemy", "typer", "pandas", "seaborn", "sklearn")


def test_the_stock_stack_trains_and_scores_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from objectives.finetune import FinetuneObjective
    from objectives.spec import FinetuneSpec
    from tests.benchmarks import stock
    from tests.benchmarks.throughput import prepared, stock_settings

    ready = prepared(tmp_path, 0, 1, tokens=4096, rungs=[0.5, 1.0])
    spec = ready.spec.objective
    assert isinstance(spec, FinetuneSpec)
    settings = stock_settings(ready, tmp_path)
    chosen, targets = list(settings.texts)[:3], ("self_attn.q_proj", "mlp.up_proj")
    tuning = Tuning("lora", 8, 16.0, 0.0, targets)
    stage = Stage("train", CorpusMix.equal(chosen), tuning, (LayerRange(3, 3),), spec.tokens, 3e-3)
    objective = FinetuneObjective(spec, ready.prepared.corpus, ready.folder / "cache")
    ours = [
        (rung.score, rung.qualities["accuracy"])
        for rung in objective.evaluate(TrialConfig("tiny", 5, (stage,)), tmp_path / "trial")
    ]
    told: list[dict[str, Any]] = []
    monkeypatch.setattr("ray.tune.report", lambda metrics, checkpoint: told.append(metrics))
    config: dict[str, Any] = {f"text_{name}": name in chosen for name in settings.texts}
    config |= {"rank": 8, "targets": " ".join(targets), "layers": "0 1 2", "rate": 3e-3, "seed": 5}
    stock.train_trial(config, settings)
    theirs = [(metrics["probability"], metrics["accuracy"]) for metrics in told]
    assert len(ours) == len(theirs) == 2
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == pytest.approx(other, abs=1e-5)


@pytest.mark.benchmarks
def test_a_device_is_measured_with_torch_transformers_and_peft_alone() -> None:
    script = (
        f"import sys\nfor name in {_ABSENT!r}:\n    sys.modules[name] = None\n"
        "from tests.benchmarks.gpu import main\n"
        "main(['--sizes', '1M', '--seconds', '0.05', '--device', 'cpu'])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    for heading in ("of the peak", "together", "passed over"):
        assert heading in found.stdout
