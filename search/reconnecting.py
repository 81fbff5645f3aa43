"""A database server that is away for a moment: every operation is tried again until it is back."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import sqlalchemy
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage
from sqlalchemy.exc import DBAPIError, PendingRollbackError, SQLAlchemyError

from search.optuna_compat import storage_operations

PATIENCE = 300.0
"""Seconds for which a server may be away before a study gives up."""
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 10.0
_CONNECTION_STATES = ("08", "57P01", "57P02", "57P03")
"""Beginnings of PostgreSQL's error codes that tell of the connection, not of what was asked."""

Result = TypeVar("Result")


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


def persistently(call: Callable[[], Result], patience: float = PATIENCE) -> Result:
    """Call until the database's server answers, for `patience` seconds at most.

    Raises:
        StorageInternalError, SQLAlchemyError: it does not answer, or the error is of another kind.
    """
    ends, wait = time.monotonic() + patience, _FIRST_WAIT
    while True:
        try:
            return call()
        except (StorageInternalError, SQLAlchemyError) as error:
            if not connection_lost(error) or time.monotonic() + wait > ends:
                raise
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


class PersistentStorage(RDBStorage):
    """Optuna's storage on a server whose connections may drop: each operation is one transaction, done or not done.

    Where the connection drops in the moment of a commit, the operation is done twice. For all but two that is the
    same as once: a trial that ends twice is left as it ended, and one that is made twice is run as one that a dead
    driver left behind.
    """

    patience = PATIENCE

    def set_trial_state_values(self, trial_id: int, *arguments: Any, **options: Any) -> bool:
        tries = 0

        def ended() -> bool:
            nonlocal tries
            tries += 1
            try:
                return super(PersistentStorage, self).set_trial_state_values(trial_id, *arguments, **options)
            except UpdateFinishedTrialError:
                if tries == 1:
                    raise
                return True

        return persistently(ended, self.patience)


def _persistent(operation: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(operation)
    def tried_again(self: PersistentStorage, *arguments: Any, **options: Any) -> Any:
        return persistently(functools.partial(operation, self, *arguments, **options), self.patience)

    return tried_again


def _operations() -> Mapping[str, Callable[..., Any]]:
    """What Optuna calls on a storage, but for what `PersistentStorage` defines itself."""
    names = storage_operations() - set(vars(PersistentStorage))
    return {name: getattr(RDBStorage, name) for name in names}


for _name, _operation in _operations().items():
    setattr(PersistentStorage, _name, _persistent(_operation))
