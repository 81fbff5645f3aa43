"""A database server that is away for a moment: every operation is tried again until it is back."""

from __future__ import annotations

import functools
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import sqlalchemy
from optuna.exceptions import DuplicatedStudyError, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError

from search.optuna_compat import storage_operations

PATIENCE = 300.0
"""Seconds for which a server may be away before a study gives up."""
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0
_CONNECTION_STATES = ("08", "57P01", "57P02", "57P03")
"""Beginnings of PostgreSQL's error codes that tell of the connection, not of what was asked."""

_SILENT = 1.0
"""Seconds of an outage that nobody needs to hear of."""
_told = -math.inf

Result = TypeVar("Result")
Done = tuple[type[Exception], Callable[[], object]]


def connection_lost(error: BaseException) -> bool:
    """Whether an error of the database says that its server was out of reach, rather than that a request was wrong."""
    found = error if isinstance(error, SQLAlchemyError) else error.__cause__
    if isinstance(found, PendingRollbackError):  # Optuna went on after an error of the connection
        return True
    if not isinstance(found, DBAPIError):
        return False
    if found.connection_invalidated:
        return True
    state = getattr(found.orig, "sqlstate", None)
    unreachable = isinstance(found, sqlalchemy.exc.OperationalError) and hasattr(found.orig, "sqlstate")
    return unreachable if state is None else state.startswith(_CONNECTION_STATES)


GIVEN_UP = threading.Event()
"""Set when the user stops the program: nobody waits for a database any more."""


def persistently(call: Callable[[], Result], patience: float = PATIENCE, done: Done | None = None) -> Result:
    """Call until the database's server answers, for `patience` seconds at most, and until the user stops the program.

    Args:
        call: one transaction.
        patience: seconds.
        done: error of a further try that says that an earlier one was done, its connection lost in the moment of the
            commit, and what it then returned; None where a transaction that is done twice is the same as once.

    Raises:
        StorageInternalError, SQLAlchemyError: it does not answer, or the error is of another kind.
    """
    ends, wait = time.monotonic() + patience, _FIRST_WAIT
    further = False
    while True:
        try:
            return call()
        except (StorageInternalError, SQLAlchemyError) as error:
            if not connection_lost(error) or time.monotonic() + wait > ends or GIVEN_UP.is_set():
                raise
        except Exception as error:
            if further and done is not None and isinstance(error, done[0]):
                return cast("Result", done[1]())
            raise
        if wait > _SILENT:
            _tell(patience)
        further = True
        GIVEN_UP.wait(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _tell(patience: float) -> None:
    """Say once an outage why nothing moves."""
    global _told  # noqa: PLW0603  one program meets one outage at a time
    if time.monotonic() > _told + patience:
        _told = time.monotonic()
        sys.stderr.write(f"The database does not answer; it is tried again for up to {patience / 60:.0f} minutes …\n")


class PersistentStorage(RDBStorage):
    """Optuna's storage on a server whose connections may drop: each operation is one transaction, done or not done.

    Where the connection drops in the moment of a commit, the operation is done twice. For most that is the same as
    once; making or removing a study, and ending a trial, are known to have been done before. A trial that is made
    twice is run as one that a dead driver left behind.
    """

    patience = PATIENCE

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        def made() -> int:
            if study_name is None:
                raise RuntimeError("A study without a name cannot be told from another one.")
            return self.get_study_id_from_name(study_name)

        call = functools.partial(super().create_new_study, directions, study_name)
        return persistently(call, self.patience, (DuplicatedStudyError, made))

    def delete_study(self, study_id: int) -> None:
        call = functools.partial(super().delete_study, study_id)
        return persistently(call, self.patience, (KeyError, lambda: None))

    def set_trial_state_values(self, trial_id: int, *arguments: Any, **options: Any) -> bool:
        call = functools.partial(super().set_trial_state_values, trial_id, *arguments, **options)
        return persistently(call, self.patience, (UpdateFinishedTrialError, lambda: True))


def _persistent(operation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(operation)
    def tried_again(self: PersistentStorage, *arguments: Any, **options: Any) -> Any:
        return persistently(functools.partial(operation, self, *arguments, **options), self.patience)

    return tried_again


def _operations() -> Mapping[str, Callable[..., Any]]:
    """Operations that Optuna calls on a storage, but for what `PersistentStorage` defines itself."""
    names = storage_operations() - set(vars(PersistentStorage))
    return {name: getattr(RDBStorage, name) for name in names}


for _name, _operation in _operations().items():
    setattr(PersistentStorage, _name, _persistent(_operation))
