"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spaces.files import whole, write_text


def test_a_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "notes.txt"
    with whole(path) as unfinished:
        unfinished.write_text("some")
        assert not path.exists()
    assert path.read_text() == "some"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("folder", [True, False])
def test_what_is_cut_off_leaves_what_was_there(tmp_path: Path, folder: bool) -> None:
    path = tmp_path / "kept"
    _write(path, "before", folder)
    with pytest.raises(KeyboardInterrupt):
        _cut_off(path, folder)
    assert _read(path, folder) == "before"
    assert list(tmp_path.iterdir()) == [path]


def _cut_off(path: Path, folder: bool) -> None:
    with whole(path) as unfinished:
        _write(unfinished, "half", folder)
        raise KeyboardInterrupt


def _write(path: Path, text: str, folder: bool) -> None:
    if folder:
        path.mkdir()
        (path / "file").write_text(text)
    else:
        path.write_text(text)


def _read(path: Path, folder: bool) -> str:
    return (path / "file" if folder else path).read_text()


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("one", "other"):
        with whole(path) as unfinished:
            unfinished.mkdir()
            (unfinished / name).write_text(name)
    assert [file.name for file in path.iterdir()] == ["other"]


def test_what_a_killed_program_left_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    (tmp_path / ".folder.tmp").mkdir()
    (tmp_path / ".folder.tmp" / "half").write_text("half")
    with whole(path) as unfinished:
        unfinished.mkdir()
    assert list(path.iterdir()) == []
    assert list(tmp_path.iterdir()) == [path]


def test_a_users_folder_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "export"
    _write(path, "the user's", folder=True)
    with pytest.raises(FileExistsError, match="export"), whole(path, overwrite=False) as unfinished:
        unfinished.mkdir()
    with pytest.raises(IsADirectoryError), whole(path) as unfinished:
        unfinished.write_text("a file of the same name")
    assert _read(path, folder=True) == "the user's"
    assert list(tmp_path.iterdir()) == [path]


def test_programs_that_share_a_file_write_apart(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    with whole(path, shared=True) as unfinished:
        assert str(os.getpid()) in unfinished.name
        unfinished.write_text("whole")
    assert path.read_text() == "whole"
    write_text(path, "ж")
    assert path.read_bytes() == "ж".encode()
