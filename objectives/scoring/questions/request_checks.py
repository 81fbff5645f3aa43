"""What must hold of every request once it is built: a prompt and an answer that the base has tokens for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from objectives.scoring.context_window import ContextWindow
from objectives.scoring.questions.checks import place_of
from objectives.scoring.questions.error import QuestionError, QuestionFault, QuestionPart

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

_TAIL = 200
"""Characters at the end of a prompt with which a short text joins to tokens as it does with all of it."""


def check_requests(name: str, questions: Iterable[Sequence[Instance]], window: ContextWindow) -> None:
    """See that every prompt and every answer to it have at least one token each.

    Raises:
        QuestionError: some have none.
    """
    faults: list[QuestionFault] = []
    asked = 0
    for instances in questions:
        asked += 1
        if found := next(filter(None, (_without_tokens(instance, window) for instance in instances)), None):
            part, says = found
            doc = instances[0].doc
            faults.append(place_of(doc, part, says, str(instances[0].args[0])))
    if faults:
        raise QuestionError(name, faults, asked)


def _without_tokens(instance: Instance, window: ContextWindow) -> tuple[QuestionPart, str] | None:
    """Say which part of a request has no token."""
    prompt = instance.args[0]
    if prompt and not prompt.strip():
        return "prompt", "its prompt is blank"
    if instance.request_type != "loglikelihood":
        return None
    answer = instance.args[1]
    if (answer.strip() and _adds_tokens(prompt[-_TAIL:], answer, window)) or _adds_tokens(prompt, answer, window):
        return None
    return "answer", f"the base has no token for the answer {answer!r} after the prompt"


def _adds_tokens(prompt: str, answer: str, window: ContextWindow) -> bool:
    """Return whether an answer has a token of its own; blanks between it and the prompt belong to it."""
    return window.count(prompt + answer) > window.count(prompt.rstrip())
