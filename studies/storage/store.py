"""The study database: open it, and create, load, update and remove studies."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
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
from spaces import InputError
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
"""Packages whose versions are stored with a study."""
_CONFIRMATION = "/confirmation"
"""Suffix of the study that stores another study's confirmation runs: a sampler must not learn from them."""


def open_store(url: str, *, reading: bool = False) -> Store:
    """Open a database of studies; a missing SQLite file is created, except for reading.

    Args:
        url: URL of the database, without a password.
        reading: whether to open the database read-only; for an SQLite file this needs no write permission.

    Raises:
        InputError: the database cannot be opened, or its URL contains a password.
    """
    return Store(open_storage(url, reading=reading))


class Store:
    """A database that may contain several studies."""

    def __init__(self, database: StudyStorage) -> None:
        """Wrap an open database."""
        self.database = database
        self.url = database.url

    @property
    def storage(self) -> RDBStorage:
        """Optuna's storage of the database."""
        return self.database.optuna

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self.database.close()

    def names(self) -> list[str]:
        """Return the names of the studies in the database, without confirmations."""
        with self.database.explained():
            return sorted(name for name in optuna.get_all_study_names(self.storage) if not name.endswith(_CONFIRMATION))

    def name_now(self, number: int) -> str:
        """Return a study's current name by its `number` in the database, which never changes."""
        with self.database.explained():
            return self.storage.get_study_name_from_id(number)

    def number(self, name: str) -> int:
        """Return a study's number in the database."""
        with self.database.explained():
            return self.storage.get_study_id_from_name(name)

    def is_launched(self, name: str) -> bool:
        """Return whether there is a study of this name whose launch was completed."""
        with self.database.explained():
            return name in self.names() and _SPEC in self.open_study(name).user_attrs

    def lease(self, name: str) -> LeasedDriver:
        """Return a driver that can acquire a study's lease, which is independent of the study's name.

        Raises:
            InputError: there is no such study.
        """
        return self.database.driver(f"study {self.number(name)}", name)

    def create(self, spec: StudySpec, prepared: Prepared, folder: Path) -> None:
        """Create a study.

        Args:
            spec: specification of the study.
            prepared: prepared texts and questions of the study.
            folder: folder of the study's adapters and report.

        Raises:
            InputError: the name is already taken.
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
                    f"A study that was launched as {spec.name!r} and later renamed stores its confirmation in "
                    f"{shown(self.url)} under this name. Choose another `name:` in the study file.",
                    code="confirmation-name-taken",
                )
            study.set_user_attr(_CREATED, datetime.now().astimezone().isoformat(timespec="seconds"))
            study.set_user_attr(_ID, uuid.uuid4().hex[:12])
            study.set_user_attr(_VERSIONS, versions(_PACKAGES))
            study.set_user_attr(_TEXTS, [asdict(text) for text in stored_texts(prepared)])
            study.set_user_attr(_INPUTS, dict(prepared.inputs))
            study.set_user_attr(_READING, dict(prepared.reading))
            study.set_user_attr(_METRIC, prepared.metric)
            study.set_user_attr(_HOLDOUT, prepared.holdout.to_dict() if prepared.holdout else None)
            study.set_user_attr(_FOLDER, str(folder.resolve()))
            study.set_user_attr(_SPEC, spec.to_dict())  # last: a study without a specification counts as not launched

    def load(self, name: str) -> StoredStudy:
        """Load a study with all its trials.

        Raises:
            InputError: there is no study of this name.
        """
        with self.database.explained():
            study = self._load_optuna_study(name)
            attributes = study.user_attrs
            launched_as = attributes[_SPEC]["name"]
            return StoredStudy(
                spec=_read_spec(name, attributes[_SPEC]),
                launched_as=launched_as,
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
                confirmation=self._confirmation(launched_as),
            )

    def _load_optuna_study(self, name: str) -> optuna.Study:
        """Return the Optuna study, checked to be created by mixtune and to maximize.

        Raises:
            InputError: there is no such study of this name.
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
                f"The study {name!r} in {shown(self.url)} was not created by mixtune, or its launch was interrupted. "
                "Launch it again; if the study belongs to another program, choose another name.",
                code="study-of-other-program",
            )
        if study.directions[0] is not StudyDirection.MAXIMIZE:
            raise InputError(
                f"The study {name!r} in {shown(self.url)} minimizes, and mixtune's studies maximize. It was "
                "changed by another program; launch it again under another name.",
                code="study-minimizes",
            )
        return study

    def begin_confirmation(self, name: str) -> str:
        """Create the study that stores the confirmation runs, if missing; return its name."""
        with self.database.explained():
            confirmation = optuna.create_study(
                storage=self.storage,
                study_name=self._launched_as(name) + _CONFIRMATION,
                direction="maximize",
                load_if_exists=True,
            )
            return confirmation.study_name

    def _confirmation(self, launched_as: str) -> tuple[TrialRecord, ...]:
        name = launched_as + _CONFIRMATION
        return _records(self.open_study(name)) if name in optuna.get_all_study_names(self.storage) else ()

    def _launched_as(self, name: str) -> str:
        """Return the name under which a study was launched; another program may have renamed it since."""
        return str(self.open_study(name).user_attrs.get(_SPEC, {}).get("name", name))

    def forget(self, name: str) -> None:
        """Remove a study and its confirmation."""
        with self.database.explained():
            confirmation = self._launched_as(name) + _CONFIRMATION
            if confirmation in optuna.get_all_study_names(self.storage):
                optuna.delete_study(study_name=confirmation, storage=self.storage)
            optuna.delete_study(study_name=name, storage=self.storage)

    def open_study(self, name: str) -> optuna.Study:
        """Return the study as an `optuna.Study`, for Optuna's own analyses."""
        with self.database.explained():
            return optuna.load_study(study_name=name, storage=self.storage)

    def update(self, name: str, spec: StudySpec) -> None:
        """Replace the specification of a study; the name under which it was launched is kept."""
        with self.database.explained():
            stored = spec.to_dict() | {"name": self._launched_as(name)}
            self.open_study(name).set_user_attr(_SPEC, stored)

    def update_texts(self, name: str, texts: Iterable[StoredText]) -> None:
        """Replace the texts of a study."""
        with self.database.explained():
            self.open_study(name).set_user_attr(_TEXTS, [asdict(text) for text in texts])


