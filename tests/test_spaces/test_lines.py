"""Lines of .jsonl files: the public forms that are read, and what is refused with its line and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaces.corpus import lines_of
from spaces.corpus.lines import FORMS, parse_lines
from spaces.errors import LineError

ASKED = {"role": "user", "content": "Who flies?"}
SAID = {"role": "assistant", "content": "Bees."}
PATH = Path("a.jsonl")


def read(record: Any) -> list[tuple[str, str]]:
    (line,) = parse_lines(PATH, json.dumps(record))
    return [(turn.role, turn.content) for turn in line.messages]


def refused(record: Any) -> LineError:
    """The error about a record on line 2."""
    with pytest.raises(LineError) as caught:
        list(parse_lines(PATH, '{"text": "fine"}\n' + json.dumps(record)))
    assert (caught.value.path, caught.value.line) == (PATH, 2)
    assert "line 2" in str(caught.value)
    return caught.value


PARTS = [{"type": "text", "text": "Who "}, {"type": "text", "text": "flies?"}]


@pytest.mark.parametrize(
    "record",
    [
        {"messages": [ASKED, SAID]},
        {"messages": [{"role": "user", "content": PARTS}, SAID], "id": 7},
        {"prompt": "Who flies?", "completion": "Bees."},
        {"prompt": [ASKED], "completion": [SAID]},
        {"instruction": "Who flies?", "input": "", "output": "Bees."},
        {"instruction": "Who flies?", "output": "Bees."},
        {"conversations": [{"from": "human", "value": "Who flies?"}, {"from": "gpt", "value": "Bees."}]},
        {"conversations": [ASKED, SAID]},
        {"text": "", "messages": [ASKED, SAID]},
        {"text": None, "messages": [ASKED, SAID]},
        {"prompt": "Who flies?", "messages": [ASKED, SAID]},
        {"messages": [], "prompt": "Who flies?", "completion": "Bees."},
    ],
)
def test_public_forms_become_the_same_dialogue(record: Any) -> None:
    assert read(record) == [("user", "Who flies?"), ("assistant", "Bees.")]


def test_an_input_stands_below_its_instruction() -> None:
    record = {"instruction": "Name the one that flies.", "input": "bees, ants", "output": "Bees."}
    assert read(record)[0] == ("user", "Name the one that flies.\n\nbees, ants")


def test_a_system_text_beside_the_turns_is_the_first_turn() -> None:
    turns = [{"from": "human", "value": "Who flies?"}, {"from": "gpt", "value": "Bees."}]
    assert read({"conversations": turns, "system": "Be brief."})[0] == ("system", "Be brief.")
    both = [{"role": "system", "content": "Be long."}, ASKED, SAID]
    error = refused({"messages": both, "system": "Be brief."})
    assert (error.field, error.code) == ("system", "system-unusable")


TOOL = {"type": "function", "function": {"name": "weigh", "description": "Weighs."}}
CALL = {"id": "1", "type": "function", "function": {"name": "weigh", "arguments": {"what": "honey"}}}
CALLED = {"role": "assistant", "content": None, "reasoning_content": "I must weigh it.", "tool_calls": [CALL]}


def test_what_stands_in_a_turn_is_kept_and_can_be_read() -> None:
    result = {"role": "tool", "name": "weigh", "tool_call_id": "1", "content": "12 g"}
    record = {"messages": [ASKED, CALLED, result, {**SAID, "thinking": "Light."}], "tools": json.dumps([TOOL])}
    (line,) = parse_lines(PATH, json.dumps(record))
    assert line.tools == (TOOL,)
    asked, called, weighed, said = (turn.message() for turn in line.messages)
    assert asked == ASKED
    assert called == {**CALLED, "content": ""}
    assert weighed == result
    assert said["reasoning_content"] == "Light."
    for words in ("Who flies?", "I must weigh it.", "weigh", "honey", "12 g", "Light.", "Bees.", "Weighs."):
        assert words in line.text


def test_arguments_are_objects_or_json_as_a_template_wants_them() -> None:
    as_json = {"type": "function", "function": {"name": "weigh", "arguments": '{"what": "honey"}'}}
    for call in (CALL, as_json):
        (line,) = parse_lines(PATH, json.dumps({"messages": [ASKED, {**CALLED, "tool_calls": [call]}]}))
        turn = line.messages[1]
        assert turn.message()["tool_calls"][0]["function"]["arguments"] == {"what": "honey"}
        assert turn.message(objects=False)["tool_calls"][0]["function"]["arguments"] == '{"what": "honey"}'


def _turns(**changes: Any) -> dict[str, Any]:
    """A dialogue whose answer is changed."""
    return {"messages": [ASKED, {**SAID, **changes}]}


IMAGE = {"type": "image_url", "image_url": {"url": "a.png"}}


@pytest.mark.parametrize(
    ("record", "field", "code"),
    [
        ({"text": 3}, "text", "not-text"),
        ({"text": None}, "text", "not-text"),
        ({"messages": []}, "messages", "turns-empty"),
        ({"messages": "a"}, "messages", "turns-not-list"),
        ({"messages": [3]}, "messages.0", "turn-not-object"),
        ({"messages": [ASKED]}, "messages.0", "last-turn-not-answer"),
        ({"messages": [SAID, ASKED]}, "messages.1", "last-turn-not-answer"),
        (_turns(content=None), "messages.1.content", "content-not-text"),
        (_turns(content=3), "messages.1.content", "content-not-text"),
        (_turns(content=""), "messages.1", "answer-empty"),
        (_turns(content="\n", reasoning_content="It flies."), "messages.1", "answer-empty"),
        (_turns(content=[*PARTS, IMAGE]), "messages.1.content.2", "part-not-text"),
        (_turns(role="asistant"), "messages.1.role", "role-unknown"),
        (_turns(role=None), "messages.1.role", "role-missing"),
        (_turns(reasoning=3), "messages.1.reasoning", "reasoning-not-text"),
        (_turns(reasoning_content="a", thinking="b"), "messages.1.thinking", "reasoning-ambiguous"),
        (_turns(tool_calls="weigh"), "messages.1.tool_calls", "calls-not-list"),
        (_turns(tool_calls=[CALL, {"function": {}}]), "messages.1.tool_calls.1", "call-incomplete"),
        (_turns(function_call={"name": "weigh"}), "messages.1.function_call", "function-call-unread"),
        (_turns(weight=0.5), "messages.1.weight", "weight-not-0-or-1"),
        (_turns(weight=0), "messages.1", "nothing-learned"),
        ({"messages": [ASKED, {"role": "user", "content": None}, SAID]}, "messages.1.content", "content-not-text"),
        ({**_turns(), "tools": "none"}, "tools", "tools-not-list"),
        ({**_turns(), "tools": ["weigh"]}, "tools", "tools-not-list"),
        ({"prompt": "a", "completion": 3}, "completion", "not-text"),
        ({"prompt": "a", "completion": ""}, "completion", "answer-empty"),
        ({"prompt": [ASKED], "completion": "b"}, "prompt", "not-text"),
        ({"prompt": [], "completion": [SAID]}, "prompt", "turns-empty"),
        ({"prompt": [ASKED], "completion": []}, "completion", "turns-empty"),
        ({"prompt": [ASKED], "completion": [ASKED]}, "completion.0", "last-turn-not-answer"),
        ({"instruction": "a", "input": 3, "output": "b"}, "input", "not-text"),
        ({"instruction": "a", "output": "b", "history": [["c", "d"]]}, "history", "history-unread"),
        ({"conversations": [{"from": "bee", "value": "a"}]}, "conversations.0.from", "role-unknown"),
        ({"conversations": [{"from": "gpt"}]}, "conversations.0.value", "content-not-text"),
        ({"text": "a", "messages": [ASKED, SAID]}, "messages", "forms-two"),
        ({"messages": [ASKED, SAID], "prompt": "a", "completion": "b"}, "completion", "forms-two"),
        ({"txt": "a"}, "", "form-unknown"),
        ({"prompt": "a"}, "", "form-unknown"),
        ({}, "", "form-unknown"),
        ([1], "", "line-not-object"),
        (None, "", "line-not-object"),
    ],
)
def test_what_is_refused_names_its_line_and_field(record: Any, field: str, code: str) -> None:
    error = refused(record)
    assert (error.field, error.code) == (field, code)


def test_a_line_of_no_form_is_told_of_every_form() -> None:
    error = str(refused({"txt": "a", "id": 3}))
    for form in FORMS:
        for field in form.fields:
            assert f"`{field}`" in error
    assert "txt, id" in error
    assert "'text'" in error
    assert "completion" in str(refused({"prompt": "a"}))


def test_two_forms_in_one_line_are_both_named() -> None:
    error = str(refused({"text": "a", "messages": [ASKED, SAID]}))
    assert "`text`" in error
    assert "`messages`" in error


def test_a_field_that_stands_twice_is_refused() -> None:
    with pytest.raises(LineError) as caught:
        list(parse_lines(PATH, '{"text": "a", "text": "b"}'))
    assert (caught.value.line, caught.value.field, caught.value.code) == (1, "text", "field-twice")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(tmp_path: Path, end: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(end.join(['{"text": "one\u2028more"}', "", '{"text": "two"}', '{"txt": ""}']).encode())
    with pytest.raises(LineError) as caught:
        lines_of(path)
    assert (caught.value.line, caught.value.code) == (4, "form-unknown")
    path.write_bytes(end.join(['{"text": "one\u2028more"}', "", '{"text": "two"}']).encode())
    assert [(line.number, line.text) for line in lines_of(path)] == [(1, "one\u2028more"), (3, "two")]


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.text(max_size=4)
    | st.sampled_from(["user", "assistant", "gpt"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([field for form in FORMS for field in form.fields])
            | st.sampled_from(["role", "content", "from", "value", "tool_calls", "tools", "type", "function", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(record=_JSON)
def test_a_line_is_read_or_refused_whatever_it_holds(record: Any) -> None:
    try:
        (line,) = parse_lines(PATH, json.dumps(record))
    except LineError:
        return
    assert not line.messages or line.messages[-1].is_learned


@pytest.mark.parametrize(
    ("record", "field", "code"),
    [
        (
            {"prompt": "a", "completion": "b", "reasoning_content": "c"},
            "reasoning_content",
            "field-not-read-beside-turns",
        ),
        ({"instruction": "a", "output": "b", "thinking": "c"}, "thinking", "field-not-read-beside-turns"),
        ({"prompt": "a", "completion": "b", "system_prompt": "c"}, "system_prompt", "field-not-read-beside-turns"),
        (
            {"prompt": "a", "completion": "b", "tool_calls": [{"function": {"name": "f"}}]},
            "tool_calls",
            "field-not-read-beside-turns",
        ),
        (
            {"conversations": [{"from": "gpt", "value": "b"}], "reasoning": "c"},
            "reasoning",
            "field-not-read-beside-turns",
        ),
    ],
)
def test_what_belongs_into_a_turn_is_not_lost_beside_it(record: dict[str, Any], field: str, code: str) -> None:
    error = refused(record)
    assert (error.field, error.code) == (field, code)


def test_alpaca_with_its_rendering_is_alpaca() -> None:
    """The hub's copy has a fourth field, `text`, with the other three written out."""
    record = {"instruction": "Add.", "input": "1 and 2", "output": "3", "text": "### Add.\n1 and 2\n### 3"}
    (line,) = parse_lines(Path("x.jsonl"), json.dumps(record))
    assert [turn.content for turn in line.messages] == ["Add.\n\n1 and 2", "3"]
    assert refused({**record, "text": "something else"}).code == "forms-two"


def test_a_turn_that_is_not_to_be_trained_on_is_read() -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "train": False}]
    more = [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d", "thought": "e"}]
    (line,) = parse_lines(Path("x.jsonl"), json.dumps({"messages": [*turns, *more]}))
    assert [turn.is_learned for turn in line.messages] == [False, False, False, True]
    assert line.messages[3].reasoning == "e"
