"""Files of scenes: the shipped ones are what their makers make, and mistakes in others are told with their place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from objectives.scenes import SHIPPED
from objectives.scenes.files import scenes_in
from objectives.scenes.making.__main__ import FOLDER, LANGUAGES, SCHEMA, schema, written
from spaces import InputError

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
    ("content", "told"),
    [
        (DEPTH.replace("answer: b}", "answer: c}"), ["line 7", "scenes.0.steps.1", "one of the choices", "'c'"]),
        (DEPTH.replace("[a, b], answer: a", "[a, a], answer: a"), ["line 6", "choices must differ"]),
        (DEPTH.replace("quality: depth", "quality: dept"), ["line 3", "`quality` must be one of", "'depth'?"]),
        (DEPTH.replace("quality: depth\n  id", "id"), ["say which `quality` this is", "compression"]),
        (DEPTH.replace("steps:", "step:"), ["no field 'step' here", "'steps'?"]),
        (DEPTH + DEPTH.split("scenes:\n")[1], ["the ids of a quality must differ", "'one' (depth)"]),
        (FACT, ["the right one in the same place", "[0, 1]"]),
        (STORY, ["min_words must not exceed max_words", "5 and 4"]),
        (PLAIN, ["give one of distractors, contradiction and suggestion"]),
        (RULES.replace("[[dry]]", "[[no longer]]"), ["rules are about single words; got 'no longer'"]),
        (RULES.replace("[[dry]]", "[['!']]"), ["rules are about single words"]),
        (
            RULES.replace("[[dry]]", "[[wet]]"),
            ["example must follow the rules of the scene, got 'only dry"],
        ),
        (DEPTH.replace("prompt: A is", "prompt: ' '"), ["scenes.0.steps.0.prompt"]),
        ("- a\n", ["a file of scenes is a list of `field: value` lines, starting with `schema: 1`"]),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, content: str, told: list[str]) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(content)
    with pytest.raises(InputError) as caught:
        scenes_in([str(file)])
    assert str(caught.value).startswith(str(file))
    for words in told:
        assert words in str(caught.value)


def test_two_files_of_the_same_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "english.yaml").write_text(DEPTH)
    with pytest.raises(InputError, match=r"files of scenes must have different names, got english, .*Rename one"):
        scenes_in(["english", str(tmp_path / "english.yaml")])


def test_what_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no scenes called 'rusian'.*'russian'\?.*end.*yaml"):
        scenes_in(["rusian"])
    with pytest.raises(InputError, match=r"The file of scenes '.*own\.yaml' cannot be read: No such file"):
        scenes_in([str(tmp_path / "own.yaml")])


def test_the_example_of_the_docs_can_be_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scenes.md").read_text("utf-8")
    (example,) = re.findall(r"```yaml\n(schema: 1\n.*?)```", page, re.DOTALL)
    (tmp_path / "docs.yaml").write_text(example, encoding="utf-8")
    found = scenes_in([str(tmp_path / "docs.yaml")])
    assert {scene.quality for scene in found.values()} == {scene.quality for scene in scenes_in(["english"]).values()}
