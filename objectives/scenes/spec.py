"""The format of scene files: the questions for each quality of reasoning."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from objectives.data.spans import words_of
from objectives.scenes.rules import follows, one_word
from spaces.choices import Spec
from spaces.errors import UnfitError

_Words = Annotated[str, Field(pattern=r"\S")]
"""Text that is not blank."""
_Word = Annotated[str, AfterValidator(one_word)]


class ChoicePrompt(Spec):
    """A prompt and the answers to choose from; the model chooses the most probable one."""

    prompt: _Words
    choices: list[_Words] = Field(min_length=2)
    answer: str
    """One of the choices."""

    @model_validator(mode="after")
    def _answerable(self) -> Self:
        if len(set(self.choices)) < len(self.choices):
            raise UnfitError(f"choices must differ; got {self.choices}", code="choices-alike")
        if self.answer not in self.choices:
            raise UnfitError(
                f"answer must be one of the choices {self.choices}; got {self.answer!r}", code="answer-no-choice"
            )
        return self

    @property
    def gold(self) -> int:
        """Index of the right choice."""
        return self.choices.index(self.answer)


class _Scene(Spec):
    id: str = Field(pattern=r"^[\w-]+$", max_length=64)
    kind: str = ""
    """Label of scenes with the same construction; informational."""


class DepthScene(_Scene):
    """The same kind of inference over one, two, three … steps."""

    quality: Literal["depth"]
    steps: list[ChoicePrompt] = Field(min_length=2)
    """Prompts that take one step of inference, two, and so on."""


class ConsistencyScene(_Scene):
    """Several wordings of a question about one fact."""

    quality: Literal["consistency"]
    wordings: list[ChoicePrompt] = Field(min_length=2)
    """Wordings whose choices correspond by position: the first choice means the same in all of them, and so on."""

    @model_validator(mode="after")
    def _the_same_fact(self) -> Self:
        if len({(len(each.choices), each.gold) for each in self.wordings}) > 1:
            raise UnfitError(
                "the wordings of a fact must have the same number of choices, which correspond by position, so the "
                f"right one must be at the same index; got the indices {[each.gold for each in self.wordings]}",
                code="wordings-unlike",
            )
        return self


Pressure = Literal["distractors", "contradiction", "suggestion"]


class PressureScene(_Scene):
    """A plain question, and the same question with additions that should not change the answer."""

    quality: Literal["pressure"]
    plain: _Words
    distractors: _Words | None = None
    """The question with irrelevant facts."""
    contradiction: _Words | None = None
    """The question with an uninformed claim to the contrary."""
    suggestion: _Words | None = None
    """The question with a suggested wrong answer."""
    choices: list[_Words] = Field(min_length=2)
    answer: str

    @model_validator(mode="after")
    def _pressed_and_answerable(self) -> Self:
        ChoicePrompt(prompt=self.plain, choices=self.choices, answer=self.answer)
        if not self.pressed:
            raise UnfitError("give at least one of distractors, contradiction and suggestion", code="no-pressure")
        return self

    @property
    def pressed(self) -> dict[str, str]:
        """Prompts with pressure, by kind of pressure."""
        forms = {
            "distractors": self.distractors,
            "contradiction": self.contradiction,
            "suggestion": self.suggestion,
        }
        return {name: prompt for name, prompt in forms.items() if prompt is not None}


class CompletionScene(_Scene):
    """The beginning of a story, and rules that its continuation must follow.

    Whole words are compared in lower case. In addition, at least half of the words of a continuation must be distinct.
    """

    quality: Literal["completion"]
    prompt: _Words
    includes: list[Annotated[list[_Word], Field(min_length=1)]] = Field(default=[])
    """Lists of words; the continuation must contain at least one word of each list."""
    excludes: list[_Word] = Field(default=[])
    """Words that the continuation must not contain."""
    either: list[_Word] = Field(default=[])
    """Words of which the continuation must contain exactly one."""
    min_words: int = Field(4, ge=1)
    max_words: int = Field(60, ge=1)
    example: _Words
    """A continuation that follows the rules."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_words > self.max_words:
            raise UnfitError(
                f"min_words must not exceed max_words; got {self.min_words} and {self.max_words}", code="words-reversed"
            )
        if not follows(self, words_of(self.example)):
            raise UnfitError(
                f"example must follow the rules of the scene; got {self.example!r}", code="example-breaks-rules"
            )
        return self


class CompressionScene(_Scene):
    """A concept in a short and a long form: a model that knows it needs few bits for the long form after the short."""

    quality: Literal["compression"]
    short: _Words
    long: _Words
    lead: _Words
    """Words before the long form, with and without the short form before them."""


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
                f"the ids of a quality's scenes must differ; got twice: {', '.join(twice)}", code="scene-ids-alike"
            )
        return self
