"""A study's specification from what a Python caller gives: a file, a mapping, keyword arguments, functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypedDict

from objectives.spec import FinetuneSpec
from search.spec import SearchSpec
from spaces import FieldError, InputError
from spaces.errors import FileError, did_you_mean, listed
from spaces.yaml.reading import located, validated
from studies.spec import StudySpec, bound, functions_of, read_study, refuse_ambiguous

_SECTIONS = ("space", "objective", "search")
_TOP = ("name", "seed", "storage", "artifacts")
_FUNCTION = "function"
_SCORED = dict.fromkeys(("tasks", "heldout", "scorers"), "objective.scores")
_FORMER = {"objective": FinetuneSpec.former, "search": SearchSpec.former}
_FIELDS = {"texts": ("space", "texts", "folder"), "trials": ("search", "trials"), "tokens": ("objective", "tokens")} | {
    "base": ("objective", "base")
}


class StudyFields(TypedDict, total=False):
    """Keyword arguments of `Study.create`, which replace what the study file or the defaults say.

    Examples:
        >>> fields: StudyFields = {"texts": "library", "trials": 40}
    """

    name: str
    """Name of the study and of its folder."""
    texts: Path | str
    """Folder of the texts to rate."""
    base: str
    """`tiny`, the folder of a model, or its name on the hub."""
    tasks: Sequence[str]
    """Tasks of lm-eval to score on; the first is what the search maximizes."""
    heldout: str
    """Name of the text whose end is scored."""
    scorers: Sequence[Callable[..., Any]]
    """Own scorers, called as `scorer(model, tokenizer)`; they stand before `tasks` and `heldout`."""
    objective: Callable[..., Any] | Mapping[str, Any]
    """Own objective, called as `objective(trial)`; or fields of the section `objective:`."""
    trials: int
    """Trials of the whole study."""
    tokens: int
    """Training tokens of a trial."""
    seed: int
    """Seed of the search."""
    storage: str
    """URL of the database; SQLite in the study's folder if not given."""
    artifacts: str
    """Folder or URL where trials keep adapters and state; in the study's folder if not given."""
    space: Mapping[str, Any]
    """Fields of the section `space:`."""
    search: Mapping[str, Any]
    """Fields of the section `search:`."""


def spec_of(given: StudySpec | Mapping[str, Any] | Path | str | None, fields: StudyFields) -> StudySpec:
    """The specification of a new study; paths start at the study file, or at the current folder.

    Args:
        given: a specification, its data, the path of a study file, or None for the defaults of `mixtune init`.
        fields: changes to it, by the keyword arguments of `Study.create`.

    Raises:
        InputError: a file or a field cannot be used.
    """
    changes = _checked(fields)
    if isinstance(given, str | Path):
        given = read_study(Path(given))
    if not isinstance(given, StudySpec):
        data = dict(given) if given is not None else _defaults(changes)
        return refuse_ambiguous(validated(_changed(data, changes), StudySpec, "study").anchored(Path.cwd()))
    made = validated(_changed(given.to_dict(), changes), StudySpec, "study").anchored(Path.cwd())
    if isinstance(given.objective, FinetuneSpec) and not {"base", "objective"} & changes.keys():
        base = given.objective.base  # a file's base was looked for in the file's folder
        made = made.model_copy(update={"objective": made.objective.model_copy(update={"base": base})})
    return refuse_ambiguous(bound(made, functions_of(given)))


