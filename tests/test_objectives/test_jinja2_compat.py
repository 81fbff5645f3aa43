"""Private names of Jinja that `objectives.jinja2_compat` uses still exist and do what they did."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment

from objectives.jinja2_compat import FinalizingCodeGenerator, attribute_of


class Looking(Environment):
    code_generator_class = FinalizingCodeGenerator


def test_parts_are_looked_at_before_they_are_joined() -> None:
    seen: list[Any] = []

    def look(value: Any) -> Any:
        seen.append(value)
        return value

    environment = Looking(finalize=look)
    assert environment.from_string("{{ word ~ number }}").render(word="ant", number=3) == "ant3"
    assert 3 in seen, "Jinja no longer builds `~` by `CodeGenerator.visit_Concat`: null would be written as None"


def test_attributes_are_found_as_jinjas_filters_find_them() -> None:
    found = attribute_of(Environment(), "leg.count")
    assert found({"leg": {"count": 6}}) == 6
    assert attribute_of(Environment(), 1)(["ant", "bee"]) == "bee"
