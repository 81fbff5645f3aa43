"""Functions and objects of the user's own Python code, as values of a study file.

A study file names one as `module:name`. In Python the object itself is given; its import path is what a stored study
keeps.
"""

from __future__ import annotations

import inspect
import json
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
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

        It covers the function or class, its default values, the plain values and functions that it encloses, and the
        public attributes of an object; not what it calls.
        """
        parts = _parts(self.target)
        return fingerprint(parts) if all(part is not None for part in parts) else ""

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


def check_call(function: UserFunction, arguments: int) -> None:
    """Check that a function can be called with so many arguments.

    Raises:
        InputError: it cannot.
    """
    try:
        inspect.signature(function.target).bind(*range(arguments))
    except TypeError as error:
        raise InputError(
            f"{function.path!r} must take {arguments} argument{'s' if arguments > 1 else ''}: {error}.",
            code="function-signature",
        ) from error
    except ValueError:  # a function in C, whose arguments are not known
        return


def _parts(target: Any, seen: frozenset[int] = frozenset()) -> list[str | None]:
    """Source code and values that decide what a callable does; None for source that is not available.

    `seen`: identities of the functions that enclose it, which may enclose each other.
    """
    seen |= {id(target)}
    if isinstance(target, partial):
        given = [target.args, sorted(target.keywords.items())]
        return [*_parts(target.func, seen), *map(_plain, given)]
    if inspect.ismethod(target):
        return [*_parts(target.__func__, seen), *_settings(target.__self__)]
    if not inspect.isroutine(target) and not inspect.isclass(target):
        return [_source(type(target)), *_settings(target)]
    cells = list(_enclosed(target))
    held = [getattr(target, "__defaults__", None), getattr(target, "__kwdefaults__", None), *cells]
    functions = (value for value in cells if inspect.isfunction(value) and id(value) not in seen)
    return [_source(target), *map(_plain, held), *(part for value in functions for part in _parts(value, seen))]


def _settings(instance: Any) -> list[str | None]:
    """Public attributes of an object; private ones are what it keeps for itself, and change as it works."""
    attributes = sorted(getattr(instance, "__dict__", {}).items())
    return [_plain(value) for name, value in attributes if not name.startswith("_")]


def _enclosed(target: Any) -> Iterator[Any]:
    """Values of outer functions that a function uses."""
    for cell in getattr(target, "__closure__", None) or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that is not assigned yet
            continue


def _source(target: Any) -> str | None:
    try:
        return textwrap.dedent(inspect.getsource(target))
    except (OSError, TypeError):
        return None


def _plain(value: Any) -> str:
    """A value as text if equal values have equal texts, its type otherwise."""
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        return type(value).__qualname__


def _path_of(target: Any) -> str:
    """Import path of a function, or of an object that its module has a name for.

    Raises:
        UnfitError: it is a class.
    """
    if inspect.isclass(target):
        raise UnfitError(
            f"must be a function or an object; got the class {target.__qualname__}, so give {target.__qualname__}()",
            code="class-for-object",
        )
    if isinstance(target, partial):
        return f"{_path_of(target.func).removesuffix(_UNNAMED)}{_UNNAMED}"
    if inspect.ismethod(target):
        return f"{target.__module__}:{target.__qualname__}{_UNNAMED}"
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
    known = cloudpickle.list_registry_pickle_by_value()
    modules = [each for name, each in list(sys.modules.items()) if _is_users(each, name) and name not in known]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(target))
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _is_users(module: ModuleType, name: str) -> bool:
    """Whether a module that is imported under this name is a user's own: not an installed package, and none of ours."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or getattr(module, "__name__", "") != name or name == _MAIN:
        return False
    if name.partition(".")[0] in _OURS or "site-packages" in file:
        return False
    return not file.startswith((sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")))


def _unpickled(path: str, pickled: bytes) -> UserFunction:
    return UserFunction(path, cloudpickle.loads(pickled))
