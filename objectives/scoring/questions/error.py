"""The error about one question of a benchmark: where it stands, and which part of it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from spaces.errors import FieldError

QuestionPart = Literal["line", "prompt", "choices", "answer"]
"""What is wrong: the line of the file as a whole, or the prompt, the choices or the right answer made of it."""
_FIELD = "objective.scores"
_MOST_SHOWN = 3
_LONGEST_EXCERPT = 80
"""Characters of a question in a message."""


@dataclass(frozen=True, slots=True)
class QuestionFault:
    """One thing that is wrong with one question."""

    part: QuestionPart
    says: str
    """What must hold and what came, as the end of a sentence."""
    question: str = ""
    """The question's text, or its data where the text cannot be made."""
    file: Path | None = None
    """The user's file; None for a task of the hub."""
    line: int | None = None
    """Where the question begins, from 1; None where the file has no lines of questions."""

    def shown(self, *, with_file: bool = True) -> str:
        """Return the place, the beginning of the question and what is wrong."""
        place = f"{str(self.file)!r}, " if self.file is not None and with_file else ""
        place += "" if self.line is None else f"line {self.line}"
        excerpt = " ".join(self.question.split())
        if len(excerpt) > _LONGEST_EXCERPT:
            excerpt = excerpt[: _LONGEST_EXCERPT - 1] + "…"
        where = place.removesuffix(", ") or "the question"
        return f"{where}{f' ({excerpt!r})' if excerpt else ''}: {self.says}"


class QuestionError(FieldError):
    """Questions of a benchmark cannot be asked or judged as they stand; the attributes describe the first of them."""

    code = "question"

    def __init__(self, task: str, faults: Sequence[QuestionFault], asked: int | None = None) -> None:
        """Say where the first few stand, and how many there are.

        Args:
            task: name of the task, empty where a file cannot be read at all.
            faults: at least one.
            asked: number of questions that were checked; None where the check stopped at the first fault.
        """
        first = faults[0]
        of = f"{len(faults)} of {asked} questions" if asked is not None else "a question"
        head = f"{of} of the task {task!r} cannot be used. " if task else ""
        alike = len(faults) > 1 and len({fault.says for fault in faults}) == 1
        most = 1 if alike else _MOST_SHOWN
        rest = f"; {len(faults) - 1} more alike" if alike else f"; and {len(faults) - most} more"
        more = rest if len(faults) > most else ""
        shown = "; ".join(
            fault.shown(with_file=number == 0 or fault.file != first.file) for number, fault in enumerate(faults[:most])
        )
        them = "them" if len(faults) > 1 else "it"
        super().__init__(_FIELD, f"{head}{shown}{more}. Mend {them}, or leave {them} out.")
        self.file = first.file
        self.line = first.line
        self.question = first.question
        self.part = first.part
        self.count = len(faults)
