"""Advice of `estimate` and `init`: each change by itself brings the study down to its hours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.costs import Costs
from objectives.spec import FinetuneSpec
from search.ray.runner import Answers
from studies.cli.commands import _print_version
from studies.jobs.starter import Starter, Written, write_study_file
from studies.run.estimate.advice import advice, fitting_tokens, fitting_trials
from studies.run.estimate.estimate import Estimate, estimate
from studies.run.estimate.simulation import Simulated, Times
from studies.spec import read_study
from tests.support.commands import call

GB = 10**9


def estimate_of(
    step: float = 0.1,
    score: float = 2.0,
    trials: int = 100,
    memory: int = GB,
    card: int = 0,
    disk: int = GB,
    limits: bool = True,
) -> Estimate:
    """A study of 300 steps a trial on two workers; nothing is pruned."""
    times = Times(step=step, score=score, final=score, save=0.5)
    trial = 300 * step + 3 * (score + 0.5)
    return Estimate(
        measured=Answers(2, 5.0, 3.0, [Costs(1, step, score, score, 0.5, memory, card)] * 2),
        times=times, load=10.0, steps=300, trial=trial, search=Simulated(trials, trial / 2, 2, 0, 1.0),
        confirming=10, confirmation=10 * trial / 2, tokens_a_page=700, step_tokens=512, rungs=(51200, 102400, 153600),
        disk=disk, disk_free=10 * GB, memory=2 * memory, memory_free=8 * GB, card=card, card_size=24 * GB,
        trials_a_card=1.0, limits=limits, fewest=20,
    )  # fmt: skip


@given(st.floats(0.05, 2), st.floats(0.1, 60), st.floats(0.1, 4))
def test_fewer_tokens_bring_it_down_to_the_hours(step: float, score: float, hours: float) -> None:
    found = estimate_of(step, score)
    tokens = fitting_tokens(found, hours)
    if tokens is not None:
        shorter = found.total_with(training=tokens / found.rungs[-1])
        assert shorter <= 3600 * hours * 1.001
        assert shorter > 0.7 * 3600 * hours or tokens < 20_000, "and no further than two digits go"
    assert found.total_with() == pytest.approx(found.total)


def test_a_study_that_fits_gets_no_advice() -> None:
    assert list(advice(estimate_of(step=0.01), hours=3)) == []


def test_every_way_is_given_with_its_figure() -> None:
    found = estimate_of()
    (said,) = advice(found, hours=0.5)
    trials = fitting_trials(found, 0.5)
    assert trials is not None
    assert f"search.trials: {trials}" in said
    assert f"objective.tokens: {fitting_tokens(found, 0.5)}" in said
    assert found.start + found.search.pace * trials + found.confirmation <= 1800


def test_fewer_questions_are_advised_where_they_can_be_limited() -> None:
    long = [" ".join(advice(estimate_of(score=30.0, limits=limits), hours=1)) for limits in (True, False)]
    assert ["`limit:`" in said for said in long] == [True, False]


def test_too_few_trials_to_rate_anything_are_not_advised() -> None:
    (said,) = advice(estimate_of(trials=400), hours=0.15)
    assert "search.trials:" not in said


@pytest.mark.parametrize(
    ("fields", "advised"),
    [
        ({"memory": 6 * GB}, "search.workers: 1"),
        ({"memory": 40 * GB}, "objective.batch_size"),
        ({"disk": 20 * GB}, r"search.trials: 50"),
        ({"card": 30 * GB}, "bfloat16"),
    ],
)
def test_what_does_not_fit_the_machine_is_told_with_a_remedy(fields: dict[str, Any], advised: str) -> None:
    said = " ".join(advice(estimate_of(step=0.01, **fields), hours=3))
    assert re.search(advised, said)


@pytest.fixture
def books(tmp_path: Path) -> Path:
    folder = tmp_path / "Мои книги"
    folder.mkdir()
    for name in ("ants", "bees", "cats"):
        (folder / f"{name}.txt").write_text(
            "".join(f"{i} {name} met {i * i} more at the river.\n" for i in range(3000))
        )
    return folder


@pytest.mark.torch
def test_init_proposes_a_size_that_ends_in_time(books: Path, tmp_path: Path) -> None:
    def tokens(hours: float) -> tuple[int, Written]:
        file = tmp_path / f"study-{hours}.yaml"
        written = write_study_file(Starter(books, hours=hours), file, local=True)
        objective = read_study(file).objective
        assert isinstance(objective, FinetuneSpec)
        return objective.tokens, written

    (few, short), (many, long) = tokens(0.05), tokens(20)
    assert few < many
    spec = read_study(tmp_path / "study-0.05.yaml")
    found = estimate(spec, tmp_path / "runs", local=True)
    assert found.total < 2 * 0.05 * 3600, "about the hours, on a machine whose speed varies"
    assert len(short.choices) == len(long.choices) == 4


def test_a_base_beside_the_texts_is_found_from_the_file(
    books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "my base"
    base.mkdir()
    monkeypatch.chdir(tmp_path)
    write_study_file(Starter(Path(books.name), base="my base"), Path("sub/study.yaml"), measure=False)
    objective = read_study(Path("sub/study.yaml")).objective
    assert isinstance(objective, FinetuneSpec)
    assert objective.base == str(base)


@pytest.mark.torch
def test_a_machine_that_cannot_be_timed_still_gets_a_file(
    books: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    written = write_study_file(Starter(books), tmp_path / "study.yaml")
    assert "127.0.0.1:1" in written.choices[-1]
    assert read_study(tmp_path / "study.yaml").name == "Moi-knigi"


def test_init_names_its_choices(books: Path, tmp_path: Path) -> None:
    out = tmp_path / "study.yaml"
    done = call("init", str(books), "--out", str(out), "--no-timing")
    assert done.exit_code == 0, done.output
    assert "tiny" in done.output
    assert "'ants'" in done.output, "the text that became the goal"
    assert read_study(out).name == "Moi-knigi"


def test_version_and_short_help() -> None:
    assert call("--version").output.startswith("mixtune ")
    for words in (["-h"], ["launch", "-h"]):
        assert call(*words).output == call(*words[:-1], "--help").output
    _print_version(False)
