"""The shipped scenes, solved a second time: from their text alone, and by other means than those that made them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest

from objectives.scenes.files import scenes_in
from objectives.scenes.spec import (
    ChoicePrompt,
    CompletionScene,
    CompressionScene,
    ConsistencyScene,
    DepthScene,
    PressureScene,
    Scene,
)
from tests.support.scene_facts import fact, mistakes_in_wording
from tests.support.scene_solver import DEPTH, mistakes_in_step, only

_SCENE = TypeVar("_SCENE", DepthScene, ConsistencyScene, PressureScene, CompletionScene, CompressionScene)

FACTS = ["older", "gift", "place", "sum", "month"]
KINDS = {
    "depth": list(DEPTH),
    "consistency": FACTS,
    "pressure": FACTS,
    "completion": ["errand", "drought", "secret", "alone", "choice"],  # in both languages
    "compression": ["even", "multiples", "down", "repeat", "days", "definition"],
}
ONLY_ENGLISH = {("completion", kind) for kind in ("letter", "silence", "fever", "trade", "search")}
FEWEST = {"english": 40, "russian": 8}
_DAYS = (
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "понедельник вторник среда четверг пятница суббота воскресенье".split(),
)


def _span(first: str, last: str) -> range:
    return range(int(first), int(last) + 1)


def _days(first: str, last: str) -> list[str]:
    twice = only([week for week in _DAYS if first in week], first) * 2
    begin = twice.index(first)
    return twice[begin : twice.index(last, begin) + 1]


_EXPANDED: dict[str, dict[str, Callable[..., str]]] = {
    "even": {
        r"(?:The even numbers from|Чётные числа от) (\d+) (?:to|до) (\d+)\.": lambda first, last: ", ".join(
            str(number) for number in _span(first, last) if number % 2 == 0
        )
    },
    "multiples": {
        r"The multiples of (\d+) from (\d+) to (\d+)\.": lambda step, first, last: ", ".join(
            str(number) for number in _span(first, last) if number % int(step) == 0
        ),
        r"Числа от (\d+) до (\d+) с шагом (\d+)\.": lambda first, last, step: ", ".join(
            str(number) for number in _span(first, last) if (number - int(first)) % int(step) == 0
        ),
    },
    "down": {
        r"(?:Counting down from|Обратный счёт от) (\d+) (?:to|до) (\d+)\.": lambda first, last: ", ".join(
            str(number) for number in sorted(_span(last, first), reverse=True)
        )
    },
    "repeat": {
        r'The word "(\w+)", (\d+) times\.': lambda word, times: (f"{word} " * int(times)).strip(),
        r"Слово «(\w+)», повторений (\d+)\.": lambda word, times: (f"{word} " * int(times)).strip(),
    },
    "days": {
        r"The days from (\w+) to (\w+)\.": lambda first, last: ", ".join(_days(first, last)),
        r"Дни недели по порядку, первый(?: —)? (\w+), последний(?: —)? (\w+)\.": lambda first, last: ", ".join(
            _days(first, last)
        ),
    },
}


def expanded(kind: str, short: str) -> str:
    found = [
        expand(*match.groups()) for form, expand in _EXPANDED[kind].items() if (match := re.fullmatch(form, short))
    ]
    return only(found, short)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def every(quality: str, but: str = "") -> pytest.MarkDecorator:
    cases = [(language, kind) for language in FEWEST for kind in KINDS[quality] if kind != but]
    cases += [("english", kind) for name, kind in sorted(ONLY_ENGLISH) if name == quality]
    names = [f"{language}-{quality}-{kind}" for language, kind in cases]
    return pytest.mark.parametrize(("language", "kind"), cases, ids=names)


def _of(language: str, kind_of_scene: type[_SCENE], kind: str) -> list[_SCENE]:
    found = [scene for scene in scenes_in([language]).values() if isinstance(scene, kind_of_scene)]
    return [scene for scene in found if scene.kind == kind]


@every("depth")
def test_every_step_has_the_recorded_answer_and_takes_as_many_inferences_as_its_number(
    language: str, kind: str
) -> None:
    found = {
        scene.id: [wrong for n, asked in enumerate(scene.steps, 1) for wrong in mistakes_in_step(kind, n, asked)]
        for scene in _of(language, DepthScene, kind)
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@every("consistency")
def test_every_wording_has_the_recorded_answer_by_itself(language: str, kind: str) -> None:
    found = {
        scene.id: [wrong for asked in scene.wordings for wrong in mistakes_in_wording(kind, asked)]
        for scene in _of(language, ConsistencyScene, kind)
    }
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@every("consistency")
def test_a_choice_stands_for_the_same_state_of_affairs_in_every_wording(language: str, kind: str) -> None:
    for scene in _of(language, ConsistencyScene, kind):
        affairs = {tuple(fact(kind, asked.prompt).affairs(asked.choices)) for asked in scene.wordings}
        assert len(affairs) == 1, scene.id


@every("consistency")
def test_the_wordings_of_a_fact_differ(language: str, kind: str) -> None:
    for scene in _of(language, ConsistencyScene, kind):
        assert len({asked.prompt for asked in scene.wordings}) == len(scene.wordings), scene.id


@every("pressure")
def test_the_plain_question_has_the_recorded_answer(language: str, kind: str) -> None:
    for scene in _of(language, PressureScene, kind):
        asked = ChoicePrompt(prompt=scene.plain, choices=scene.choices, answer=scene.answer)
        assert mistakes_in_wording(kind, asked) == [], scene.id


def _pressing(scene: PressureScene, name: str) -> str:
    """Text that a pressed form adds between the facts and the question of the plain one."""
    facts, _, question = scene.plain.rpartition(". ")
    found = re.fullmatch(rf"{re.escape(facts)}\. (.+\.) {re.escape(question)}", scene.pressed[name])
    assert found, (scene.id, scene.pressed[name])
    return found[1]


def _holds(text: str, choice: str) -> bool:
    return re.search(rf"\b{re.escape(choice)}\b", text, re.IGNORECASE) is not None


@every("pressure")
def test_distractors_are_about_nobody_and_nothing_of_the_plain_facts(language: str, kind: str) -> None:
    for scene in _of(language, PressureScene, kind):
        plain = {*fact(kind, scene.plain).parts.values(), *scene.choices}
        about = {word for part in plain for word in words(part)} - set(words("in at by on the в во на"))
        assert not about & set(words(_pressing(scene, "distractors"))), scene.id


@pytest.mark.parametrize("language", FEWEST)
def test_distractors_bring_in_no_other_pair_for_which_the_question_could_be_meant(language: str) -> None:
    poles = set(words("older younger born lived старше моложе дольше"))
    found = {scene.id: _pressing(scene, "distractors") for scene in _of(language, PressureScene, "older")}
    assert {name: text for name, text in found.items() if poles & set(words(text))} == {}


@every("pressure")
@pytest.mark.parametrize("form", ["contradiction", "suggestion"])
def test_a_claim_is_of_a_wrong_answer_and_never_of_the_right_one(language: str, kind: str, form: str) -> None:
    for scene in _of(language, PressureScene, kind):
        claimed = _pressing(scene, form).replace(scene.plain.rpartition(". ")[2], "")  # the question names both
        assert [choice for choice in scene.choices if _holds(claimed, choice)] != [], (scene.id, claimed)
        assert not _holds(claimed, scene.answer), (scene.id, claimed)


def _obeys(scene: CompletionScene, text: str) -> bool:
    written = words(text)
    return (
        scene.min_words <= len(written) <= scene.max_words
        and all(any(word.lower() in written for word in group) for group in scene.includes)
        and all(word.lower() not in written for word in scene.excludes)
        and (not scene.either or sum(word.lower() in written for word in scene.either) == 1)
    )


def _broken(scene: CompletionScene) -> list[str]:
    """Continuations that break one rule each, and the empty one."""
    written = words(scene.example)
    lacking = [[word for word in written if word not in words(" ".join(group))] for group in scene.includes]
    holding = [[*written, word] for word in scene.excludes]
    both = [[*written, *scene.either]] if scene.either else []
    short = written[: scene.min_words - 1]
    long = [*written, *(f"{written[-1]}{number}" for number in range(scene.max_words))]
    return ["", *(" ".join(each) for each in [*lacking, *holding, *both, short, long])]


@every("completion")
def test_the_example_follows_the_rules_and_every_rule_can_be_broken(language: str, kind: str) -> None:
    for scene in _of(language, CompletionScene, kind):
        assert scene.includes, scene.id
        assert _obeys(scene, scene.example), scene.id
        assert [text for text in _broken(scene) if _obeys(scene, text)] == [], scene.id


@pytest.mark.torch
@every("completion")
def test_the_scorer_judges_by_the_rules_alike(language: str, kind: str) -> None:
    from objectives.data.spans import words_of
    from objectives.scenes.rules import follows

    for scene in _of(language, CompletionScene, kind):
        texts = [scene.example, scene.example.upper(), *_broken(scene)]
        judged = {text: follows(scene, words_of(text)) for text in texts}
        assert judged == {text: _obeys(scene, text) for text in texts}, scene.id


@every("compression", but="definition")
def test_the_long_form_is_the_short_one_carried_out(language: str, kind: str) -> None:
    for scene in _of(language, CompressionScene, kind):
        assert expanded(kind, scene.short) == scene.long, scene.id


@pytest.mark.parametrize("language", FEWEST)
def test_a_definition_does_without_the_word_that_it_defines(language: str) -> None:
    for scene in _of(language, CompressionScene, "definition"):
        word = words(scene.short)[-1]
        assert word not in scene.long.lower(), scene.id
        assert len(words(scene.long)) > len(words(scene.short)), scene.id


@pytest.mark.parametrize("language", FEWEST)
def test_there_are_enough_scenes_of_every_quality_and_none_of_a_kind_that_is_not_solved_here(language: str) -> None:
    scenes = scenes_in([language]).values()
    solved = {(name, kind) for name in KINDS for kind in KINDS[name]} | (
        ONLY_ENGLISH if language == "english" else set()
    )
    assert {(scene.quality, scene.kind) for scene in scenes} == solved
    counts = Counter(scene.quality for scene in scenes)
    assert {name: count for name, count in counts.items() if count < FEWEST[language]} == {}


@pytest.mark.parametrize("language", FEWEST)
def test_no_scene_stands_twice(language: str) -> None:
    counts = Counter(scene.model_dump_json(exclude={"id"}) for scene in scenes_in([language]).values())
    assert [content for content, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("language", FEWEST)
def test_the_right_choice_stands_now_here_now_there(language: str) -> None:
    places: dict[tuple[str, int], list[int]] = {}
    for scene in scenes_in([language]).values():
        for asked in _asked(scene):
            places.setdefault((scene.quality, len(asked.choices)), []).append(asked.gold)
    assert {case: gold for case, gold in places.items() if len(set(gold)) == 1} == {}
    depth = places["depth", 2]
    assert 0.2 <= depth.count(0) / len(depth) <= 0.6


def _asked(scene: Scene) -> list[ChoicePrompt]:
    if isinstance(scene, DepthScene):
        return scene.steps
    if isinstance(scene, ConsistencyScene):
        return scene.wordings
    if isinstance(scene, PressureScene):
        return [ChoicePrompt(prompt=scene.plain, choices=scene.choices, answer=scene.answer)]
    return []


def test_russian_scenes_hold_no_latin_letter() -> None:
    shown = {
        name: scene.model_dump_json(exclude={"id", "kind", "quality"}) for name, scene in scenes_in(["russian"]).items()
    }
    fields = r'"\w+":|\bnull\b|\\n'
    assert {name: text for name, text in shown.items() if re.search("[A-Za-z]", re.sub(fields, "", text))} == {}
