"""A file of scenes: what each quality of reasoning is asked."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from objectives.data.spans import words_of
from objectives.scenes.rules import follows, one_word
from spaces.choices import Spec
from spaces.errors import UnfitError

_Words = Annotated[str, Field(pattern=r"\S")]
"""Anything but blanks."""
_Word = Annotated[str, AfterValidator(one_word)]


class ChoicePrompt(Spec):
    """A prompt and the answers to choose from; the model says by its probabilities which one follows."""

    prompt: _Words
    choices: list[_Words] = Field(min_length=2)
    answer: str
    """One of the choices."""

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if len(set(self.choices)) < len(self.choices):
            raise UnfitError(f"choices must differ, got {self.choices}", code="choices-alike")
        if self.answer not in self.choices:
            raise UnfitError(
                f"answer must be one of the choices {self.choices}, got {self.answer!r}", code="answer-no-choice"
            )
        return self

    @property
    def gold(self) -> int:
        """Number of the right choice."""
        return self.choices.index(self.answer)


class _Scene(Spec):
    id: str = Field(pattern=r"^[\w-]+$", max_length=64)
    kind: str = ""
    """Scenes of the same kind are made alike; for reading only."""


class DepthScene(_Scene):
    """The same kind of inference over one, two, three … steps."""

    quality: Literal["depth"]
    steps: list[ChoicePrompt] = Field(min_length=2)
    """The first takes one step of inference, the second two, and so on."""


class ConsistencyScene(_Scene):
    """One fact asked in several wordings."""

    quality: Literal["consistency"]
    wordings: list[ChoicePrompt] = Field(min_length=2)
    """The first choice of every wording stands for the same state of affairs, and so does the second, and so on."""

    @model_validator(mode="after")
    def _the_same_fact(self) -> Self:
        if len({(len(each.choices), each.gold) for each in self.wordings}) > 1:
            raise UnfitError(
                "the wordings of a fact must have equally many choices, and the right one in the same place: choice by "
                f"choice they stand for the same; got right ones in the places {[each.gold for each in self.wordings]}",
                code="wordings-unlike",
            )
        return self


Pressure = Literal["distractors", "contradiction", "suggestion"]


class PressureScene(_Scene):
    """A question plain, and the same question with something that should not change the answer."""

    quality: Literal["pressure"]
    plain: _Words
    distractors: _Words | None = None
    """With facts that have nothing to do with it."""
    contradiction: _Words | None = None
    """With somebody who claims something else without knowing."""
    suggestion: _Words | None = None
    """With a wrong answer that is suggested."""
    choices: list[_Words] = Field(min_length=2)
    answer: str

    @model_validator(mode="after")
    def _pressed_and_answerable(self) -> Self:
        ChoicePrompt(prompt=self.plain, choices=self.choices, answer=self.answer)
        if not self.pressed:
            raise UnfitError("give one of distractors, contradiction and suggestion at least", code="no-pressure")
        return self

    @property
    def pressed(self) -> dict[str, str]:
        """Kind of pressure to the prompt."""
        forms = {
            "distractors": self.distractors,
            "contradiction": self.contradiction,
            "suggestion": self.suggestion,
        }
        return {name: prompt for name, prompt in forms.items() if prompt is not None}


class CompletionScene(_Scene):
    """The beginning of a story, and rules that its continuation must follow.

    Words are compared whole, in lower case. Besides, half of the words of a continuation must differ.
    """

    quality: Literal["completion"]
    prompt: _Words
    includes: list[Annotated[list[_Word], Field(min_length=1)]] = Field(default=[])
    """Of every list one word at least must stand in the continuation."""
    excludes: list[_Word] = Field(default=[])
    """Words that must not."""
    either: list[_Word] = Field(default=[])
    """Words of which just one must."""
    min_words: int = Field(4, ge=1)
    max_words: int = Field(60, ge=1)
    example: _Words
    """A continuation that follows the rules."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_words > self.max_words:
            raise UnfitError(
                f"min_words must not exceed max_words, got {self.min_words} and {self.max_words}", code="words-reversed"
            )
        if not follows(self, words_of(self.example)):
            raise UnfitError(
                f"example must follow the rules of the scene, got {self.example!r}", code="example-breaks-rules"
            )
        return self


class CompressionScene(_Scene):
    """A concept in short and in full: whoever has the concept needs few bits for the long form after the short one."""

    quality: Literal["compression"]
    short: _Words
    long: _Words
    lead: _Words
    """What stands before the long form, after the short one or without it."""


Scene = Annotated[
    DepthScene | ConsistencyScene | PressureScene | CompletionScene | CompressionScene,
    Field(discriminator="quality"),
]


class SceneFile(Spec):
    """A file of scenes."""

    schema_version: Literal[1] = Field(1, alias="schema")
    language: str = ""
    scenes: list[Scene] = Field(min_length=1)

    @model_validator(mode="after")
    def _different_names(self) -> Self:
        counts = Counter((scene.quality, scene.id) for scene in self.scenes)
        twice = [f"{name!r} ({quality})" for (quality, name), count in counts.items() if count > 1]
        if twice:
            raise UnfitError(
                f"the ids of a quality must differ, these stand twice: {', '.join(twice)}", code="scene-ids-alike"
            )
        return self
