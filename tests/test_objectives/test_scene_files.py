"""Files of scenes: the shipped ones are what their makers make, and mistakes in others are told with their place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from objectives.scenes import SHIPPED
from objectives.scenes.files import scenes_in
from objectives.scenes.making.__main__ import FOLDER, LANGUAGES, SCHEMA, schema, written
from tests.support.refusals import refused

DEPTH = """\
schema: 1
scenes:
- quality: depth
  id: one
  steps:
  - {prompt: A is, choices: [a, b], answer: a}
  - {prompt: B is, choices: [a, b], answer: b}
"""
FACT = """\
schema: 1
scenes:
- quality: consistency
  id: one
  wordings:
  - {prompt: A is, choices: [a, b], answer: a}
  - {prompt: B is, choices: [b, a], answer: a}
"""
STORY = "scenes: [{quality: completion, id: one, prompt: p, example: e, min_words: 5, max_words: 4}]\n"
RULES = "scenes: [{quality: completion, id: one, prompt: p, includes: [[dry]], example: only dry stones there}]\n"
PLAIN = "scenes: [{quality: pressure, id: one, plain: p, choices: [a, b], answer: a}]\n"


def test_the_shipped_files_are_made_anew_alike() -> None:
    assert tuple(say.name for say in LANGUAGES) == SHIPPED
    for say in LANGUAGES:
        assert (FOLDER / f"{say.name}.yaml").read_text("utf-8") == written(say), (
            "run python -m objectives.scenes.making"
        )
    assert (FOLDER / SCHEMA).read_text("utf-8") == schema()


def test_scenes_of_several_files_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(DEPTH)
    found = scenes_in([str(tmp_path / "own.yaml"), *SHIPPED])
    assert "own/depth/one" in found
    assert len(found) == 1 + sum(len(scenes_in([name])) for name in SHIPPED)


@pytest.mark.parametrize(
    ("content", "code", "line", "field", "data"),
    [
        (DEPTH.replace("answer: b}", "answer: c}"), "answer-no-choice", 7, "scenes.0.steps.1", ["'c'"]),
        (DEPTH.replace("[a, b], answer: a", "[a, a], answer: a"), "choices-alike", 6, "scenes.0.steps.0", []),
        (DEPTH.replace("quality: depth", "quality: dept"), "union-tag-invalid", 3, "scenes.0", ["'depth'"]),
        (
            DEPTH.replace("quality: depth\n  id", "id"),
            "union-tag-not-found",
            3,
            "scenes.0",
            ["`quality`", "compression"],
        ),
        (DEPTH.replace("steps:", "step:"), "missing", 3, "scenes.0.steps", ["'step'", "'steps'"]),
        (DEPTH + DEPTH.split("scenes:\n")[1], "scene-ids-alike", 1, "", ["'one' (depth)"]),
        (FACT, "wordings-unlike", 3, "scenes.0", ["[0, 1]"]),
        (STORY, "words-reversed", 1, "scenes.0", ["5", "4"]),
        (PLAIN, "no-pressure", 1, "scenes.0", ["distractors", "contradiction", "suggestion"]),
        (RULES.replace("[[dry]]", "[[no longer]]"), "not-one-word", 1, "scenes.0.includes.0.0", ["'no longer'"]),
        (RULES.replace("[[dry]]", "[['!']]"), "not-one-word", 1, "scenes.0.includes.0.0", ["'!'"]),
        (
            RULES.replace("[[dry]]", "[[wet]]"),
            "example-breaks-rules",
            1,
            "scenes.0",
            ["'only dry"],
        ),
        (DEPTH.replace("prompt: A is", "prompt: ' '"), "string-pattern-mismatch", 6, "scenes.0.steps.0.prompt", []),
        ("- a\n", "not-fields", 0, "", ["`schema: 1`"]),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, content: str, code: str, line: int, field: str, data: list[str]
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content)
    with refused(code, *data, path=file, line=line, field=field):
        scenes_in([str(file)])


def test_two_files_of_the_same_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "english.yaml").write_text(DEPTH)
    with refused("scene-files-alike", "english", str(tmp_path / "english.yaml")):
        scenes_in(["english", str(tmp_path / "english.yaml")])


def test_what_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    with refused("scenes-unknown", "'rusian'", "'russian'", ".yaml"):
        scenes_in(["rusian"])
    with refused("file-unreadable", str(tmp_path / "own.yaml")):
        scenes_in([str(tmp_path / "own.yaml")])


def test_the_example_of_the_docs_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scenes.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(schema: 1\n.*?)```", page, re.DOTALL)
    (tmp_path / "docs.yaml").write_text(example, encoding="utf-8")
    found = scenes_in([str(tmp_path / "docs.yaml")])
    assert {scene.quality for scene in found.values()} == {scene.quality for scene in scenes_in(["english"]).values()}
