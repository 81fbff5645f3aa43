"""The main job on real components: books to rating through Ray Tune, Optuna, peft, lm-eval and SQLite."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from optuna.trial import TrialState

from objectives.scoring.spec import BenchmarkSpec, TaskSpec
from search.ray.runner import RayRunner
from studies.demo.library import write_demo
from studies.jobs.export import export_trial
from studies.run.execution import Outcome
from studies.run.launch import prepare_launch
from studies.spec import read_study
from studies.storage.places import default_url
from studies.storage.store import open_store
from tests.support.reports import written

pytestmark = [pytest.mark.ray, pytest.mark.torch]

TRIALS = 6


@dataclass(frozen=True)
class Job:
    """A finished study on the demo's library, much shorter than the demo."""

    outcome: Outcome
    tasks: list[TaskSpec]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    folder = tmp_path_factory.mktemp("job")
    path = write_demo(folder, "short", seed=0)
    study = yaml.safe_load(path.read_text())
    study["objective"] |= {"tokens": 5120, "rungs": [0.5, 1.0]}
    study["objective"]["scores"].append({"kind": "heldout", "text": "river_poems"})
    study["search"] |= {"trials": TRIALS, "workers": 2, "sampler": "tpe", "confirm": {"best": 1, "seeds": 2}}
    path.write_text(yaml.safe_dump(study))
    spec = read_study(path)
    ready = prepare_launch(spec, folder / "runs")
    outcome = ready.run(lambda _spec, scratch: RayRunner(scratch, workers=2), lambda _: None)
    (first, _) = spec.objective.scores  # type: ignore[union-attr]
    assert isinstance(first, BenchmarkSpec)
    return Job(outcome, first.tasks)


def test_trials_train_and_are_scored_on_both_measures(job: Job) -> None:
    records = job.outcome.study.records
    assert [record.number for record in records] == list(range(TRIALS))
    for record in records:
        assert record.state in {TrialState.COMPLETE, TrialState.PRUNED}, record.error
        rung = record.rungs[-1]
        assert len(rung.items) == 240, "half of the questions"
        assert 0 <= rung.score <= 1
        assert {"accuracy", "accuracy_stderr", "probability", "heldout_bits_per_byte", "forgotten"} <= set(
            rung.qualities
        )
        assert {"train", "score", "save"} <= set(rung.seconds) or not record.texts
    assert job.outcome.study.base == pytest.approx(0.25, abs=0.05), "the base is at chance"


def test_training_on_a_mix_changes_the_score(job: Job) -> None:
    scores = {record.score for record in job.outcome.study.records if record.score is not None}
    assert len(scores) > 1


def test_an_exported_adapter_gives_the_score_that_is_in_the_database(job: Job, tmp_path: Path) -> None:
    from peft import PeftModel

    from objectives.scoring.benchmark.scorer import BenchmarkScorer
    from objectives.worker import open_base
    from spaces import scan

    study, folder = job.outcome.study, job.outcome.folder
    trained = next(record for record in study.records if record.score is not None and record.texts)
    assert export_trial(study, folder, tmp_path / "out", trained.number, ["adapter"]) == trained
    base = open_base("tiny")
    model = PeftModel.from_pretrained(base.model("float32", "cpu"), tmp_path / "out" / "adapter").eval()
    spec = BenchmarkSpec(kind="benchmark", tasks=job.tasks, batch_size=240)
    corpus = scan(folder.parent.parent / "library")
    score = BenchmarkScorer(spec, corpus, model, base.encoding()).score()
    assert score.value == pytest.approx(trained.score, abs=1e-5)
    provenance = json.loads((tmp_path / "out" / "provenance.jsonl").read_text())
    assert [text["name"] for text in provenance["texts"]] == list(trained.texts)
    assert (provenance["tokens"], provenance["number"]) == (5120, trained.number)
    assert f"trial {trained.number}" in (tmp_path / "out" / "README.md").read_text()


def test_the_report_of_a_real_study(job: Job) -> None:
    store = open_store(default_url(job.outcome.folder))
    page = written(store, job.outcome.study, job.outcome.folder / "report")
    text = page.read_text().replace("<wbr>", "")  # where a name may break
    assert "probability of the right answer" in text
    for name in job.outcome.study.texts:
        assert name.name in text
