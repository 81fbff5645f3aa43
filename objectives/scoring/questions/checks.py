"""Checks of every question before anything is computed: its prompt, its choices, its right answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import UndefinedError

from objectives.scoring.questions.error import QuestionError, QuestionFault, QuestionPart
from objectives.scoring.questions.safety import NullError
from spaces.errors import did_you_mean, listed

if TYPE_CHECKING:
    from lm_eval.api.task import Task

CHOICES, ROLLING = "multiple_choice", "loglikelihood_rolling"
_FILLED = re.compile(r"\s*\{\{\s*(\w+)\s*\}\}\s*")
"""A template that is one field and nothing else."""
_MISSING = re.compile(r"'(\w+)'(?: is undefined)?")
"""Message of Jinja and Python about a missing field."""


class _Fault(Exception):  # noqa: N818  never leaves this module
    """One thing that is wrong with a question; the caller adds the location."""

    def __init__(self, part: QuestionPart, reason: str) -> None:
        super().__init__(reason)
        self.part = part
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Wording:
    """Templates that turn the data of a task's questions into text; examples may have their own templates."""

    task: Task
    text: Any = None
    """Template that replaces the task's `doc_to_text`."""
    choice: Any = None
    """Template that replaces the task's `doc_to_choice`."""
    target: Any = None
    """Template that replaces the task's `doc_to_target`."""

    @classmethod
    def of_examples(cls, task: Task) -> Wording:
        """Return the wording of a task's few-shot examples."""
        own = task.fewshot_cfg
        return cls(task, own.doc_to_text, own.doc_to_choice, own.doc_to_target)

    def prompt(self, doc: Any) -> Any:
        """Fill the prompt."""
        return self.task.doc_to_text(doc) if self.text is None else self.task.doc_to_text(doc, self.text)

    def choices(self, doc: Any) -> Any:
        """Fill the choices."""
        return self.task.doc_to_choice(doc) if self.choice is None else self.task.doc_to_choice(doc, self.choice)

    def answer(self, doc: Any) -> Any:
        """Fill the answer."""
        return self.task.doc_to_target(doc) if self.target is None else self.task.doc_to_target(doc, self.target)

    def is_filled(self, doc: Any) -> bool:
        """Return whether the prompt depends on the question's data; a constant prompt may be empty."""
        template = self.text or self.task.config.doc_to_text
        return isinstance(template, str) and ("{" in template or template in doc)


def check_questions(name: str, wording: Wording, docs: Sequence[Any], *, local: bool) -> tuple[str, ...]:
    """Check that every question can be asked and judged; return notes about uninformative questions.

    Args:
        name: name of the task.
        wording: wording of the questions or of the examples.
        docs: data of the questions.
        local: whether the user can fix the questions; equal choices of a public benchmark are only noted.

    Raises:
        QuestionError: some questions cannot be asked or judged.
    """
    faults: list[QuestionFault] = []
    weak: list[QuestionFault] = []
    for doc in docs:
        try:
            if weakness := _check(wording, doc, local=local):
                (faults if local else weak).append(_located(wording, doc, "choices", weakness))
        except _Fault as fault:
            faults.append(_located(wording, doc, fault.part, fault.reason))
    if faults:
        raise QuestionError(name, faults, len(docs))
    if not weak:
        return ()
    note = (
        f"{len(weak)} of {len(docs)} questions of the task {name!r} have indistinguishable choices, so their scores "
        f"say little; the first: {weak[0].shown()}."
    )
    return (note,)


@contextmanager
def locating_errors(task: str, doc: Any, what: str) -> Iterator[None]:
    """Raise any error within the block, in which `what` is built from a question, with the question's location.

    Raises:
        QuestionError: the block raised an error.
    """
    try:
        yield
    except QuestionError:
        raise
    except Exception as error:  # templates of the task's author
        reason = f"{what} cannot be built from its fields ({type(error).__name__}: {str(error).strip().rstrip('.')})"
        raise QuestionError(task, [fault_of(doc, "prompt", reason, str(doc))]) from error


