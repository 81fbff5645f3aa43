"""Names of texts that YAML makes something else of: the file's own word comes back, with the advice to quote it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from pydantic import Field

from spaces import FieldError, InputError
from spaces.choices import Spec
from spaces.errors import LineError
from spaces.reading import parse
from spaces.spec import SpaceSpec


class _File(Spec):
    name: str
    space: SpaceSpec
    prior: dict[str, float] = Field(default={})
    folder: Path = Path()


def _errors(content: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse(content, Path("s.yaml"), _File, "file", "name: x")
    return str(caught.value).split("\n")


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
        (error,) = _errors(content)
        assert error.startswith(f"s.yaml, line {line}: {field}: ")
        assert f"`{word}`" in error
        assert made in error.replace(f"`{word}`", "").replace(f'"{word}"', "")
        assert f'"{word}"' in error


@pytest.mark.parametrize(("word", "made"), WORDS)
def test_words_in_quotes_are_names(word: str, made: str) -> None:
    stages = f"[{{name: a, texts: ['{word}']}}]"
    content = FILE.format(choose=f'["{word}"]', stages=stages, prior=f"\n  '{word}': 2")
    read = parse(content, Path("s.yaml"), _File, "file", "name: x")
    assert read.space.texts.choose == [word]
    assert read.space.stages[0].texts == [word]
    assert read.prior == {word: 2.0}


def test_a_bare_word_in_place_of_a_known_one_is_shown_with_what_yaml_made_of_it() -> None:
    (error,) = _errors(FILE.format(choose="true", stages="[]", prior="{}"))
    assert error.startswith("s.yaml, line 5: space.texts.choose: ")
    assert "'subset'" in error
    assert "`true`" in error


@pytest.mark.parametrize("word", PLAIN)
def test_what_looks_like_a_word_is_one(word: str) -> None:
    content = FILE.format(choose=f"[{word}]", stages="[]", prior=f"\n  {word}: 2").replace("name: x", f"name: {word}")
    read = parse(content, Path("s.yaml"), _File, "file", "name: x")
    assert read.space.texts.choose == [word]
    assert read.name == word
    assert read.prior == {word: 2.0}


@pytest.mark.parametrize("number", ["010", "-007", "0_1"])
def test_digits_that_readers_of_yaml_disagree_on_are_refused(number: str) -> None:
    (error,) = _errors(FILE.format(choose="all", stages="[]", prior=f"\n  alpha: {number}"))
    assert error.startswith("s.yaml, line 8: ")
    assert f"`{number}`" in error


@pytest.mark.parametrize(
    ("written", "value"), [("1e-3", 1e-3), ("5_000", 5000.0), ("0x10", 16.0), ("+.5", 0.5), ("1.0e+2", 100.0)]
)
def test_numbers_are_numbers(written: str, value: float) -> None:
    read = parse(FILE.format(choose="all", stages="[]", prior=f"\n  alpha: {written}"), Path("s.yaml"), _File, "", "")
    assert read.prior == {"alpha": value}


@pytest.mark.parametrize("value", ["true", "yes", "False"])
def test_a_truth_value_is_no_number(value: str) -> None:
    class Numbers(Spec):
        share: float = 0.5

    with pytest.raises(InputError) as caught:
        parse(f"share: {value}", Path("s.yaml"), Numbers, "file", "share: 1")
    assert "line 1" in str(caught.value)
    assert "share" in str(caught.value)


@pytest.mark.parametrize(
    "error", [InputError("a"), FieldError("space.layers", "b"), LineError(Path("x.jsonl"), 3, "messages.1", "c")]
)
def test_errors_arrive_whole_from_a_worker(error: InputError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
