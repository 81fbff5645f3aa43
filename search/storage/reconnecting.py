"""Retries of database operations while the server is unreachable."""

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
"""Seconds that a server may be unreachable before a study gives up."""
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0
_CONNECTION_STATES = ("08", "57P01", "57P02", "57P03")
"""Prefixes of PostgreSQL's error codes that concern the connection, not the request."""

_SILENT = 1.0
"""Longest wait, in seconds, without a message to the user."""
_last_message = -math.inf

Result = TypeVar("Result")
Done = tuple[type[Exception], Callable[[], object]]


def connection_lost(error: BaseException) -> bool:
    """Whether a database error means that the server was unreachable, rather than that a request was wrong."""
    cause = error if isinstance(error, SQLAlchemyError) else error.__cause__
    if isinstance(cause, PendingRollbackError):  # Optuna continued after a connection error
        return True
    if not isinstance(cause, DBAPIError):
        return False
    if cause.connection_invalidated:
        return True
    state = getattr(cause.orig, "sqlstate", None)
    unreachable = isinstance(cause, sqlalchemy.exc.OperationalError) and hasattr(cause.orig, "sqlstate")
    return unreachable if state is None else state.startswith(_CONNECTION_STATES)


GIVEN_UP = threading.Event()
"""Set when the user stops the program, so that it no longer waits for a database."""


def persistently(call: Callable[[], Result], patience: float = PATIENCE, done: Done | None = None) -> Result:
    """Retry a call until the database server answers, for at most `patience` seconds or until the user stops.

    Args:
        call: function that runs one transaction.
        patience: time limit for retries, in seconds.
        done: type of the error in a retry which shows that an earlier try was committed although its connection was
            lost, and a function for the result; None if running the transaction twice has the same effect as once.

    Raises:
        StorageInternalError, SQLAlchemyError: the server does not answer, or the error is of another kind.
    """
    ends, wait = time.monotonic() + patience, _FIRST_WAIT
    retried = False
    while True:
        try:
            return call()
        except (StorageInternalError, SQLAlchemyError) as error:
            if not connection_lost(error) or time.monotonic() + wait > ends or GIVEN_UP.is_set():
                raise
        except Exception as error:
            if retried and done is not None and isinstance(error, done[0]):
                return cast("Result", done[1]())
            raise
        if wait > _SILENT:
            _print_message(patience)
        retried = True
        GIVEN_UP.wait(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


def _print_message(patience: float) -> None:
    """Print once per outage that the program waits for the database."""
    global _last_message  # noqa: PLW0603  a program has at most one outage at a time
    if time.monotonic() > _last_message + patience:
        _last_message = time.monotonic()
        sys.stderr.write(f"The database does not answer; retrying for up to {patience / 60:.0f} minutes …\n")


class PersistentStorage(RDBStorage):
    """Optuna's storage with retries; each operation is one transaction.

    If the connection drops during a commit, the operation may run twice. For most operations this has the same effect
    as once; for creating or deleting a study and for ending a trial, the retry detects that the first try succeeded. A
    trial that is created twice is run like one that a dead driver abandoned.
    """

    patience = PATIENCE

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        def existing_id() -> int:
            if study_name is None:
                raise RuntimeError("A study without a name cannot be distinguished from another one.")
            return self.get_study_id_from_name(study_name)

        call = functools.partial(super().create_new_study, directions, study_name)
        return persistently(call, self.patience, (DuplicatedStudyError, existing_id))

    def delete_study(self, study_id: int) -> None:
        call = functools.partial(super().delete_study, study_id)
        return persistently(call, self.patience, (KeyError, lambda: None))

    def set_trial_state_values(self, trial_id: int, *arguments: Any, **options: Any) -> bool:
        call = functools.partial(super().set_trial_state_values, trial_id, *arguments, **options)
        return persistently(call, self.patience, (UpdateFinishedTrialError, lambda: True))


def _persistent(operation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(operation)
    def retried(self: PersistentStorage, *arguments: Any, **options: Any) -> Any:
        return persistently(functools.partial(operation, self, *arguments, **options), self.patience)

    return retried


def _operations() -> Mapping[str, Callable[..., Any]]:
    """Return the operations that Optuna calls on a storage, except those that `PersistentStorage` defines."""
    names = storage_operations() - set(vars(PersistentStorage))
    return {name: getattr(RDBStorage, name) for name in names}


for _name, _operation in _operations().items():
    setattr(PersistentStorage, _name, _persistent(_operation))
