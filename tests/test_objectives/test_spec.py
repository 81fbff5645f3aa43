from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objectives.scoring.spec import HeldoutSpec, TaskSpec
from objectives.spec import FinetuneSpec
from tests.support.refusals import unfit

SCORES = [{"kind": "heldout", "files": ["a.txt"]}]


def finetune(**fields: Any) -> FinetuneSpec:
    return FinetuneSpec.model_validate({"scores": SCORES, **fields})


@given(
    tokens=st.integers(1, 10**6),
    batch=st.integers(1, 64),
    length=st.integers(2, 512),
    shares=st.lists(st.floats(0.01, 0.99), unique=True, max_size=5),
)
def test_rungs_are_whole_steps_that_increase_to_the_budget(
    tokens: int, batch: int, length: int, shares: list[float]
) -> None:
    spec = finetune(tokens=tokens, batch_size=batch, sequence_length=length, rungs=[*sorted(shares), 1.0])
    steps = spec.rung_steps
    assert list(steps) == sorted(set(steps))
    assert steps[0] >= 1
    assert steps[-1] == spec.steps
    assert spec.rung_tokens == tuple(step * batch * length for step in steps)
    assert tokens <= spec.rung_tokens[-1] < tokens + batch * length


@pytest.mark.parametrize(
    ("rungs", "code"),
    [
        ([], "too-short"),
        ([0.5], "rungs-not-rising"),
        ([1.0, 0.5], "rungs-not-rising"),
        ([0.5, 0.5, 1.0], "rungs-not-rising"),
        ([0.0, 1.0], "greater-than"),
        ([0.5, 1.2], "less-than-equal"),
    ],
)
def test_rungs_that_do_not_end_with_the_budget_are_refused(rungs: list[float], code: str) -> None:
    with unfit(code):
        finetune(tokens=100, rungs=rungs)


@pytest.mark.parametrize("fields", [{}, {"files": ["a"], "text": "b"}])
def test_held_out_text_has_one_source(fields: dict[str, Any]) -> None:
    with unfit("files-or-text"):
        HeldoutSpec(kind="heldout", **fields)


def test_examples_without_questions_of_ones_own_are_refused() -> None:
    with unfit("examples-without-data"):
        TaskSpec.model_validate({"task": "gsm8k", "examples": "more.jsonl"})
