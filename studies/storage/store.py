"""The study database: opening it, making a study in it, reading a study back."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from pydantic import ValidationError

from objectives.base import Prepared
from objectives.questions import ItemWeights
from objectives.versions import versions
from search.secondary import directions
from search.storage import open_storage
from search.storage.kind import StudyStorage
from search.storage.leases import LeasedDriver
from search.storage.records import TrialRecord, read_record
from search.storage.urls import shown
from spaces import InputError, Text
from spaces.errors import did_you_mean, listed
from studies.spec import StudySpec
from studies.storage.places import taken
from studies.storage.stored import StoredStudy, StoredText

optuna.logging.set_verbosity(optuna.logging.WARNING)

_FOLDER = "folder"
_INPUTS = "inputs"
_SPEC = "spec"
_TEXTS = "texts"
_READING = "reading"
_METRIC = "metric"
_HOLDOUT = "holdout"
_CREATED = "created"
_ID = "id"
_VERSIONS = "versions"
_PACKAGES = ("mixtune", "optuna", "torch", "transformers", "peft", "ray", "lm-eval", "safetensors", "scikit-learn")
"""Whose versions are stored with a study."""
_CONFIRMATION = "/confirmation"
"""Ends the name of the study that holds another's runs on fresh questions: a sampler must not learn from them."""


def open_store(url: str, *, reading: bool = False) -> Store:
    """The studies of a database; an SQLite file is made where there is none, except for reading.

    Args:
        url: URL of the database, without a password.
        reading: open it for reading alone; in an SQLite file that needs no right to write.

    Raises:
        InputError: it cannot be opened, or its URL holds a password.
    """
    return Store(open_storage(url, reading=reading))


