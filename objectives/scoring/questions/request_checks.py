"""Check that every built request has a prompt and an answer that the base has tokens for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from objectives.scoring.context_window import ContextWindow
from objectives.scoring.questions.checks import fault_of
from objectives.scoring.questions.error import QuestionError, QuestionFault, QuestionPart

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance

_TAIL = 200
"""Characters at the end of a prompt that are enough to tokenize an answer as after the whole prompt."""


def check_requests(name: str, questions: Iterable[Sequence[Instance]], window: ContextWindow) -> None:
    """Check that every prompt and every answer has at least one token.

    Raises:
        QuestionError: a prompt or an answer has none.
    """
    faults: list[QuestionFault] = []
    count = 0
    for instances in questions:
        count += 1
        if problem := next(filter(None, (_without_tokens(instance, window) for instance in instances)), None):
            part, reason = problem
            doc = instances[0].doc
            faults.append(fault_of(doc, part, reason, str(instances[0].args[0])))
    if faults:
        raise QuestionError(name, faults, count)


def _without_tokens(instance: Instance, window: ContextWindow) -> tuple[QuestionPart, str] | None:
    """Return the part of a request that has no token, with the reason; None if all have one."""
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
    """Return whether an answer has a token of its own; whitespace before the answer belongs to it."""
    return window.count(prompt + answer) > window.count(prompt.rstrip())
