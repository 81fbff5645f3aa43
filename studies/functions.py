"""The user's own Python functions that a study calls, which its database knows by their import paths only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from objectives.spec import FunctionSpec
from spaces.functions import UserFunction, user_function
from studies.spec import StudySpec


def functions_of(spec: StudySpec) -> dict[str, UserFunction]:
    """The user's functions that a study calls, by their import paths."""
    objective = spec.objective
    if isinstance(objective, FunctionSpec):
        return {objective.function.path: objective.function}
    found = (getattr(score, "function", None) for score in getattr(objective, "scores", ()))
    return {function.path: function for function in found if isinstance(function, UserFunction)}


def bound(spec: StudySpec, functions: Mapping[str, UserFunction]) -> StudySpec:
    """The same study with these functions in place of equal import paths, which cannot always be imported."""
    objective = spec.objective
    if isinstance(objective, FunctionSpec):
        found = functions.get(objective.function.path, objective.function)
        return spec.model_copy(update={"objective": objective.model_copy(update={"function": found})})
    if not functions_of(spec):
        return spec
    scores = [
        score.model_copy(update={"function": functions.get(score.function.path, score.function)})
        if isinstance(getattr(score, "function", None), UserFunction)
        else score
        for score in getattr(objective, "scores", ())
    ]
    return spec.model_copy(update={"objective": objective.model_copy(update={"scores": scores})})


def named(functions: Sequence[Callable[..., Any]]) -> dict[str, UserFunction]:
    """Functions by the import paths under which a study stores them."""
    return {made.path: made for made in map(user_function, functions)}
