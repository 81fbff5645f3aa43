"""Storage for the files of trials: a folder that all machines of the study share, or any URL that fsspec supports."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from objectives.base import STATE
from spaces import FieldError


class Artifacts:
    """One working folder per trial, whose content at each rung survives the machine that wrote it."""

    def __init__(self, place: str | Path) -> None:
        """Store the location, a folder or a URL such as `s3://bucket/study`, without creating or reading anything."""
        self.place = str(place)

    @property
    def _folder(self) -> Path | None:
        """The location as a folder that is used directly, or None if files are copied to and from a URL."""
        return None if "://" in self.place else Path(self.place)

    def check(self) -> None:
        """Check that the location is writable, by writing and removing a file.

        Raises:
            FieldError: the location is not writable.
        """
        try:
            files = self._files()
            files.makedirs(self._path(""), exist_ok=True)
            files.pipe_file(self._path("probe"), b"mixtune")
            files.rm_file(self._path("probe"))
        except Exception as error:  # file systems of fsspec raise errors of any type
            raise FieldError(
                "artifacts",
                f"nothing can be written to {self.place!r}: {type(error).__name__}: {error}. Name a folder or a URL "
                "that this machine may write to, and install what fsspec needs for it (s3fs for s3://, gcsfs for gs://).",
                code="artifacts-unwritable",
            ) from error

    @contextmanager
    def working(self, number: int) -> Iterator[Path]:
        """Provide the working folder of a trial, with the files that the trial stored before."""
        if self._folder is not None:
            folder = self._folder / _name(number)
            folder.mkdir(parents=True, exist_ok=True)
            yield folder
            return
        with tempfile.TemporaryDirectory(prefix="mixtune-") as temporary:
            folder = Path(temporary) / _name(number)
            folder.mkdir()
            self._download(_name(number), folder)
            yield folder

    def keep(self, number: int, folder: Path) -> None:
        """Store the content of a trial's working folder, and remove stored files that are no longer in the folder.

        The state is copied last and appears whole, so that it never refers to files that are not stored.
        """
        if self._folder is not None:
            return
        files, root = self._files(), self._path(_name(number))
        local = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        for name in sorted(local, key=lambda name: (name.startswith(f"{STATE}/"), name)):
            target = f"{root}/{name}"
            files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
            files.put_file(str(local[name]), f"{target}.part")
            files.mv(f"{target}.part", target)
        for name in set(self._listed(_name(number))) - set(local):
            files.rm_file(f"{root}/{name}")

    def cleanup(self, number: int) -> None:
        """Remove the files that are only needed to resume a trial."""
        if self._folder is not None:
            shutil.rmtree(self._folder / _name(number) / STATE, ignore_errors=True)
        elif self._listed(f"{_name(number)}/{STATE}"):
            self._files().rm(self._path(f"{_name(number)}/{STATE}"), recursive=True)

    def locate(self, number: int, artifact: str) -> str | None:
        """Return the path or URL of a folder that a trial stored, or None if it does not exist."""
        name = f"{_name(number)}/{artifact}"
        if not artifact or not self._listed(name):
            return None
        return str(self._folder / name) if self._folder is not None else f"{self.place.rstrip('/')}/{name}"

    def copy(self, number: int, artifact: str, out: Path) -> None:
        """Copy a folder that a trial stored to `out`."""
        out.mkdir(parents=True, exist_ok=True)
        self._download(f"{_name(number)}/{artifact}", out)

    def _download(self, name: str, out: Path) -> None:
        for file in self._listed(name):
            target = out / file
            target.parent.mkdir(parents=True, exist_ok=True)
            self._files().get_file(f"{self._path(name)}/{file}", str(target))

    def _listed(self, name: str) -> list[str]:
        """Return the files below a folder, as relative paths; empty if there is no such folder."""
        files, root = self._files(), self._path(name)
        files.invalidate_cache()
        return [path[len(root) :].lstrip("/") for path in files.find(root)]

    def _files(self) -> Any:
        return fsspec.core.url_to_fs(self.place)[0]

    def _path(self, name: str) -> str:
        root: str = fsspec.core.url_to_fs(self.place)[1]
        return f"{root.rstrip('/')}/{name}"


def _name(number: int) -> str:
    return f"trial-{number:04d}"
