"""Scores that the user's own Python code computes, checked before they count."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from objectives.base import Score
from objectives.questions import SEARCHED, ItemWeights, QuestionSubset, select
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.function.spec import FunctionScoreSpec
from objectives.scoring.scorer import Checked, refuse_few, splits_of
from spaces import Corpus, FieldError, MixtuneError
from spaces.functions import UserFunction, check_call
from spaces.trial import fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.bases.encoding import TextEncoding


class FunctionScorer:
    """Calls the user's function with the model as it is now."""

    def __init__(self, spec: FunctionScoreSpec, corpus: Corpus, model: PreTrainedModel, encoding: TextEncoding) -> None:
        self._spec = spec
        self._model = model
        self._tokenizer = encoding.tokenizer
        self._questions = questions_of(spec.function)
        self._count: int | None = None
        """Numbers that a function without questions returned first, and must return each time."""

    @staticmethod
    def prepare(spec: FunctionScoreSpec, corpus: Corpus, window: ContextWindow, kept: Mapping[str, float]) -> Checked:
        """See `ScorerClass`."""
        function, questions = spec.function, questions_of(spec.function)
        check_call(function, 3 if questions else 2)
        asked = fingerprint([list(map(_key, questions)), spec.holdout, spec.split_seed] if questions else [])
        holdout = None
        if questions and spec.holdout:
            numbers = [_chosen(questions, QuestionSubset(split), spec) for split in splits_of(spec)]
            refuse_few(f"the scorer {function.name!r}", set(numbers[-1]), spec)
            holdout = _equal_weights(len(numbers[1]))
        inputs = {f"the scorer {function.path!r}": f"{function.digest}{asked}"}
        return Checked(function.name, inputs, holdout)

    @staticmethod
    def samples(spec: FunctionScoreSpec, corpus: Corpus, window: ContextWindow) -> list[str]:
        """See `ScorerClass`."""
        return [question for question in questions_of(spec.function)[:8] if isinstance(question, str)]

    def score(self, part: QuestionSubset = SEARCHED) -> Score:
        """Mean of what the function returns; questions are taken as independent."""
        function, arguments = self._spec.function, []
        if self._questions:
            numbers = _chosen(self._questions, part, self._spec)
            arguments = [[self._questions[number] for number in numbers]]
        with torch.no_grad():
            returned = function.target(self._model, self._tokenizer, *arguments)
        items = _checked(returned, function, len(arguments[0]) if arguments else self._count)
        self._count = None if arguments else len(items)
        weights = _equal_weights(len(items))
        value = weights.mean(items)
        return Score(value, weights.stderr(items), tuple(items.tolist()), {function.name: value}, weights)


def questions_of(function: UserFunction) -> Sequence[Any]:
    """The questions that a scorer brings along; empty if it has none.

    Raises:
        FieldError: its attribute `questions` is not a sequence with something in it.
    """
    questions = getattr(function.target, "questions", None)
    if questions is None:
        return ()
    if not isinstance(questions, Sequence) or isinstance(questions, str) or not questions:
        raise FieldError(
            "objective.scores",
            f"`questions` of the scorer {function.path!r} must be a list or tuple with at least one question; got "
            f"{type(questions).__name__}.",
            code="questions-malformed",
        )
    return questions


def _key(question: Any) -> str:
    """A text that is equal for equal questions, in every process.

    Raises:
        FieldError: the question holds objects, whose texts would differ.
    """
    if isinstance(question, str):
        return question
    try:
        return json.dumps(asdict(question) if is_dataclass(question) else question, sort_keys=True)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise FieldError(
            "objective.scores",
            "a question of a scorer must be text, or made of text, numbers, lists, mappings and data classes, so that "
            f"all workers divide the questions in the same way; got {type(question).__name__}.",
            code="questions-malformed",
        ) from error


def _chosen(questions: Sequence[Any], part: QuestionSubset, spec: FunctionScoreSpec) -> list[int]:
    return select([fingerprint(_key(question)) for question in questions], part, spec.holdout, spec.split_seed)


def _equal_weights(count: int) -> ItemWeights:
    return ItemWeights.of([0] * count, range(count), [1.0] * count)


def _checked(returned: Any, function: UserFunction, wanted: int | None) -> NDArray[np.float64]:
    """Numbers that a function returned, of shape (questions,).

    Raises:
        MixtuneError: it returned something else, another number of numbers, or a number that is not finite.
    """
    rule = "a number or a sequence of numbers" if wanted is None else f"{wanted} numbers, one for each question"
    if isinstance(returned, torch.Tensor):
        returned = returned.detach().float().cpu().numpy()
    try:
        items = np.atleast_1d(np.asarray(returned, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise _unusable(function, rule, type(returned).__name__) from error
    if items.ndim != 1 or not items.size or (wanted is not None and items.size != wanted):
        raise _unusable(function, rule, f"an array of shape {items.shape}")
    if not np.isfinite(items).all():
        raise _unusable(function, f"{rule}, all finite", str(items[~np.isfinite(items)][0]))
    return items


def _unusable(function: UserFunction, rule: str, came: str) -> MixtuneError:
    return MixtuneError(f"The scorer {function.path!r} must return {rule}; got {came}.", code="scorer-returned")