def _checked(fields: StudyFields) -> dict[str, Any]:
    """Keyword arguments that were given, in the forms that a study file has.

    Raises:
        InputError: one is unknown, or does not go with the others.
    """
    known = list(StudyFields.__annotations__)
    checked = {name: value for name, value in fields.items() if value is not None}
    for name in checked:
        if name not in known:
            raise InputError(
                f"Study.create takes {listed(known, 20)}; got {name!r}.{did_you_mean(name, known)}",
                code="argument-unknown",
            )
    for name in ("tasks", "scorers"):
        value = checked.get(name)
        if value is not None and (isinstance(value, str) or callable(value)):
            checked[name] = [value]
    scored = sorted({"base", "tasks", "heldout", "scorers"} & checked.keys())
    if callable(checked.get("objective")) and scored:
        raise InputError(
            f"An objective that is a function scores trials itself, so {listed(scored)} cannot be given with it.",
            code="argument-unfit",
        )
    return checked


@contextmanager
def located_in(given: object, fields: Mapping[str, Any] = MappingProxyType({})) -> Iterator[None]:
    """Add the line of the study file, if one was given, to an error about a field that it sets itself."""
    if not isinstance(given, str | Path):
        yield
        return
    try:
        with located(Path(given)):
            yield
    except FileError as error:
        cause = error.__cause__
        changed = tuple(".".join(_FIELDS.get(name, (_SCORED.get(name, name),))) for name in fields)
        if isinstance(cause, FieldError) and cause.field.startswith(changed):
            raise cause from None
        raise


def _defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The study that `mixtune init` writes for a folder, without timing anything.

    Raises:
        InputError: no folder of texts was given, or it cannot be read.
    """
    from studies.jobs.starter import Starter, starting_spec

    if "texts" not in fields:
        raise InputError(
            "Study.create needs a study file, a mapping, or texts=FOLDER with the texts to rate.", code="texts-missing"
        )
    heldout = fields.get("heldout")
    starter = Starter(Path(fields["texts"]), fields.get("base", "tiny"), tuple(fields.get("tasks", ())), heldout)
    data = starting_spec(starter)
    objective = fields.get("objective", {})
    if callable(objective) or _FUNCTION in objective:  # it trains as it likes: nothing but the texts varies
        space = {"texts": data["space"]["texts"]}
        return {"name": data["name"], "space": space, "objective": {}, "search": data["search"]}
    return data


def _changed(data: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a study with the changes that keyword arguments ask for."""
    changed = {**data, **{name: fields[name] for name in _TOP if name in fields}}
    for name in _SECTIONS:
        if name in fields:
            changed[name] = _section(_renamed(name, changed.get(name, {})), _renamed(name, fields[name]))
    for name, path in _FIELDS.items():
        if name in fields:
            value = str(fields[name]) if name == "texts" else fields[name]
            changed = _merged(changed, _nested(path, value))
    scores = _scores(fields)
    return _merged(changed, {"objective": {"scores": scores}}) if scores else changed


def _section(before: Mapping[str, Any], given: Any) -> Any:
    if callable(given):
        kept = before if _FUNCTION in before else {}
        return {**kept, "kind": _FUNCTION, "function": given}
    usual = before.get("kind", "finetune")
    if isinstance(given, Mapping) and given.get("kind", usual) == usual:
        return _merged(before, given)
    return given


def _renamed(section: str, given: Any) -> Any:
    """Fields of a section under today's names, so that two names of one field are not taken for two fields."""
    former = _FORMER.get(section, {})
    if not isinstance(given, Mapping):
        return given
    return {former.get(name, name) if former.get(name) not in given else name: value for name, value in given.items()}


def _scores(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Entries of `objective.scores` that the keywords tasks, heldout and scorers ask for."""
    scores: list[dict[str, Any]] = []
    if tasks := fields.get("tasks"):
        scores.append({"kind": "benchmark", "tasks": list(tasks)})
    if heldout := fields.get("heldout"):
        scores.append({"kind": "heldout", "text": heldout})
    return [*({"kind": _FUNCTION, "function": each} for each in fields.get("scorers", ())), *scores]


def _nested(path: Sequence[str], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    return dict(value)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """One mapping with another's values in place of its own, section by section."""
    merged = dict(old)
    for name, value in new.items():
        before = merged.get(name)
        merged[name] = _merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged
