"""Where trials keep their files: a folder that every machine of the study sees, or any place that fsspec knows."""

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
    """A working folder per trial; what lies in it at a rung survives the machine that made it."""

    def __init__(self, place: str | Path) -> None:
        """Name the place: a folder, or a URL such as `s3://bucket/study`; nothing is made or read yet."""
        self.place = str(place)

    @property
    def _folder(self) -> Path | None:
        """The place as a folder that is used as it is; None where files are copied there and back."""
        return None if "://" in self.place else Path(self.place)

    def check(self) -> None:
        """See that files can be kept there, by writing one and removing it.

        Raises:
            FieldError: they cannot.
        """
        try:
            files = self._files()
            files.makedirs(self._path(""), exist_ok=True)
            files.pipe_file(self._path("probe"), b"mixtune")
            files.rm_file(self._path("probe"))
        except Exception as error:  # whatever a file system of any kind may say
            raise FieldError(
                "artifacts",
                f"nothing can be written to {self.place!r}: {type(error).__name__}: {error}. Name a folder or a URL "
                "that this machine may write to, and install what fsspec needs for it (s3fs for s3://, gcsfs for gs://).",
                code="artifacts-unwritable",
            ) from error

    @contextmanager
    def working(self, number: int) -> Iterator[Path]:
        """The working folder of a trial, with what the trial kept there before."""
        if self._folder is not None:
            folder = self._folder / _name(number)
            folder.mkdir(parents=True, exist_ok=True)
            yield folder
            return
        with tempfile.TemporaryDirectory(prefix="mixtune-") as made:
            folder = Path(made) / _name(number)
            folder.mkdir()
            self._download(_name(number), folder)
            yield folder

    def keep(self, number: int, folder: Path) -> None:
        """Make what lies in a trial's working folder safe; what it has removed is removed.

        The state goes last and appears whole, so that it never speaks of files that are not there.
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
        """Remove what was only needed to go on with a trial."""
        if self._folder is not None:
            shutil.rmtree(self._folder / _name(number) / STATE, ignore_errors=True)
        elif self._listed(f"{_name(number)}/{STATE}"):
            self._files().rm(self._path(f"{_name(number)}/{STATE}"), recursive=True)

    def locate(self, number: int, artifact: str) -> str | None:
        """Path or URL of a folder that a trial kept; None where it is not there."""
        name = f"{_name(number)}/{artifact}"
        if not artifact or not self._listed(name):
            return None
        return str(self._folder / name) if self._folder is not None else f"{self.place.rstrip('/')}/{name}"

    def copy(self, number: int, artifact: str, out: Path) -> None:
        """Copy such a folder."""
        out.mkdir(parents=True, exist_ok=True)
        self._download(f"{_name(number)}/{artifact}", out)

    def _download(self, name: str, out: Path) -> None:
        for file in self._listed(name):
            target = out / file
            target.parent.mkdir(parents=True, exist_ok=True)
            self._files().get_file(f"{self._path(name)}/{file}", str(target))

    def _listed(self, name: str) -> list[str]:
        """Files below a folder, relative to it; none where there is no such folder."""
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