def right_choices(wording: Wording, doc: Any, choices: Sequence[str]) -> tuple[int, ...] | None:
    """Return the indices of the right choices; None if a right answer is not a choice."""
    several = getattr(wording.task, "multiple_input", 0)  # the choices are prompts before one continuation
    gold = wording.prompt(doc) if several else wording.answer(doc)
    numbers = []
    for answer in gold if isinstance(gold, list) else [gold]:
        if isinstance(answer, str):
            number = choices.index(answer) if answer in choices else -1
        else:
            number = int(answer) if isinstance(answer, int | float) and int(answer) == answer else -1
        if not 0 <= number < len(choices):
            return None
        numbers.append(number)
    return tuple(numbers)


def _check(wording: Wording, doc: Any, *, local: bool) -> str:
    """Check a question; return the weakness of its choices, or the empty string."""
    task = wording.task
    prompt = _fill("prompt", wording.prompt, doc)
    if task.OUTPUT_TYPE == CHOICES:
        choices = _choices(wording, doc)
        _check_prompt(wording, doc, prompt)
        _check_gold(wording, doc, choices, local=local)
        return _weak(choices, right_choices(wording, doc, choices) or ())
    if task.OUTPUT_TYPE != ROLLING:
        _check_prompt(wording, doc, prompt)
    _check_answer(wording, doc, local=local)
    return ""


def _fill(part: QuestionPart, fill: Callable[[Any], Any], doc: Any) -> Any:
    """Fill a template of the task's author, which may fail in any way."""
    try:
        filled = fill(doc)
    except NullError as error:
        nulls = [name for name, value in doc.items() if value is None] if isinstance(doc, Mapping) else []
        what = f"its field{'s' if len(nulls) > 1 else ''} {listed(map(repr, nulls))}" if nulls else "a part of it"
        raise _Fault(part, f"its {part} must be text, and {what} is null") from error
    except Exception as error:
        missing = _MISSING.fullmatch(str(error)) if isinstance(error, UndefinedError | KeyError) else None
        if missing and isinstance(doc, Mapping):
            near = did_you_mean(missing[1], doc).strip()
            hint = f" ({near[0].lower()}{near[1:]})" if near else ""
            raise _Fault(part, f"its {part} needs the field {missing[1]!r}; its fields: {listed(doc)}{hint}") from error
        message = f"{type(error).__name__}: {str(error).strip().rstrip('.')}"
        raise _Fault(part, f"its {part} cannot be built from its fields ({message})") from error
    if filled is None:
        raise _Fault(part, f"its {part} is null")
    return filled


def _check_prompt(wording: Wording, doc: Any, prompt: Any) -> None:
    if getattr(wording.task, "multiple_input", 0):
        return  # the prompt is the index of the right choice
    if not isinstance(prompt, str):
        raise _Fault("prompt", f"its prompt must be text; got {type(prompt).__name__} {prompt!r}")
    if wording.is_filled(doc) and not prompt.strip():
        raise _Fault("prompt", "its prompt is blank")


def _choices(wording: Wording, doc: Any) -> list[str]:
    choices = _fill("choices", wording.choices, doc)
    if not isinstance(choices, list):
        raise _Fault("choices", f"its choices must be a list; got {type(choices).__name__} {choices!r}")
    if not choices:
        raise _Fault("choices", "its list of choices is empty")
    for number, choice in enumerate(choices, 1):
        if choice is None:
            raise _Fault("choices", f"its choice {number} is null")
        if not isinstance(choice, str):
            raise _Fault("choices", f"its choice {number} must be text; got {type(choice).__name__} {choice!r}")
        if not choice.strip():
            raise _Fault("choices", f"its choice {number} is empty")
    return choices


