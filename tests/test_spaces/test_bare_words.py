"""Names of texts that YAML makes something else of: the file's own word comes back, with the advice to quote it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import Field

from spaces import FieldError, InputError
from spaces.choices import Spec
from spaces.errors import Fault, FileError, LineError
from spaces.spec import SpaceSpec
from spaces.yaml.reading import parse
from tests.support.refusals import refused


class _File(Spec):
    name: str
    space: SpaceSpec
    prior: dict[str, float] = Field(default={})
    folder: Path = Path()


def _fault(content: str) -> Fault:
    """The only thing that is wrong in a file."""
    with pytest.raises(FileError) as caught:
        parse(content, Path("s.yaml"), _File, "file", "name: x")
    (fault,) = caught.value.faults
    assert (caught.value.line, caught.value.field, caught.value.code) == (fault.line, fault.field, fault.code)
    assert str(caught.value) == fault.shown(Path("s.yaml"))
    return fault


FILE = "name: x\nspace:\n  texts:\n    folder: texts\n    choose: {choose}\n  stages: {stages}\nprior: {prior}\n"
WORDS = [("true", "true"), ("2024", "2024"), ("1.50", "1.5"), ("1e3", "1000.0"), ("null", "null")]
PLAIN = ["no", "Off", "yes", "y", "1:30", "2024-01-01", "2024-13-01", "1_a", ".5.6"]
"""Words that only YAML 1.1 takes for something else than text."""


@pytest.mark.parametrize(("word", "made"), WORDS)
def test_a_bare_word_is_quoted_as_it_stands(word: str, made: str) -> None:
    stages = f"[{{name: a, texts: [alpha, {word}]}}]"
    for content, line, field in (
        (FILE.format(choose=f"[alpha, {word}]", stages="[]", prior="{}"), 5, "space.texts.choose.1"),
        (FILE.format(choose="all", stages=stages, prior="{}"), 6, "space.stages.0.texts.1"),
        (FILE.format(choose="all", stages="[]", prior=f"\n  alpha: 1\n  {word}: 2"), 9, f"prior.{word}"),
        (FILE.format(choose="all", stages="[]", prior="{}").replace("name: x", f"name: {word}"), 1, "name"),
        (FILE.format(choose="all", stages="[]", prior=f"{{}}\nfolder: {word}"), 8, "folder"),
    ):
        fault = _fault(content)
        assert (fault.line, fault.field) == (line, field)
        assert fault.code in ("string-type", "path-type")
        assert f"`{word}`" in fault.says
        assert made in fault.says.replace(f"`{word}`", "").replace(f'"{word}"', "")
        assert f'"{word}"' in fault.says


@pytest.mark.parametrize(("word", "made"), WORDS)
def test_words_in_quotes_are_names(word: str, made: str) -> None:
    stages = f"[{{name: a, texts: ['{word}']}}]"
    content = FILE.format(choose=f'["{word}"]', stages=stages, prior=f"\n  '{word}': 2")
    read = parse(content, Path("s.yaml"), _File, "file", "name: x")
    assert read.space.texts.choose == [word]
    assert read.space.stages[0].texts == [word]
    assert read.prior == {word: 2.0}


def test_a_bare_word_in_place_of_a_known_one_is_shown_with_what_yaml_made_of_it() -> None:
    fault = _fault(FILE.format(choose="true", stages="[]", prior="{}"))
    assert (fault.line, fault.field, fault.code) == (5, "space.texts.choose", "literal-error")
    assert "'subset'" in fault.says
    assert "`true`" in fault.says


@pytest.mark.parametrize("word", PLAIN)
def test_what_looks_like_a_word_is_one(word: str) -> None:
    content = FILE.format(choose=f"[{word}]", stages="[]", prior=f"\n  {word}: 2").replace("name: x", f"name: {word}")
    read = parse(content, Path("s.yaml"), _File, "file", "name: x")
    assert read.space.texts.choose == [word]
    assert read.name == word
    assert read.prior == {word: 2.0}


@pytest.mark.parametrize("number", ["010", "-007", "0_1"])
def test_digits_that_readers_of_yaml_disagree_on_are_refused(number: str) -> None:
    fault = _fault(FILE.format(choose="all", stages="[]", prior=f"\n  alpha: {number}"))
    assert (fault.line, fault.code) == (8, "leading-zero")
    assert f"`{number}`" in fault.says


@pytest.mark.parametrize(
    ("written", "value"), [("1e-3", 1e-3), ("5_000", 5000.0), ("0x10", 16.0), ("+.5", 0.5), ("1.0e+2", 100.0)]
)
def test_numbers_are_numbers(written: str, value: float) -> None:
    read = parse(FILE.format(choose="all", stages="[]", prior=f"\n  alpha: {written}"), Path("s.yaml"), _File, "", "")
    assert read.prior == {"alpha": value}


@pytest.mark.parametrize(
    ("value", "code"), [("true", "truth-value"), ("yes", "float-parsing"), ("False", "truth-value")]
)
def test_a_truth_value_is_no_number(value: str, code: str) -> None:
    class Numbers(Spec):
        share: float = 0.5

    with refused(code, "share", line=1):
        parse(f"share: {value}", Path("s.yaml"), Numbers, "file", "share: 1")


@pytest.mark.parametrize(
    "error",
    [
        InputError("a"),
        InputError("a", code="study-unknown"),
        FieldError("space.layers", "b", code="layers-malformed"),
        LineError(Path("x.jsonl"), 3, "messages.1", "c"),
        FileError(Path("s.yaml"), [Fault(2, "space.layers", "layers-malformed", "d"), Fault(3, "", "not-yaml", "e")]),
    ],
)
def test_errors_arrive_whole_from_a_worker(error: InputError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
    assert copy.code == error.code
