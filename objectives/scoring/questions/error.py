"""The error about questions of a benchmark: their location, and which part of them is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spaces.errors import FieldError

QuestionPart = Literal["line", "prompt", "choices", "answer"]
"""The part that is wrong: the whole line of the file, or the prompt, the choices or the right answer."""
_FIELD = "objective.scores"
_MOST_SHOWN = 3
_LONGEST_EXCERPT = 80
"""Largest number of characters of a question in a message."""


@dataclass(frozen=True, slots=True)
class QuestionFault:
    """One thing that is wrong with one question."""

    part: QuestionPart
    says: str
    """Requirement and what came instead, as the end of a sentence."""
    question: str = ""
    """Text of the question, or its data if the text cannot be built."""
    file: Path | None = None
    """The user's file; None for a task of the hub."""
    line: int | None = None
    """Line on which the question begins, from 1; None if the questions of the file have no line numbers."""

    def shown(self, *, with_file: bool = True) -> str:
        """Return the location, the beginning of the question and what is wrong."""
        place = f"{str(self.file)!r}, " if self.file is not None and with_file else ""
        place += "" if self.line is None else f"line {self.line}"
        excerpt = " ".join(self.question.split())
        if len(excerpt) > _LONGEST_EXCERPT:
            excerpt = excerpt[: _LONGEST_EXCERPT - 1] + "…"
        where = place.removesuffix(", ") or "the question"
        return f"{where}{f' ({excerpt!r})' if excerpt else ''}: {self.says}"


class QuestionError(FieldError):
    """Questions of a benchmark cannot be asked or judged; the attributes describe the first of them."""

    code = "question"

    def __init__(self, task: str, faults: Sequence[QuestionFault], asked: int | None = None) -> None:
        """Build the message from the first few faults and their number.

        Args:
            task: name of the task, empty if a file cannot be read at all.
            faults: the faults, at least one.
            asked: number of checked questions; None if the check stopped at the first fault.
        """
        first = faults[0]
        of = f"{len(faults)} of {asked} questions" if asked is not None else "a question"
        head = f"{of} of the task {task!r} cannot be used. " if task else ""
        same = len(faults) > 1 and len({fault.says for fault in faults}) == 1
        most = 1 if same else _MOST_SHOWN
        rest = f"; {len(faults) - 1} more of the same kind" if same else f"; and {len(faults) - most} more"
        more = rest if len(faults) > most else ""
        shown = "; ".join(
            fault.shown(with_file=number == 0 or fault.file != first.file) for number, fault in enumerate(faults[:most])
        )
        them = "them" if len(faults) > 1 else "it"
        super().__init__(_FIELD, f"{head}{shown}{more}. Fix {them} or remove {them}.")
        self.file = first.file
        self.line = first.line
        self.question = first.question
        self.part = first.part
        self.count = len(faults)
