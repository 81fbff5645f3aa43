"""A study file as a whole: the sections of the other packages, and the study's own fields."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from objectives.bases import BASES
from objectives.spec import FinetuneSpec, ObjectiveSpec
from search.spec import SearchSpec
from search.storage import storage_of
from spaces.choices import Spec
from spaces.errors import InputError, UnfitError
from spaces.paths import beside
from spaces.spec import SpaceSpec
from spaces.trial import fingerprint


def check_name(name: str) -> None:
    """See that a name can be a folder's.

    Raises:
        InputError: it cannot.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise InputError(
            "the name of a study must be up to 64 of a-z, A-Z, 0-9, '.', '_' and '-', the first a letter or a digit; "
            f"got {name!r}",
            code="study-name-malformed",
        )


class StudySpec(Spec):
    """Everything that a study is made from."""

    model_config = ConfigDict(populate_by_name=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    """The version of this file format."""
    name: str
    """Names the folder `runs/<name>` and the study in its database: letters, digits, `.`, `_` and `-`."""
    seed: int = Field(0, ge=0)
    storage: str | None = None
    """Database URL without a password; empty: SQLite in `runs/<name>/study.db`."""
    artifacts: str | None = None
    """Where trials keep adapters and state: a folder that every machine sees, or a URL that fsspec knows
    (`s3://bucket/folder`); empty: `runs/<name>/artifacts`."""
    space: SpaceSpec
    objective: ObjectiveSpec
    search: SearchSpec = SearchSpec()

    @field_validator("name")
    @classmethod
    def _stays_in_its_folder(cls, name: str) -> str:
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
    def _without_key(cls, artifacts: str | None) -> str | None:
        if artifacts is not None and "://" in artifacts and "@" in artifacts.split("://")[1].split("/")[0]:
            raise UnfitError(
                "the URL of the artifacts holds a password or a key, which would be stored with the study. Leave it "
                "out: fsspec reads them from the environment or from its own configuration files",
                code="url-holds-password",
            )
        return artifacts

    def to_dict(self) -> dict[str, Any]:
        """JSON data from which the same specification is read back."""
        return self.model_dump(mode="json", by_alias=True)

    @property
    def fingerprint(self) -> str:
        """A hash of everything that decides what a trial's score is: space, objective and seed."""
        data = self.to_dict()
        return fingerprint([data["space"], data["objective"], data["seed"]])

    def anchored(self, folder: Path) -> StudySpec:
        """A copy of the study with paths that start at `folder`, where the study file lies."""
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
