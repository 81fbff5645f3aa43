"""Real books, real questions and a real pretrained model; skipped where they are not beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from search.runner import LocalRunner
from spaces import scan
from studies.analysis.confirmation import confirmed
from studies.jobs.starter import Starter, write_study_file
from studies.run.launch import prepare_launch
from studies.spec import read_study

pytestmark = [pytest.mark.books, pytest.mark.torch]


def test_real_books_are_read_whole(real_data: Path) -> None:
    corpus = scan(real_data / "books")
    assert len(corpus.texts) == 12
    for text in corpus.texts:
        assert len(text.read()) > 100_000
        assert text.words > 10_000
    assert "ru_tolstoy_ispoved" in corpus.names


def test_a_study_on_real_books_and_questions(real_data: Path, tmp_path: Path) -> None:
    """From `init` to confirmation: held-out fables in bits per byte, and four benchmarks beside them."""
    files = {"gsm8k": "gsm8k_test", "arc_easy": "arc_easy", "boolq": "boolq", "aime24": "aime24"}
    tasks = [{"task": task, "data": str(real_data / "benchmarks" / f"{file}.jsonl")} for task, file in files.items()]
    base = str(real_data / "models" / "stories260K")
    path = tmp_path / "study.yaml"
    write_study_file(Starter(real_data / "books", base, heldout="children_aesop_fables"), path)
    study = yaml.safe_load(path.read_text())
    study["objective"] |= {"tokens": 8_000, "batch_size": 4, "rungs": [1.0]}
    study["objective"]["scores"].append({"kind": "benchmark", "tasks": tasks, "limit": 4})
    study["search"] |= {"trials": 2, "sampler": "tpe", "confirm": {"best": 1, "seeds": 2}}
    path.write_text(yaml.safe_dump(study))
    outcome = prepare_launch(read_study(path), tmp_path / "runs").run(lambda *_: LocalRunner(), lambda _: None)
    assert not [text for text in outcome.study.texts if text.found], "no question stands in a book"
    for record in (*outcome.study.records, *outcome.study.confirmation):
        assert record.error == ""
        (rung,) = record.rungs
        assert -4 < rung.base < -2, "the base needs two to four bits for a byte of fables"
        assert rung.gain > 0 or not record.texts, "any English teaches it something"
        assert 0 <= rung.qualities["scores.1/accuracy"] < 1
        for task in files:
            assert 0 < rung.qualities[f"scores.1/bits_per_byte/{task}"] < 20
        assert 0 < rung.gain_stderr < rung.stderr or not record.texts
    (trained, *_) = confirmed(outcome.study)
    assert trained.beats_base
