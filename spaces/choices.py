"""Values of the study file that are fixed or searched: one value, a list, or a range."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    model_validator,
)
from pydantic.fields import FieldInfo

from spaces.errors import UnfitError


class Spec(BaseModel):
    """Base class of every section parsed from a study file: frozen, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    former: ClassVar[Mapping[str, str]] = {}
    """Former names of fields, to their current names. Files and stored studies may still use them."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy with changed fields; pydantic itself would take any name for a field."""
        unknown = set(update or ()) - set(type(self).model_fields)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {sorted(unknown)}.")
        return super().model_copy(update=update, deep=deep)

    @model_validator(mode="before")
    @classmethod
    def _check_before_pydantic(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, dict):
            return data
        renamed = cls._renamed(data)
        if info.context is not None:
            info.context.update({new: old for old, new in cls.former.items() if old in data})
        cls._refuse_truth_values(renamed)
        return renamed

    @classmethod
    def _renamed(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Return the data with every field under its current name."""
        for old, new in cls.former.items():
            if old in data and new in data:
                raise UnfitError(f"`{old}` is the former name of `{new}`; keep only `{new}`", code="field-twice")
        return {cls.former.get(name, name): value for name, value in data.items()}

    @classmethod
    def _refuse_truth_values(cls, data: dict[str, Any]) -> None:
        """Refuse `true` for a number, which pydantic would read as 1."""
        for name, value in data.items():
            field = cls.model_fields.get(name)
            if isinstance(value, bool) and field is not None and _is_number(field):
                raise UnfitError(f"{name} must not be a truth value; got {str(value).lower()}", code="truth-value")


def _switch(value: object) -> object:
    """Turn true and false back into `on` and `off`, since YAML 1.1 reads these bare words as booleans."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


SWITCHES: tuple[Literal["auto", "on", "off"], ...] = ("auto", "on", "off")
Switch = Annotated[Literal["auto", "on", "off"], BeforeValidator(_switch)]
"""A setting that is on, off, or (`auto`) chosen by the base."""


def _is_number(field: FieldInfo) -> bool:
    """Whether a field, such as a `float | list[float] | None`, takes numbers but neither booleans nor text."""
    return _admits(field.annotation, int, float) and not _admits(field.annotation, bool, str)


def _admits(annotation: Any, *kinds: type) -> bool:
    """Whether a type contains one of these kinds, or a literal of one."""
    inner = get_args(annotation)
    return annotation in kinds or any(isinstance(part, kinds) or _admits(part, *kinds) for part in inner)


class IntRange(Spec):
    """Every whole number from `low` to `high`, both included."""

    low: int = Field(ge=1)
    high: int
    log: bool = False
    """Search on a logarithmic scale, for values that matter by their ratio."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_range(self)
        return self


class FloatRange(Spec):
    """Every number from `low` to `high`."""

    low: float = Field(gt=0)
    high: float
    log: bool = False
    """Search on a logarithmic scale, for values that matter by their ratio."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _check_range(self)
        return self


class RateRange(FloatRange):
    """A range of learning rates, searched on a logarithmic scale by default."""

    log: bool = True


class ShareRange(FloatRange):
    """A range of shares in [0, 1)."""

    low: float = Field(ge=0)
    high: float = Field(lt=1)


def _check_range(limits: IntRange | FloatRange) -> None:
    if limits.low >= limits.high:
        raise UnfitError(f"low must be less than high, got low {limits.low} and high {limits.high}", code="range-empty")
    if limits.log and limits.low <= 0:
        raise UnfitError(f"low must be above 0 if log is true, got {limits.low}", code="log-range-not-positive")


def form(value: object) -> str:
    """Return which form of a choice a file uses; decided before validation, so that errors concern that form only."""
    if isinstance(value, list | tuple):
        return "list"
    return "range" if isinstance(value, dict | Spec) else "one"


_Positive = Annotated[int, Field(gt=0)]
_Share = Annotated[float, Field(ge=0, lt=1)]
_Rate = Annotated[float, Field(gt=0)]
_Form = Discriminator(form)

One = Tag("one")
Several = Tag("list")
Ranged = Tag("range")


def _values(values: list[Any]) -> list[Any]:
    if not values:
        raise UnfitError("a list must have at least 1 value", code="list-empty")
    if len(set(values)) < len(values):
        raise UnfitError(f"a value is listed twice, and would be tried twice as often: {values}", code="value-twice")
    return values


_Values = AfterValidator(_values)

IntChoice = Annotated[
    Annotated[_Positive, One] | Annotated[list[_Positive], _Values, Several] | Annotated[IntRange, Ranged],
    _Form,
]
FloatChoice = Annotated[
    Annotated[_Rate, One] | Annotated[list[_Rate], _Values, Several] | Annotated[FloatRange, Ranged],
    _Form,
]
RateChoice = Annotated[
    Annotated[_Rate, One] | Annotated[list[_Rate], _Values, Several] | Annotated[RateRange, Ranged],
    _Form,
]
ShareChoice = Annotated[
    Annotated[_Share, One] | Annotated[list[_Share], _Values, Several] | Annotated[ShareRange, Ranged],
    _Form,
]
NameChoice = Annotated[Annotated[str, One] | Annotated[list[str], _Values, Several], _Form]


def options(choice: object) -> tuple[Any, ...]:
    """Return the listed values of a choice: one for a fixed value, none for a range."""
    if isinstance(choice, list):
        return tuple(choice)
    return () if isinstance(choice, IntRange | FloatRange) else (choice,)


def distribution(choice: object) -> BaseDistribution | None:
    """Return the distribution that a sampler draws this choice from, or None if the choice is fixed."""
    match choice:
        case IntRange():
            return IntDistribution(choice.low, choice.high, log=choice.log)
        case FloatRange():
            return FloatDistribution(choice.low, choice.high, log=choice.log)
        case list() if len(choice) > 1:
            return CategoricalDistribution(choice)
        case _:
            return None


def largest(choice: object) -> float:
    """Return the largest number of a choice."""
    return float(choice.high if isinstance(choice, IntRange | FloatRange) else max(options(choice)))


def pick(choice: object, params: dict[str, Any], name: str) -> Any:
    """Return the value of a choice in one trial: from the trial's parameters if searched, else the fixed value."""
    return params[name] if distribution(choice) is not None else options(choice)[0]
