"""Registries of kinds: names to objects that are imported lazily, from mixtune and from other packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from spaces.errors import InputError, UnfitError, did_you_mean, listed

Kind = TypeVar("Kind")


class Kinds(Mapping[str, Kind], Generic[Kind]):
    """Registry of kinds whose rows are imported on first use.

    Another package adds a row with an entry point of the registry's group, `name = "package.module:object"`. Built-in
    rows come first and cannot be replaced.
    """

    def __init__(self, group: str, rows: Mapping[str, str]) -> None:
        """Store the group and the built-in rows.

        Args:
            group: group of entry points, such as `mixtune.samplers`.
            rows: names to `module:object`.
        """
        self.group = group
        self._rows = rows

    def __getitem__(self, name: str) -> Kind:
        """Return the kind of this name.

        Raises:
            KeyError: there is no such kind.
            InputError: another package provides the kind, and cannot be imported.
        """
        if name in self._rows:
            return cast("Kind", load(self._rows[name]))
        target = _installed(self.group)[name]
        try:
            return cast("Kind", load(target))
        except Exception as error:  # another package may raise anything; the message must name that package
            raise InputError(
                f"{target!r}, which an installed package registers as {name!r} of {self.group}, cannot be imported: "
                f"{type(error).__name__}: {error}. Fix that package, or uninstall it.",
                code="plugin-broken",
            ) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets())

    def __len__(self) -> int:
        return len(self._targets())

    def known(self, name: str, *others: str) -> str:
        """Return the name unchanged if it is the name of a kind or one of `others`.

        Raises:
            UnfitError: there is no such kind; the message gives the nearest name.
        """
        names = [*others, *self]
        if name not in names:
            raise UnfitError(
                f"must be one of {listed(names)}; got {name!r}.{did_you_mean(name, names)}", code="choice-unknown"
            )
        return name

    def _targets(self) -> Mapping[str, str]:
        return {**_installed(self.group), **self._rows} if _installed(self.group) else self._rows


@cache
def _installed(group: str) -> Mapping[str, str]:
    """Return the rows that other installed packages add."""
    return {point.name: point.value for point in entry_points(group=group)}


def load(target: str) -> object:
    """Import and return the object at `module:name`."""
    module, name = target.split(":")
    return getattr(import_module(module), name)
