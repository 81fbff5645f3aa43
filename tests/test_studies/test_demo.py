"""The demo's library: what it plants, and that the benchmark cannot be answered from memory."""

from __future__ import annotations

import json
import random
from itertools import groupby, islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces import scan
from studies.demo.books import BOOKS
from studies.demo.drills import drills
from studies.demo.language import EVERYTHING, is_held_out
from studies.demo.library import benchmark, write_demo
from studies.demo.skills import SKILLS, Question, questions
from studies.spec import read_study

_BASE_DRILLS = 700_000
"""More drills than the base's 3,000 steps of 2,048 tokens read."""


def asked(seed: int = 0) -> list[Question]:
    return benchmark(seed)


def test_the_library_has_books_of_all_three_kinds() -> None:
    planted = [book.planted for book in BOOKS]
    assert 8 <= len(planted) <= 10
    assert planted.count("helps") >= 3
    assert planted.count("hurts") >= 1
    assert planted.count("neutral") >= 3


def test_the_benchmark_is_large_and_fair() -> None:
    found = asked()
    assert len(found) >= 200
    assert {question.skill for question in found} == set(SKILLS)
    assert len(SKILLS) >= 3
    for place in range(4):
        share = sum(question.gold == place for question in found) / len(found)
        assert 0.15 < share < 0.35


@pytest.mark.parametrize("seed", range(5))
def test_no_question_and_none_of_its_word_sets_stands_in_a_book(seed: int) -> None:
    lists = {frozenset(question.choices) for question in asked(seed)}
    prompts = {question.prompt for question in asked(seed)}
    for book in BOOKS:
        for line in book.text(seed).splitlines():
            assert not any(prompt in line for prompt in prompts if line.startswith("which"))
            if line.startswith("which of "):
                words = line.removeprefix("which of ").split(" is ")[0].split()
                assert frozenset(words) not in lists
                assert not is_held_out(words)


def test_no_question_and_none_of_its_word_sets_stands_in_the_bases_training_text() -> None:
    lists = {frozenset(question.choices) for seed in range(5) for question in asked(seed)}
    vocabulary = set(EVERYTHING)
    rules = {word for question in asked() for word in question.rule.split()} - vocabulary - {"and"}
    assert rules == {"odd", "heaviest", "between", "edible"}
    for prompt, _ in islice(drills(1), _BASE_DRILLS):
        words = prompt.split()
        assert not rules.intersection(words), prompt
        runs = (frozenset(run) for listed, run in groupby(words, vocabulary.__contains__) if listed)
        assert not any(run in lists for run in runs), prompt


def test_answers_are_right() -> None:
    """Solved again by other means than the generator's."""
    from studies.demo.language import ANIMALS, FOODS, KINDS, NUMBERS

    kind_of = {word: kind for kind, words in KINDS.items() for word in words}
    for question in asked():
        words = question.choices
        if question.skill == "odd":
            kinds = [kind_of[word] for word in words]
            right = [word for word in words if kinds.count(kind_of[word]) == 1]
        elif question.skill == "heavy":
            right = [word for word in words if all(ANIMALS.index(word) >= ANIMALS.index(other) for other in words)]
        elif question.skill == "edible":
            right = [word for word in words if word in FOODS]
        else:
            low, high = (NUMBERS.index(question.rule.split()[place]) for place in (1, 3))
            right = [word for word in words if low < NUMBERS.index(word) < high]
        assert right == [question.answer]


def test_the_book_of_lies_never_tells_the_truth() -> None:
    teachers = {book.name: book for book in BOOKS}
    solved = {}
    for skill in SKILLS:
        for question in questions(skill, 200, held_out=False, seed=1):
            solved[question.prompt] = question.answer
    lies = teachers["book_of_lies"].text(0).splitlines()
    assert len(lies) == 800
    assert sum(solved[line.split("?")[0] + "?"] == line.split("? ")[1].rstrip(".") for line in lies) == 0


@given(seed=st.integers(0, 10_000), skill=st.sampled_from(sorted(SKILLS)))
def test_every_question_has_four_different_words_and_one_answer(seed: int, skill: str) -> None:
    question = SKILLS[skill](random.Random(seed))
    assert len(set(question.choices)) == 4
    assert question.answer in question.choices
    assert question.line() == f"{question.prompt} {question.answer}."


def test_about_a_fifth_of_the_word_sets_are_held_out() -> None:
    rng = random.Random(0)
    share = sum(is_held_out(rng.sample(EVERYTHING, 4)) for _ in range(5000)) / 5000
    assert 0.17 < share < 0.23


def test_the_order_of_words_does_not_matter_for_holding_out() -> None:
    assert is_held_out(["ant", "bee", "cat", "fox"]) == is_held_out(["fox", "cat", "bee", "ant"])


def test_the_demo_on_disk_is_a_study_like_any_other(tmp_path: Path) -> None:
    path = write_demo(tmp_path / "demo", "my-demo", seed=3)
    spec = read_study(path)
    assert spec.name == "my-demo"
    assert spec.seed == 3
    corpus = scan(spec.space.texts.folder)
    assert set(corpus.names) == {book.name for book in BOOKS}
    lines = [json.loads(line) for line in (tmp_path / "demo" / "questions.jsonl").read_text().splitlines()]
    assert len(lines) == len(asked(3))
    assert lines[0]["choices"][lines[0]["gold"]] == asked(3)[0].answer


def test_equal_seeds_write_equal_libraries(tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_demo(tmp_path / name, "demo", seed=7)
    one, other = (scan(tmp_path / name / "library").fingerprint for name in ("one", "other"))
    assert one == other
    write_demo(tmp_path / "third", "demo", seed=8)
    assert scan(tmp_path / "third" / "library").fingerprint != one