class Store:
    """A database that may hold several studies."""

    def __init__(self, database: StudyStorage) -> None:
        """Name the database, which is open."""
        self.database = database
        self.url = database.url

    @property
    def storage(self) -> RDBStorage:
        """The database as Optuna reads and writes it."""
        return self.database.optuna

    def close(self) -> None:
        """Close the connections; the next use opens others."""
        self.database.close()

    def names(self) -> list[str]:
        """Names of the studies in the database."""
        with self.database.explained():
            return sorted(name for name in optuna.get_all_study_names(self.storage) if not name.endswith(_CONFIRMATION))

    def name_now(self, number: int) -> str:
        """A study's present name; `number`: its own in the database, which no program changes."""
        with self.database.explained():
            return self.storage.get_study_name_from_id(number)

    def number(self, name: str) -> int:
        """A study's own number in the database."""
        with self.database.explained():
            return self.storage.get_study_id_from_name(name)

    def begun(self, name: str) -> bool:
        """Whether there is a study of that name whose launch was not cut off."""
        with self.database.explained():
            return name in self.names() and _SPEC in self.open_study(name).user_attrs

    def lease(self, name: str) -> LeasedDriver:
        """A driver of a study that may take its lease, under whatever name the study goes.

        Raises:
            InputError: there is no such study.
        """
        return self.database.driver(f"study {self.number(name)}", name)

    def create(self, spec: StudySpec, prepared: Prepared, folder: Path) -> None:
        """Make a study.

        Args:
            spec: what it is made from.
            prepared: its texts, counted, and what is known of its questions.
            folder: of its adapters and its report.

        Raises:
            InputError: there is one of that name.
        """
        with self.database.explained():
            try:
                study = optuna.create_study(
                    storage=self.storage, study_name=spec.name, directions=directions(spec.search.secondary_objective)
                )
            except DuplicatedStudyError as error:
                study = self.open_study(spec.name)
                if _SPEC in study.user_attrs or study.trials:
                    raise InputError(taken(spec.name, self.url, folder), code="name-taken") from error
            if spec.name + _CONFIRMATION in optuna.get_all_study_names(self.storage):
                optuna.delete_study(study_name=spec.name, storage=self.storage)
                raise InputError(
                    f"A study that was launched as {spec.name!r} and renamed since keeps its confirmation in "
                    f"{shown(self.url)} under this name. Choose another `name:` in the study file.",
                    code="confirmation-name-taken",
                )
            study.set_user_attr(_CREATED, datetime.now().astimezone().isoformat(timespec="seconds"))
            study.set_user_attr(_ID, uuid.uuid4().hex[:12])
            study.set_user_attr(_VERSIONS, versions(_PACKAGES))
            found = prepared.found
            study.set_user_attr(_TEXTS, [_stored_text(text, found.get(text.name, 0)) for text in prepared.corpus.texts])
            study.set_user_attr(_INPUTS, dict(prepared.inputs))
            study.set_user_attr(_READING, dict(prepared.reading))
            study.set_user_attr(_METRIC, prepared.metric)
            study.set_user_attr(_HOLDOUT, prepared.holdout.to_dict() if prepared.holdout else None)
            study.set_user_attr(_FOLDER, str(folder.resolve()))
            study.set_user_attr(_SPEC, spec.to_dict())  # last: a study without it was never begun

    def load(self, name: str) -> StoredStudy:
        """Read a study with all its trials.

        Raises:
            InputError: there is none of that name.
        """
        with self.database.explained():
            study = self._ours(name)
            attributes = study.user_attrs
            begun_as = attributes[_SPEC]["name"]
            return StoredStudy(
                spec=_read_spec(name, attributes[_SPEC]),
                begun_as=begun_as,
                url=self.url,
                folder=Path(attributes.get(_FOLDER, f"runs/{name}")),
                texts=tuple(StoredText(**text) for text in attributes[_TEXTS]),
                inputs=attributes.get(_INPUTS, {}),
                id=attributes.get(_ID, ""),
                reading=attributes.get(_READING, {}),
                metric=attributes.get(_METRIC, "score"),
                holdout=ItemWeights.from_dict(attributes[_HOLDOUT]) if attributes.get(_HOLDOUT) else None,
                created=datetime.fromisoformat(attributes[_CREATED]),
                versions=attributes.get(_VERSIONS, {}),
                records=_records(study),
                confirmation=self._confirmation(begun_as),
            )

    def _ours(self, name: str) -> optuna.Study:
        """A study that this program made, and whose scores are higher the better.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.names():
            raise InputError(
                f"There is no study {name!r} in {shown(self.url)}.{did_you_mean(name, self.names())} "
                f"Studies there: {listed(self.names())}.",
                code="study-unknown",
            )
        study = optuna.load_study(study_name=name, storage=self.storage)
        if _SPEC not in study.user_attrs:
            raise InputError(
                f"The study {name!r} in {shown(self.url)} was not made by mixtune, or its launch was cut off "
                "before it began. Launch it again; another program's study keeps its name, choose another one "
                "then.",
                code="study-of-other-program",
            )
        if study.directions[0] is not StudyDirection.MAXIMIZE:
            raise InputError(
                f"The study {name!r} in {shown(self.url)} minimizes, and mixtune's studies maximize. It was "
                "changed by another program; launch it anew under another name.",
                code="study-minimizes",
            )
        return study

    def begin_confirmation(self, name: str) -> str:
        """Make the study that holds the runs of a confirmation, where there is none; return its name."""
        with self.database.explained():
            made = optuna.create_study(
                storage=self.storage,
                study_name=self._begun_as(name) + _CONFIRMATION,
                direction="maximize",
                load_if_exists=True,
            )
            return made.study_name

    def _confirmation(self, begun_as: str) -> tuple[TrialRecord, ...]:
        name = begun_as + _CONFIRMATION
        return _records(self.open_study(name)) if name in optuna.get_all_study_names(self.storage) else ()

    def _begun_as(self, name: str) -> str:
        """The name under which a study was launched; another program may have renamed it since."""
        return str(self.open_study(name).user_attrs.get(_SPEC, {}).get("name", name))

    def forget(self, name: str) -> None:
        """Remove a study."""
        with self.database.explained():
            confirmation = self._begun_as(name) + _CONFIRMATION
            if confirmation in optuna.get_all_study_names(self.storage):
                optuna.delete_study(study_name=confirmation, storage=self.storage)
            optuna.delete_study(study_name=name, storage=self.storage)

    def open_study(self, name: str) -> optuna.Study:
        """The study as Optuna sees it, for its own analyses."""
        with self.database.explained():
            return optuna.load_study(study_name=name, storage=self.storage)

    def update(self, name: str, spec: StudySpec) -> None:
        """Replace the specification of a study; the name under which it was launched is kept."""
        with self.database.explained():
            stored = spec.to_dict() | {"name": self._begun_as(name)}
            self.open_study(name).set_user_attr(_SPEC, stored)


def _records(study: optuna.Study) -> tuple[TrialRecord, ...]:
    found = (read_record(trial) for trial in study.get_trials(deepcopy=False))
    return tuple(record for record in found if record is not None)


def _read_spec(name: str, stored: Any) -> StudySpec:
    try:
        spec = StudySpec.model_validate(_with_former_reading(stored))
        return spec.model_copy(update={"name": name})  # other programs allow names that cannot be folders
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"The study {name!r} was stored by another version of mixtune, whose study files this one cannot read "
            f"({'.'.join(map(str, first['loc']))}: {first['msg']}). Use the version that made it.",
            code="study-of-other-version",
        ) from error


def _with_former_reading(stored: Any) -> Any:
    """A stored specification from before special tokens and chat templates could be chosen: it goes on without them.

    Trials that read otherwise could not be compared with those that the study has.
    """
    objective = stored.get("objective", {})
    if objective.get("kind", "finetune") != "finetune" or "add_bos_token" in objective:
        return stored
    scores = [{**score, "chat_template": "off"} for score in objective.get("scores", [])]
    return {**stored, "objective": {**objective, "add_bos_token": "off", "scores": scores}}


def _stored_text(text: Text, found: int) -> dict[str, Any]:
    return asdict(StoredText(text.name, text.sha256, text.words, text.tokens, text.group, found))