def _weak(choices: Sequence[str], right: Sequence[int]) -> str:
    """Return why a question does not distinguish models: equal choices, or no wrong choice; else the empty string."""
    first: dict[str, int] = {}
    for number, choice in enumerate(map(str.strip, choices), 1):
        if choice in first:
            return f"its choices {first[choice]} and {number} are both {choice!r}"
        first[choice] = number
    if len(set(right)) == len(choices):
        return "all of its choices are right" if len(choices) > 1 else f"its only choice is {choices[0]!r}"
    return ""


def _check_gold(wording: Wording, doc: Any, choices: Sequence[str], *, local: bool) -> None:
    task = wording.task
    answer = _fill("answer", wording.answer, doc)
    if isinstance(answer, list) and not answer:
        raise _Fault("answer", "its list of right answers is empty")
    lists = isinstance(answer, list)
    if not getattr(task, "multiple_input", 0) and lists != bool(getattr(task, "multiple_target", lists)):
        raise _Fault("answer", f"its right answer must be a list in all questions or in none; got {answer!r}")
    if right_choices(wording, doc, choices) is None:
        gold = wording.prompt(doc) if getattr(task, "multiple_input", 0) else answer
        raise _Fault("answer", f"its right answer {gold!r} is not among its {len(choices)} choices, numbered from 0")
    if local and (text := _double_meaning(wording, doc, choices)):
        raise _Fault(
            "answer",
            f"its right answer {text!r} is both the text of a choice and the number, from 0, of another. Resolve this "
            'in the task file: `doc_to_target: "{{FIELD | int}}"` for the number, '
            '`doc_to_target: "{{CHOICES.index(FIELD)}}"` for the text',
        )


def _double_meaning(wording: Wording, doc: Any, choices: Sequence[str]) -> str:
    """Return a right answer of digits, given as text, that could mean two choices; else the empty string.

    lm-eval reads digits as a number if a template writes them, and as text if `doc_to_target` is the name of a field;
    a .csv file does not distinguish the two.
    """
    template = wording.target or wording.task.config.doc_to_target
    if not isinstance(template, str):
        return ""
    filled = _FILLED.fullmatch(template)
    text = doc.get(filled[1] if filled else template) if isinstance(doc, Mapping) else None
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()) or text not in choices:
        return ""
    if not filled and getattr(doc, "typed", True):
        return ""
    return text if int(text) < len(choices) and choices.index(text) != int(text) else ""


def _check_answer(wording: Wording, doc: Any, *, local: bool) -> None:
    """Check the right answer of a question without choices."""
    task = wording.task
    answer = _fill("answer", wording.answer, doc)
    if isinstance(answer, list) and not answer:
        raise _Fault("answer", "its list of right answers is empty")
    if isinstance(answer, list) and None in answer:
        raise _Fault("answer", "one of its right answers is null")
    if not local and task.OUTPUT_TYPE == "generate_until":
        return  # some tasks judge by their own code and ignore this answer
    for one in answer if isinstance(answer, list) else [answer]:
        if not isinstance(one, str | int | float):
            raise _Fault("answer", f"its right answer must be text or a number; got {type(one).__name__} {one!r}")
        if not str(one).strip():
            raise _Fault("answer", "its right answer is empty")


def _located(wording: Wording, doc: Any, part: QuestionPart, reason: str) -> QuestionFault:
    """Add the text and location of a question to what is wrong with it."""
    try:
        question = str(wording.prompt(doc))
    except Exception:  # noqa: BLE001  the fault itself may be a missing prompt
        question = ""
    return fault_of(doc, part, reason, question if question.strip() else str(doc))


def fault_of(doc: Any, part: QuestionPart, reason: str, question: str) -> QuestionFault:
    """Build a fault with the file and line of a question's data, if they are known."""
    return QuestionFault(part, reason, question, getattr(doc, "file", None), getattr(doc, "line", None))
