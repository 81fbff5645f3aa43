"""Benchmark questions that stand in the texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spaces import scan
from tests.support.questions import TASK, WINDOW, benchmark

pytestmark = pytest.mark.torch

LONG = "a farmer has seventeen sheep and all but nine of them run away in the night so how many are left in the field"


def _found(folder: Path, questions: list[dict[str, object]], **texts: str) -> dict[str, int]:
    from objectives.scoring.contamination import questions_in
    from objectives.scoring.questions.tasks import load_tasks

    (folder / "questions.jsonl").write_text("".join(json.dumps(question) + "\n" for question in questions))
    (folder / "small.yaml").write_text(TASK)
    library = folder / "library"
    library.mkdir()
    for name, content in {**texts, "other": "nothing of interest stands in here"}.items():
        (library / f"{name}.txt").write_text(content)
    return questions_in(scan(library), load_tasks(benchmark(folder / "small.yaml"), WINDOW))


def _question(text: str) -> dict[str, object]:
    return {"q": text, "choices": ["one", "two"], "gold": 0}


def test_thirteen_words_in_a_row_are_copied_whatever_their_case_and_stops(tmp_path: Path) -> None:
    words = LONG.upper().split()
    some = ", ".join(words[3:16])
    assert _found(tmp_path, [_question(LONG)], holds=f"As they say: {some}! Well.") == {"holds": 1}


def test_twelve_words_of_a_long_question_are_not(tmp_path: Path) -> None:
    some = " ".join(LONG.split()[3:15])
    assert _found(tmp_path, [_question(LONG)], holds=f"as they say {some} and then") == {}


def test_a_short_question_counts_where_it_stands_whole(tmp_path: Path) -> None:
    question = _question("which of ant bread cat fox is odd?")
    texts = {"whole": "ask which of ant bread cat fox is odd now", "half": "which of ant bread cat fox is"}
    assert _found(tmp_path, [question], **texts) == {"whole": 1}


def test_every_question_counts_once(tmp_path: Path) -> None:
    questions = [_question(LONG), _question("which of ant bread cat fox is odd?"), _question("who was it?")]
    assert _found(tmp_path, questions, holds=f"{LONG}. {LONG}. which of ant bread cat fox is odd? who was it") == {
        "holds": 2
    }


def test_the_wording_that_questions_share_is_no_copy(tmp_path: Path) -> None:
    form = "read the story below with care and then choose the best of the answers that follow it"
    questions = [_question(f"{form} number {i} {'xyz'[i % 3]}") for i in range(10)]
    assert _found(tmp_path, questions, holds=f"teachers say {form} to their pupils") == {}


def test_an_answer_alone_is_no_question(tmp_path: Path) -> None:
    question = {"q": LONG, "choices": ["because the ant was at the river", "two"], "gold": 0}
    assert _found(tmp_path, [question], holds="it fell because the ant was at the river and slept") == {}


def test_signs_are_words_where_words_are_not_parted(tmp_path: Path) -> None:
    question = _question("一年之中哪一个月的天数最少你知道吗")
    assert _found(tmp_path, [question], holds="老师问一年之中哪一个月的天数最少你知道吗大家都笑了") == {"holds": 1}


def test_numbers_in_a_row_are_no_copy(tmp_path: Path) -> None:
    counting = " ".join(map(str, range(20)))
    assert _found(tmp_path, [_question(counting)], holds=f"he counted {counting} and slept") == {}
