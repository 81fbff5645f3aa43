"""Functions and objects of the user's own Python code, as values of a study file.

A study file names one as `module:name`. In Python the object itself is given; its import path is what a stored study
keeps.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import cloudpickle
from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from spaces.errors import InputError, UnfitError
from spaces.trial import fingerprint

_MAIN = "__main__"
_OURS = ("mixtune", "objectives", "search", "spaces", "studies")
_UNNAMED = "()"
"""Ends the path of an object that its module has no name for, which cannot be imported."""


@dataclass(frozen=True)
class UserFunction:
    """A callable of the user, with the import path under which it is found again.

    It can be sent to other processes even if its module cannot be imported there: a module outside the installed
    packages is pickled by value.
    """

    path: str
    """`module:name`, such as `my_package.scorers:antonyms`."""
    given: Any = field(default=None, compare=False, repr=False)
    """The object itself, if it was given in this process; None if it must be imported."""

    @property
    def name(self) -> str:
        """Last part of the import path."""
        return self.path.rpartition(":")[2].rpartition(".")[2].removesuffix(_UNNAMED)

    @property
    def target(self) -> Callable[..., Any]:
        """The callable itself.

        Raises:
            InputError: it cannot be imported, or the path names no callable.
        """
        found = self.given if self.given is not None else _imported(self.path)
        if not callable(found):
            raise InputError(
                f"{self.path!r} must be a function, or an object that can be called; got {type(found).__name__}.",
                code="not-callable",
            )
        return found  # type: ignore[no-any-return]

    @property
    def digest(self) -> str:
        """Hash of its source code, 16 hex digits; empty if the source is not available.

        It covers the function or class alone, not what it calls.
        """
        target: Any = self.target
        source_of = target if inspect.isroutine(target) or inspect.isclass(target) else type(target)
        try:
            return fingerprint(textwrap.dedent(inspect.getsource(source_of)))
        except (OSError, TypeError):
            return ""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the object by value, because workers do not import from the user's folder."""
        if self.given is None:
            return UserFunction, (self.path,)
        return _unpickled, (self.path, _by_value(self.given))


def user_function(value: object) -> UserFunction:
    """The function that a study file or a caller means: an import path, a callable, or a `UserFunction`.

    Raises:
        UnfitError: it is none of these.
    """
    if isinstance(value, UserFunction):
        return value
    if isinstance(value, str):
        module, _, name = value.partition(":")
        if not module or not name:
            raise UnfitError(f"must be `module:name`; got {value!r}", code="not-an-import-path")
        return UserFunction(value)
    if callable(value):
        return UserFunction(_path_of(value), value)
    raise UnfitError(f"must be a callable, or `module:name`; got {type(value).__name__}", code="not-callable")


FunctionField = Annotated[
    InstanceOf[UserFunction], BeforeValidator(user_function), PlainSerializer(lambda value: value.path, str)
]
"""A field of a study file that names a Python function or object."""


def _path_of(target: Any) -> str:
    """Import path of a function, a class, or an object that its module has a name for."""
    if hasattr(target, "__qualname__"):
        return f"{target.__module__}:{target.__qualname__}"
    kind = type(target)
    names = vars(sys.modules.get(kind.__module__, object)).items()
    found = next((name for name, value in names if value is target), f"{kind.__qualname__}{_UNNAMED}")
    return f"{kind.__module__}:{found}"


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"{path!r} cannot be imported: {error}. A function from a script or a notebook has to be given again: "
            "mixtune.open_study(NAME, objective=…, scorers=[…]). To resume from the command line, put it into an "
            "installed package.",
            code="function-not-importable",
        ) from error
    return found


def _by_value(target: Any) -> bytes:
    """Pickle an object, and what it uses of modules that a worker cannot import, by value."""
    modules = [module for module in list(sys.modules.values()) if _is_users(module)]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(target))
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _is_users(module: ModuleType) -> bool:
    """Whether a module lies outside the folders of installed packages, and is none of ours."""
    file, name = getattr(module, "__file__", None), getattr(module, "__name__", _MAIN)
    if not isinstance(file, str) or name == _MAIN or name.partition(".")[0] in _OURS:
        return False
    return "site-packages" not in file and not file.startswith((sys.prefix, sys.base_prefix))


def _unpickled(path: str, pickled: bytes) -> UserFunction:
    return UserFunction(path, cloudpickle.loads(pickled))
