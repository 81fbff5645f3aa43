"""The family of tasks of `make t2l`, and the whole comparison on a few of them with hardly any training."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from objectives.text_to_lora.training import Recipe
from studies.demo.language import is_held_out
from tests.benchmarks.t2l import compression, page, rivals, world
from tests.benchmarks.t2l.family import TaskFamily, family

pytestmark = [pytest.mark.torch, pytest.mark.benchmarks]

SHORT = Recipe(steps=2, tasks=2, examples=2, warmup=1)
LEARNS = Recipe(steps=40, examples=8, learning_rate=5e-3, warmup=5)
"""Long enough for adapters that gain something over the base, of which the networks keep a share."""


@pytest.mark.parametrize("task", family(), ids=lambda task: task.name)
def test_questions_have_one_right_answer_and_none_is_in_both_parts(task: TaskFamily) -> None:
    learned, asked = (task.questions(60, asked=asked, seed=0) for asked in (False, True))
    assert not {frozenset(each.words) for each in learned} & {frozenset(each.words) for each in asked}
    assert all(is_held_out(each.words) for each in asked)
    for question in (*learned, *asked):
        assert len(set(question.words)) == 4
        assert question.prompt == f"which of {' '.join(question.words)} is any?", "the prompt tells nothing"
        assert question.answer == f" {question.words[question.gold]}"


_RIGHT = {"first_of": (1 / 2, 1 / 3, 1 / 6, 0), "final_of": (0, 1 / 6, 1 / 3, 1 / 2)}
"""Chance, for two words among four in random order, that the first or the last of the two stands at each place."""


@pytest.mark.parametrize("task", [each for each in family() if each.kind != "place"], ids=lambda task: task.name)
def test_places_are_right_as_often_as_chance_has_it(task: TaskFamily) -> None:
    number = 300
    right = [each.gold for each in task.questions(number, asked=False, seed=0)]
    for place, share in enumerate(_RIGHT.get(task.name.rpartition("_")[0], (1 / 4,) * 4)):
        assert abs(right.count(place) - number * share) <= 4 * math.sqrt(number * share * (1 - share))


def test_tasks_differ_and_some_of_every_kind_are_held_out() -> None:
    tasks = family()
    assert len(tasks) >= 24
    assert len({task.name for task in tasks}) == len(tasks)
    assert len({text for task in tasks for text in task.descriptions}) == 3 * len(tasks)
    kinds = {task.kind for task in tasks}
    assert {task.kind for task in tasks if task.held_out} == kinds
    assert all(sum(task.kind == kind and not task.held_out for task in tasks) >= 4 for kind in kinds)
    rng = random.Random(0)
    heaviest = next(task for task in tasks if task.name == "animal_top")
    words, right = heaviest.draw(rng)
    assert right == max(
        words, key="ant bee moth frog mouse sparrow rabbit cat fox goat wolf pig lion horse bison whale".index
    )


def test_the_comparison_runs_and_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = [task for task in family() if task.kind in ("order", "pick")]
    for module in (world, page):
        monkeypatch.setattr(module, "family", lambda: few)
    monkeypatch.setattr(world, "ASKED", 10)
    monkeypatch.setattr(world, "LEARNED", 40)
    monkeypatch.setattr(compression, "NUMBERS", (2, 4))
    monkeypatch.setattr(page, "NUMBERS", (2, 4))
    for name in ("ORACLE", "TOGETHER", "END_TO_END", "RECONSTRUCTION"):
        monkeypatch.setattr(rivals, name, SHORT)
    monkeypatch.setattr(compression, "ORACLE", LEARNS)
    monkeypatch.setattr(compression, "RECONSTRUCTION", SHORT)
    found, held = rivals.all_rivals(0), compression.compressed(0)
    assert set(found.accuracies) >= {"base", "average LoRA", "T2L S, end to end", "a LoRA for each task (oracle)"}
    assert all(len(each) == len(few) for each in found.accuracies.values())
    assert [(each.head, each.number) for each in held] == [(head, number) for head in "LMS" for number in (2, 4)]
    page.write(tmp_path, [found, found], [held, held], 1.0)
    written = (tmp_path / "text_to_lora_results.md").read_text()
    assert "| T2L L | 55," in written
    assert (tmp_path / "pictures" / "t2l-adapters.png").stat().st_size > 10_000
