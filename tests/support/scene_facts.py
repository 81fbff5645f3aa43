"""Facts of the shipped scenes, read off their text alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from objectives.scenes.spec import ChoicePrompt
from tests.support.scene_solver import UnsolvedError, only

_MONTHS = (
    "January February March April May June July August September October November December".split(),
    "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь".split(),
)
_PLACE = r"(?:in|at|by|on|under|near) the \w+"
_WHERE = r"(?:в|во|на|у|под) \w+"

_TWO = r"\w+ (?:and|или) \w+"

_FACTS: dict[str, list[str]] = {
    "older": [
        r"(?P<old>\w+) is older than (?P<young>\w+)",
        r"(?P<young>\w+) is younger than (?P<old>\w+)",
        r"(?P<old>\w+) was born before (?P<young>\w+)",
        r"(?P<young>\w+) came into the world long after (?P<old>\w+)",
        r"(?P<old>\w+) старше, чем (?P<young>\w+)",
        r"(?P<young>\w+) моложе, чем (?P<old>\w+)",
        r"(?P<old>\w+) живёт на свете дольше, чем (?P<young>\w+)",
        r"(?P<young>\w+) живёт на свете меньше лет, чем (?P<old>\w+)",
    ],
    "gift": [
        r"(?P<giver>\w+) gave the (?P<thing>\w+) to (?P<taker>\w+)",
        r"(?P<taker>\w+) got the (?P<thing>\w+) from (?P<giver>\w+)",
        r"The (?P<thing>\w+) came to (?P<taker>\w+) as a gift from (?P<giver>\w+)",
        r"(?P<giver>\w+) handed (?P<taker>\w+) the (?P<thing>\w+) and went home without it",
        r"(?P<giver>\w+) отдаёт (?P<thing>\w+), и (?P<taker>\w+) берёт его себе",
        r"(?P<taker>\w+) получает (?P<thing>\w+): его дарит (?P<giver>\w+)",
        r"(?P<giver>\w+) приносит (?P<thing>\w+) и дарит его, а (?P<taker>\w+) принимает подарок",
        r"(?P<thing>\w+) лежит в сумке, которую (?P<taker>\w+) берёт, а (?P<giver>\w+) отдаёт",
    ],
    "place": [
        rf"(?P<person>\w+) left the (?P<thing>\w+) (?P<lies>{_PLACE}) and is now (?P<sits>{_PLACE})",
        rf"The (?P<thing>\w+) lies (?P<lies>{_PLACE}), while (?P<person>\w+) sits (?P<sits>{_PLACE})",
        rf"The (?P<thing>\w+) stayed (?P<lies>{_PLACE}), while (?P<person>\w+) walked on and is now (?P<sits>{_PLACE})",
        rf"(?P<thing>\w+) лежит (?P<lies>{_WHERE}), а (?P<person>\w+) сидит (?P<sits>{_WHERE})",
        rf"(?P<person>\w+) сейчас (?P<sits>{_WHERE}), а (?P<thing>\w+) остался (?P<lies>{_WHERE})",
        rf"(?P<thing>\w+) остался (?P<lies>{_WHERE}), (?:потому что|а) (?P<person>\w+) теперь (?P<sits>{_WHERE})",
    ],
    "sum": [
        r"(?P<person>\w+) had (?P<a>\d+) coins and found (?P<b>\d+) more",
        r"(?P<person>\w+) has (?P<a>\d+) coins and (?P<other>\w+) has (?P<b>\d+)",
        r"(?P<a>\d+) \+ (?P<b>\d+)",
        r"From a bag of coins (?P<person>\w+) took (?P<a>\d+), then (?P<b>\d+), and it was empty",
        r"В кармане было монет: (?P<a>\d+)\. Потом в него положили ещё: (?P<b>\d+)",
        r"У одного монет (?P<a>\d+), у другого (?P<b>\d+)",
        r"Из мешка взяли монет сначала (?P<a>\d+), потом (?P<b>\d+), и он опустел",
    ],
    "month": [
        r"This month is (?P<month>\w+)",
        r"If last month was (?P<month>\w+)",
        r"In the calendar, the month that comes right after (?P<month>\w+)",
        r"(?P<person>\w+) left on the last day of (?P<month>\w+) and came home on the next day",
        r"Сейчас (?P<month>\w+)",
        r"Если прошлый месяц — (?P<month>\w+)",
        r"В календаре сразу за месяцем «(?P<month>\w+)»",
        r"Кончается месяц (?P<month>\w+)",
    ],
}

_QUESTIONS: dict[str, dict[str, list[str]]] = {
    "older": {
        "old": [
            "The older of the two is",
            "Старше из них двоих",
            rf"Of {_TWO}, the older one is",
            rf"Если сравнить, кто старше, {_TWO}, то старше",
        ],
        "young": [
            "The younger of the two is",
            "Моложе из них двоих",
            rf"Of {_TWO}, the younger one is",
            rf"Если сравнить, кто моложе, {_TWO}, то моложе",
        ],
    },
    "gift": {
        "taker": [
            r"The one who has (?:it|the (?P<thing>\w+)) now is",
            r"Теперь (?P<thing>\w+) держит",
        ],
        "giver": [
            r"The one who has (?:it|the (?P<thing>\w+)) no more is",
            "The one who left without it is",
            "Без подарка уходит",
            "Без сумки уходит",
        ],
    },
    "place": {
        "lies": [r"The (?P<thing>\w+) is", r"Значит, (?P<thing>\w+) —", r"Сейчас (?P<thing>\w+)"],
        "sits": [r"(?P<person>\w+) is", r"Значит, (?P<person>\w+) —", r"Сейчас (?P<person>\w+)"],
    },
    "sum": {
        "total": [
            r"The number of coins that (?P<person>\w+) has is",
            "Together the number of their coins is",
            "The number of coins in it had been",
            "=",
            "Всего монет стало",
            "Вместе у них монет",
            "Всего в мешке было монет",
        ]
    },
    "month": {
        "next": [
            "The next month will be",
            "then this month is",
            "is",
            "By then it was",
            "Следующий месяц —",
            "то этот месяц —",
            "стоит",
            "Завтра начнётся",
        ]
    },
}


@dataclass(frozen=True)
class Fact:
    """A fact, who and what takes part in it, and the part that is asked for."""

    parts: Mapping[str, str]
    asked: str

    @property
    def answer(self) -> str:
        return self.parts[self.asked]

    def affairs(self, choices: list[str]) -> list[str]:
        """The fact by every choice, whichever of its two parts is asked for."""
        return choices if self.asked in {"old", "taker", "lies", "total", "next"} else choices[::-1]


def _following(name: str, calendar: tuple[list[str], ...]) -> str:
    year = only([names for names in calendar if name in names], name)
    return year[(year.index(name) + 1) % len(year)]


def _derived(kind: str, parts: dict[str, str]) -> dict[str, str]:
    if kind == "sum":
        return {**parts, "total": str(int(parts["a"]) + int(parts["b"]))}
    return {**parts, "next": _following(parts["month"], _MONTHS)} if kind == "month" else parts


def fact(kind: str, text: str) -> Fact:
    """Statement and question of a wording, by itself."""
    found = []
    for stated in _FACTS[kind]:
        if begun := re.match(stated, text):
            rest, parts = text[begun.end() :].strip("., "), _derived(kind, begun.groupdict())
            for asked, form in [(asked, form) for asked, forms in _QUESTIONS[kind].items() for form in forms]:
                question = re.fullmatch(form, rest)
                if question and all(
                    value is None or parts[name].lower() == value.lower()
                    for name, value in question.groupdict().items()
                ):
                    found.append(Fact(parts, asked))
    return only(found, text)


def mistakes_in_wording(kind: str, asked: ChoicePrompt) -> list[str]:
    try:
        solved = fact(kind, asked.prompt).answer
    except UnsolvedError as error:
        return [str(error)]
    return [] if solved == asked.answer else [f"{solved!r}, not {asked.answer!r}: {asked.prompt}"]
