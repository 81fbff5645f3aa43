"""The second solver of the scenes itself: questions with known answers, and answers that it must reject."""

from __future__ import annotations

import pytest

from objectives.scenes import SHIPPED
from objectives.scenes.files import scenes_in
from objectives.scenes.spec import ChoicePrompt, ConsistencyScene, DepthScene
from tests.support.scene_facts import fact, mistakes_in_wording
from tests.support.scene_solver import mistakes_in_step

TWICE = "A has the hat. B has the cup. A and B swap what they have. B and A swap what they have. Now A has the"
KNOWN_STEPS = [
    ("order", 2, "Ann is taller than Bob. Cid is shorter than Bob. Of Cid and Ann, the shorter one is", "Cid", "Ann"),
    ("order", 1, "Яна ниже, чем Олег. Если сравнить, кто выше, Яна или Олег, то выше", "Олег", "Яна"),
    ("rules", 2, "Every ab is wet. Every cd is an ab. Every ef is dry. Tom is a cd. So Tom is", "wet", "dry"),
    ("rules", 1, "Каждый аб — сухой. Каждый вг — мокрый. Том — это аб. Значит, Том —", "сухой", "мокрый"),
    ("swaps", 2, TWICE, "hat", "cup"),
    ("swaps", 1, "А держит шар. Б держит меч. А и Б меняются вещами. Теперь А держит", "меч", "шар"),
    ("sums", 3, "Start with 4. Add 3. Take away 2. Add 9. The number is now", "14", "13"),
    ("sums", 1, "Возьми число 4. Отними 3. Теперь это число", "1", "7"),
    ("turns", 2, "Otto faces north. He turns left. He turns around. Now he faces", "east", "west"),
    ("turns", 1, "Отто смотрит на юг. Он поворачивается направо. Теперь он смотрит на", "запад", "восток"),
]
KNOWN_WORDINGS = [
    ("older", "Bob is younger than Ann. The older of the two is", "Ann", "Bob"),
    ("older", "Олег живёт на свете дольше, чем Яна. Моложе из них двоих", "Яна", "Олег"),
    ("gift", "Ann got the hat from Bob. The one who has it no more is", "Bob", "Ann"),
    ("gift", "Олег отдаёт меч, и Яна берёт его себе. Теперь меч держит", "Яна", "Олег"),
    ("place", "The hat lies on the roof, while Ann sits at the mill. Ann is", "at the mill", "on the roof"),
    ("place", "Олег сейчас в саду, а меч остался на крыше. Сейчас меч", "на крыше", "в саду"),
    ("sum", "From a bag of coins Ann took 3, then 9, and it was empty. The number of coins in it had been", "12", "11"),
    ("sum", "У одного монет 7, у другого 8. Вместе у них монет", "15", "78"),
    ("month", "If last month was December, then this month is", "January", "November"),
    ("month", "Кончается месяц декабрь. Завтра начнётся", "январь", "ноябрь"),
]
UNANSWERABLE = {
    "nothing-joins-them": (
        "order",
        "Ann is taller than Bob. Cid is taller than Bob. Of Ann and Cid, the taller one is",
    ),
    "a-circle": ("order", "Ann is older than Cid. Cid is older than Ann. Of Ann and Cid, the older one is"),
    "two-ways-to-it": (
        "order",
        "Ann is older than Bob. Bob is older than Cid. Ann is older than Cid. Of Ann and Cid, the older one is",
    ),
    "both-follow": ("rules", "Every ab is Ann. Every ab is Cid. Tom is a ab. So Tom is"),
    "unknown-words": ("sums", "Start with 4. Double it. The number is now"),
}


@pytest.mark.parametrize(("kind", "steps", "prompt", "right", "wrong"), KNOWN_STEPS)
def test_steps_solved_by_hand(kind: str, steps: int, prompt: str, right: str, wrong: str) -> None:
    choices = [wrong, right]
    assert mistakes_in_step(kind, steps, ChoicePrompt(prompt=prompt, choices=choices, answer=right)) == []
    assert mistakes_in_step(kind, steps + 1, ChoicePrompt(prompt=prompt, choices=choices, answer=right)) != []
    assert mistakes_in_step(kind, steps, ChoicePrompt(prompt=prompt, choices=choices, answer=wrong)) != []


@pytest.mark.parametrize(("kind", "prompt", "right", "wrong"), KNOWN_WORDINGS)
def test_wordings_solved_by_hand(kind: str, prompt: str, right: str, wrong: str) -> None:
    assert mistakes_in_wording(kind, ChoicePrompt(prompt=prompt, choices=[right, wrong], answer=right)) == []
    assert mistakes_in_wording(kind, ChoicePrompt(prompt=prompt, choices=[right, wrong], answer=wrong)) != []


@pytest.mark.parametrize(("kind", "prompt"), UNANSWERABLE.values(), ids=UNANSWERABLE)
def test_a_question_without_one_answer_is_noticed(kind: str, prompt: str) -> None:
    assert mistakes_in_step(kind, 1, ChoicePrompt(prompt=prompt, choices=["Ann", "Cid"], answer="Ann")) != []


def test_every_changed_answer_of_the_shipped_scenes_is_noticed() -> None:
    for scene in scenes_in(list(SHIPPED)).values():
        steps = scene.steps if isinstance(scene, DepthScene) else []
        wordings = scene.wordings if isinstance(scene, ConsistencyScene) else []
        for number, asked in enumerate(steps, 1):
            for changed in _changed(asked):
                assert mistakes_in_step(scene.kind, number, changed) != [], changed.prompt
        for changed in (changed for asked in wordings for changed in _changed(asked)):
            assert mistakes_in_wording(scene.kind, changed) != [], changed.prompt


def _changed(asked: ChoicePrompt) -> list[ChoicePrompt]:
    return [asked.model_copy(update={"answer": choice}) for choice in asked.choices if choice != asked.answer]


def test_swapped_choices_of_one_wording_no_longer_stand_for_the_same() -> None:
    older = fact("older", "Ann is older than Bob. The older of the two is")
    younger = fact("older", "Bob is younger than Ann. The younger of the two is")
    assert older.affairs(["Ann", "Bob"]) == younger.affairs(["Bob", "Ann"]) != younger.affairs(["Ann", "Bob"])
