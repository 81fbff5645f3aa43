"""Schema of a whole study file: the sections of the other packages and the study's own fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from objectives.bases import BASES
from objectives.spec import FinetuneSpec, FunctionSpec, ObjectiveSpec
from search.spec import SearchSpec
from search.storage import storage_of
from spaces.choices import Spec
from spaces.errors import InputError, UnfitError
from spaces.functions import UserFunction, user_function
from spaces.paths import beside
from spaces.spec import SpaceSpec
from spaces.trial import fingerprint
from spaces.yaml.reading import parse, read_file


def check_name(name: str) -> None:
    """Check that a study's name is a valid folder name.

    Raises:
        InputError: the name is not valid.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise InputError(
            "the name of a study must be up to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first a letter or a digit; "
            f"got {name!r}",
            code="study-name-malformed",
        )


class StudySpec(Spec):
    """Complete specification of a study."""

    model_config = ConfigDict(populate_by_name=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    """Version of the file format."""
    name: str
    """Name of the folder `runs/<name>` and of the study in its database: letters, digits, `.`, `_` and `-`."""
    seed: int = Field(0, ge=0)
    storage: str | None = None
    """Database URL without a password; default: SQLite in `runs/<name>/study.db`."""
    artifacts: str | None = None
    """Where trials store adapters and state: a folder that every machine can access, or a URL that fsspec supports
    (`s3://bucket/folder`); default: `runs/<name>/artifacts`."""
    space: SpaceSpec
    objective: ObjectiveSpec
    search: SearchSpec = SearchSpec()

    @field_validator("name")
    @classmethod
    def _is_folder_name(cls, name: str) -> str:
        try:
            check_name(name)
        except InputError as error:
            raise UnfitError(str(error), code=error.code) from error
        return name

    @field_validator("storage")
    @classmethod
    def _without_password(cls, storage: str | None) -> str | None:
        if storage is not None:
            try:
                storage_of(storage)
            except InputError as error:
                raise UnfitError(str(error), code=error.code) from error
        return storage

    @field_validator("artifacts")
    @classmethod
    def _without_credentials(cls, artifacts: str | None) -> str | None:
        if artifacts is not None and "://" in artifacts and "@" in artifacts.split("://")[1].split("/")[0]:
            raise UnfitError(
                "the URL of the artifacts contains a password or a key, which would be stored with the study. Leave it "
                "out: fsspec reads credentials from the environment or from its own configuration files",
                code="url-holds-password",
            )
        return artifacts

    def to_dict(self) -> dict[str, Any]:
        """Return JSON data from which the same specification can be loaded."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def fingerprint(self) -> str:
        """Hash of everything that determines a trial's score: space, objective and seed."""
        data = self.to_dict()
        return fingerprint([data["space"], data["objective"], data["seed"]])

    def anchored(self, folder: Path) -> StudySpec:
        """Return a copy of the study with relative paths resolved against `folder`, the study file's folder."""
        space = self.space.model_copy(
            update={"texts": self.space.texts.model_copy(update={"folder": beside(self.space.texts.folder, folder)})}
        )
        objective = self.objective
        if isinstance(objective, FinetuneSpec):
            base = folder / objective.base
            is_folder = objective.base not in BASES and base.is_dir()
            objective = objective.model_copy(
                update={
                    "base": str(base.resolve()) if is_folder else objective.base,
                    "scores": [score.anchored(folder) for score in objective.scores],
                }
            )
        storage = storage_of(self.storage).beside(folder) if self.storage is not None else None
        artifacts = self.artifacts
        if artifacts is not None and "://" not in artifacts:
            artifacts = str(beside(Path(artifacts), folder))
        update = {"space": space, "objective": objective, "storage": storage, "artifacts": artifacts}
        return self.model_copy(update=update)


_WHAT, _FIRST = "study file", "name: my-study"


def read_study(path: Path) -> StudySpec:
    """Load and validate a study file; relative paths in the file are resolved against its folder.

    Raises:
        InputError: the file is invalid; the message has one paragraph per problem.
    """
    hint = " `mixtune init FOLDER` writes one for a folder of texts."
    return read_file(path, StudySpec, _WHAT, _FIRST, hint).anchored(path.parent.resolve())


def parse_study(content: str, path: Path) -> StudySpec:
    """Parse and validate the text of a study file; `path` is used in messages only.

    Raises:
        InputError: see `read_study`.
    """
    return parse(content, path, StudySpec, _WHAT, _FIRST)


def functions_of(spec: StudySpec) -> dict[str, UserFunction]:
    """The user's functions that a study calls, by their import paths."""
    return {function.path: function for function in _functions(spec)}


def _functions(spec: StudySpec) -> list[UserFunction]:
    objective = spec.objective
    if isinstance(objective, FunctionSpec):
        return [objective.function]
    found = (getattr(score, "function", None) for score in getattr(objective, "scores", ()))
    return [function for function in found if isinstance(function, UserFunction)]


def refuse_ambiguous(spec: StudySpec) -> StudySpec:
    """Return a study whose functions can be told apart by their import paths, which are all that it stores.

    Raises:
        InputError: two different functions have one path.
    """
    named(_functions(spec))
    return spec


def bound(spec: StudySpec, functions: Mapping[str, UserFunction]) -> StudySpec:
    """The same study with these functions in place of import paths, which cannot always be imported.

    A function that the study holds itself is not replaced.
    """
    objective = spec.objective
    if not _functions(spec):
        return spec

    def held(function: UserFunction) -> UserFunction:
        return functions.get(function.path, function) if function.given is None else function

    if isinstance(objective, FunctionSpec):
        update: dict[str, Any] = {"function": held(objective.function)}
    else:
        scores = [
            score.model_copy(update={"function": held(score.function)})
            if isinstance(getattr(score, "function", None), UserFunction)
            else score
            for score in getattr(objective, "scores", ())
        ]
        update = {"scores": scores}
    return spec.model_copy(update={"objective": objective.model_copy(update=update)})


def named(functions: Sequence[Callable[..., Any] | UserFunction]) -> dict[str, UserFunction]:
    """Functions by the import paths under which a study stores them.

    Raises:
        InputError: two different functions have one path.
    """
    found: dict[str, UserFunction] = {}
    try:
        made = [user_function(function) for function in functions]
    except UnfitError as error:
        raise InputError(f"A function of a study {error}.", code=error.code) from error
    for function in made:
        if found.setdefault(function.path, function).given is not function.given:
            raise InputError(
                f"Two different functions are called {function.path!r}, and a study tells them apart by that name. "
                "Define them with `def`, under different names.",
                code="functions-alike",
            )
    return found
