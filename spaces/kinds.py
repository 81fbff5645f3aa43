"""Tables of kinds: names to what describes a kind in its own file, ours and those of other packages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from spaces.errors import InputError, UnfitError, did_you_mean, listed

Kind = TypeVar("Kind")


class Kinds(Mapping[str, Kind], Generic[Kind]):
    """A table of kinds, whose rows are imported when they are asked for.

    Another package adds a row by an entry point of the table's group, `name = "package.module:object"`. Our own rows
    come first and cannot be replaced.
    """

    def __init__(self, group: str, rows: Mapping[str, str]) -> None:
        """Name the table.

        Args:
            group: group of entry points, such as `mixtune.samplers`.
            rows: name to `module:object`.
        """
        self.group = group
        self._rows = rows

    def __getitem__(self, name: str) -> Kind:
        """The kind of this name.

        Raises:
            KeyError: there is none.
            InputError: another package names it, and cannot be imported.
        """
        if name in self._rows:
            return cast("Kind", load(self._rows[name]))
        target = _installed(self.group)[name]
        try:
            return cast("Kind", load(target))
        except Exception as error:  # whatever another package raises, the user must hear which one it is
            raise InputError(
                f"{target!r}, which an installed package names as {name!r} of {self.group}, cannot be imported: "
                f"{type(error).__name__}: {error}. Mend that package, or uninstall it.",
                code="plugin-broken",
            ) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets())

    def __len__(self) -> int:
        return len(self._targets())

    def known(self, name: str, *others: str) -> str:
        """The name, if there is a kind of it or it is one of `others`.

        Raises:
            UnfitError: there is none; the nearest is named.
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
    """Rows that other installed packages add."""
    return {point.name: point.value for point in entry_points(group=group)}


def load(target: str) -> object:
    """The object that `module:name` names."""
    module, name = target.split(":")
    return getattr(import_module(module), name)
