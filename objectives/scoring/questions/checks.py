"""What must hold of every question before anything is computed: a prompt, different choices, a right answer."""

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
"""What Jinja and Python say of a field that is not there."""


class _Fault(Exception):  # noqa: N818  never leaves this module
    """One thing that is wrong with a question whose place is known further up."""

    def __init__(self, part: QuestionPart, says: str) -> None:
        super().__init__(says)
        self.part = part
        self.says = says


@dataclass(frozen=True, slots=True)
class Wording:
    """How the questions of a task are made of their data; examples may have templates of their own."""

    task: Task
    text: Any = None
    """Template in place of the task's `doc_to_text`."""
    choice: Any = None
    target: Any = None

    @classmethod
    def of_examples(cls, task: Task) -> Wording:
        """Return the wording of the examples in a prompt."""
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
        """Return whether the prompt comes from the question's data: one that is the same for all may be empty."""
        template = self.text or self.task.config.doc_to_text
        return isinstance(template, str) and ("{" in template or template in doc)


def check_questions(name: str, wording: Wording, docs: Sequence[Any], *, local: bool) -> tuple[str, ...]:
    """See that every question can be asked and judged; return notes about those that say less than they could.

    Args:
        name: of the task.
        wording: of its questions or of its examples.
        docs: the data of the questions.
        local: whether the user can mend them; of public benchmarks, equal choices are only told.

    Raises:
        QuestionError: some cannot.
    """
    faults: list[QuestionFault] = []
    weak: list[QuestionFault] = []
    for doc in docs:
        try:
            if says := _check(wording, doc, local=local):
                (faults if local else weak).append(_located(wording, doc, "choices", says))
        except _Fault as fault:
            faults.append(_located(wording, doc, fault.part, fault.says))
    if faults:
        raise QuestionError(name, faults, len(docs))
    if not weak:
        return ()
    note = (
        f"{len(weak)} of {len(docs)} questions of the task {name!r} have choices that cannot be told apart, so that "
        f"their scores say little; the first: {weak[0].shown()}."
    )
    return (note,)


@contextmanager
def placed(task: str, doc: Any, what: str) -> Iterator[None]:
    """Tell the place of a question with whatever goes wrong when `what` is made of its data.

    Raises:
        QuestionError: something did.
    """
    try:
        yield
    except QuestionError:
        raise
    except Exception as error:  # templates of the task's author
        says = f"{what} cannot be made of its fields ({type(error).__name__}: {str(error).strip().rstrip('.')})"
        raise QuestionError(task, [place_of(doc, "prompt", says, str(doc))]) from error


def right_choices(wording: Wording, doc: Any, choices: Sequence[str]) -> tuple[int, ...] | None:
    """Return the numbers of the right choices, from 0; None where one of them is no choice."""
    several = getattr(wording.task, "multiple_input", 0)  # the choices stand in the prompt, before one continuation
    gold = wording.prompt(doc) if several else wording.answer(doc)
    found = []
    for each in gold if isinstance(gold, list) else [gold]:
        if isinstance(each, str):
            number = choices.index(each) if each in choices else -1
        else:
            number = int(each) if isinstance(each, int | float) and int(each) == each else -1
        if not 0 <= number < len(choices):
            return None
        found.append(number)
    return tuple(found)


def _check(wording: Wording, doc: Any, *, local: bool) -> str:
    """Check a question; return what is weak about its choices, or the empty string."""
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
    """Fill a template of a task's author, which may fail in whatever way."""
    try:
        found = fill(doc)
    except NullError as error:
        nulls = [name for name, value in doc.items() if value is None] if isinstance(doc, Mapping) else []
        what = f"the field{'s' if len(nulls) > 1 else ''} {listed(map(repr, nulls))} of it" if nulls else "a part of it"
        raise _Fault(part, f"its {part} must be text, and {what} is null") from error
    except Exception as error:
        missing = _MISSING.fullmatch(str(error)) if isinstance(error, UndefinedError | KeyError) else None
        if missing and isinstance(doc, Mapping):
            near = did_you_mean(missing[1], doc).strip()
            hint = f" ({near[0].lower()}{near[1:]})" if near else ""
            raise _Fault(part, f"its {part} needs the field {missing[1]!r}, and it has {listed(doc)}{hint}") from error
        says = f"{type(error).__name__}: {str(error).strip().rstrip('.')}"
        raise _Fault(part, f"its {part} cannot be made of its fields ({says})") from error
    if found is None:
        raise _Fault(part, f"its {part} is null")
    return found


def _check_prompt(wording: Wording, doc: Any, prompt: Any) -> None:
    if getattr(wording.task, "multiple_input", 0):
        return  # the number of the right choice
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
    """Say why even a perfect model may miss a question, or any model cannot."""
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
        raise _Fault("answer", f"its right answer is {answer!r}: all questions or none must have a list of them")
    if right_choices(wording, doc, choices) is None:
        gold = wording.prompt(doc) if getattr(task, "multiple_input", 0) else answer
        raise _Fault("answer", f"its right answer {gold!r} is not among its {len(choices)} choices, numbered from 0")
    if local and (text := _double_meaning(wording, doc, choices)):
        raise _Fault(
            "answer",
            f"its right answer {text!r} is both the text of a choice and the number, from 0, of another. Write in the "
            'task file which is meant: `doc_to_target: "{{FIELD | int}}"` for the number, '
            '`doc_to_target: "{{CHOICES.index(FIELD)}}"` for the text',
        )


def _double_meaning(wording: Wording, doc: Any, choices: Sequence[str]) -> str:
    """Return a right answer of digits that the file gives as text, where it names two choices; else nothing.

    lm-eval takes digits for a number where a template writes them, and for text where `doc_to_target` is the name of a
    field; a .csv file does not tell the two apart.
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
    """Check what is to be written or found likely."""
    task = wording.task
    answer = _fill("answer", wording.answer, doc)
    if isinstance(answer, list) and not answer:
        raise _Fault("answer", "its list of right answers is empty")
    if isinstance(answer, list) and None in answer:
        raise _Fault("answer", "one of its right answers is null")
    if not local and task.OUTPUT_TYPE == "generate_until":
        return  # some are judged by code of their own, whatever stands as their answer
    for each in answer if isinstance(answer, list) else [answer]:
        if not isinstance(each, str | int | float):
            raise _Fault("answer", f"its right answer must be text or a number; got {type(each).__name__} {each!r}")
        if not str(each).strip():
            raise _Fault("answer", "its right answer is empty")


def _located(wording: Wording, doc: Any, part: QuestionPart, says: str) -> QuestionFault:
    """Tell a fault with the question that it is about."""
    try:
        question = str(wording.prompt(doc))
    except Exception:  # noqa: BLE001  the fault itself may be that there is none
        question = ""
    return place_of(doc, part, says, question if question.strip() else str(doc))


def place_of(doc: Any, part: QuestionPart, says: str, question: str) -> QuestionFault:
    return QuestionFault(part, says, question, getattr(doc, "file", None), getattr(doc, "line", None))