def _records(study: optuna.Study) -> tuple[TrialRecord, ...]:
    records = (read_record(trial) for trial in study.get_trials(deepcopy=False))
    return tuple(record for record in records if record is not None)


def _read_spec(name: str, stored: Any) -> StudySpec:
    try:
        spec = StudySpec.model_validate(_with_former_reading(stored))
        return spec.model_copy(update={"name": name})  # names given by other programs may not be valid folder names
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"The study {name!r} was stored by another version of mixtune, whose study files this version cannot read "
            f"({'.'.join(map(str, first['loc']))}: {first['msg']}). Use the version that created it.",
            code="study-of-other-version",
        ) from error


def _with_former_reading(stored: Any) -> Any:
    """Turn special tokens and chat templates off in a specification stored before they could be chosen.

    Otherwise new trials could not be compared with the existing ones.
    """
    objective = stored.get("objective", {})
    if objective.get("kind", "finetune") != "finetune" or "add_bos_token" in objective:
        return stored
    scores = [{**score, "chat_template": "off"} for score in objective.get("scores", [])]
    return {**stored, "objective": {**objective, "add_bos_token": "off", "scores": scores}}


def stored_texts(prepared: Prepared) -> list[StoredText]:
    """Return the texts of a study as they are stored at its launch."""
    return [
        StoredText(text.name, text.sha256, text.words, text.tokens, text.group, prepared.found.get(text.name, 0))
        for text in prepared.corpus.texts
    ]
