"""Questions in files on this machine, read as they stand: no value's type is guessed, every line is remembered."""

from __future__ import annotations

import bz2
import csv
import glob
import gzip
import io
import lzma
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from objectives.scoring.questions.error import QuestionError, QuestionFault
from objectives.scoring.questions.json_rows import json_rows, refuse_half_characters
from spaces.errors import FieldError, did_you_mean, listed

_FIELD = "objective.scores"
_Found = Iterator[tuple[int | None, dict[str, Any]]]
"""Line where a question begins, from 1 (None where it is not known), and its fields."""
_OPENERS: Mapping[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_PACKED = (".zip", ".zst", ".lz4", ".7z", ".tar", ".rar")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "json": ("field",),
    "csv": ("delimiter", "sep", "quotechar", "column_names", "names"),
    "text": ("sample_by",),
}
"""Format, as `dataset_path` names it, to the options in `dataset_kwargs` that are understood."""
_IGNORED = ("data_files", "cache_dir", "trust_remote_code", "keep_in_memory", "download_mode")
"""Options that change nothing about what is read from a local file."""


class Row(dict[str, Any]):
    """The fields of one question, and where it stands."""

    __slots__ = ("file", "line", "typed")

    def __init__(self, fields: Mapping[str, Any], file: Path, line: int | None, *, typed: bool) -> None:
        """Keep the file, the line where the question begins, and whether the file tells text from numbers."""
        super().__init__(fields)
        self.file = file
        self.line = line
        self.typed = typed


class Rows(Sequence[Row]):
    """The questions of a split, with as much of the interface of a `datasets.Dataset` as lm-eval uses."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Collect the names of the fields, in the order of their first appearance."""
        self._rows = list(rows)
        self.features: dict[str, None] = dict.fromkeys(name for row in self._rows for name in row)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Rows: ...

    def __getitem__(self, index: int | slice) -> Row | Rows:
        return Rows(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)


def is_local(path: Any, options: Mapping[str, Any]) -> bool:
    """Return whether a task's data lie in files of this machine that `read_splits` reads."""
    named = _flat(options.get("data_files"))
    return path in _OPTIONS and bool(named) and not any("://" in str(name) for name in named)


_GUESSED = (".json", ".jsonl", ".csv", ".tsv")
"""Endings of files without types of their own."""


def refuse_guessing(task: str, path: Any, options: Mapping[str, Any]) -> None:
    """See that files on this machine are named one by one; any other way they would be read with guessed types.

    Raises:
        FieldError: they are not.
    """
    place = Path(path).expanduser() if isinstance(path, str) and path not in _OPTIONS else None
    folder = place is not None and place.is_dir() and any(f.suffix in _GUESSED for f in place.rglob("*"))
    if folder or (path in _OPTIONS and not _flat(options.get("data_files"))):
        raise FieldError(
            _FIELD,
            f"the task {task!r} reads a folder (dataset_path {path!r}), whose values would be read with guessed "
            "types: a date would be asked as a time stamp. Name its files: `dataset_path: json` (or csv, text) and "
            "`dataset_kwargs: {data_files: {test: FILE}}`.",
            code="data-folder",
        )


def read_splits(path: str, options: Mapping[str, Any]) -> dict[str, Rows]:
    """Read the files of a task, split by split.

    Args:
        path: `dataset_path` of the task: json, csv or text.
        options: `dataset_kwargs` of the task.

    Raises:
        QuestionError: a line cannot be read.
        FieldError: a file is not there or empty, or an option is not understood.
    """
    known = _OPTIONS[path]
    for name in options:
        if name not in (*known, *_IGNORED):
            raise FieldError(
                _FIELD,
                f"the task reads local {path} files with the option {name!r} (dataset_kwargs), and only "
                f"{listed(known)} are understood.{did_you_mean(name, known)} Leave it out.",
                code="data-option-unknown",
            )
    files = options["data_files"]
    splits = files if isinstance(files, dict) else {"train": files}
    return {
        split: Rows([row for file in _files(part) for row in _rows(path, file, options)])
        for split, part in splits.items()
    }


def _flat(files: Any) -> list[Any]:
    if isinstance(files, dict):
        return [name for part in files.values() for name in _flat(part)]
    return list(files) if isinstance(files, list | tuple) else [files] if files is not None else []


def _files(part: Any) -> Iterator[Path]:
    """The files of a split, those that a pattern stands for in the order of their names."""
    for name in map(str, _flat(part)):
        if Path(name).is_file():
            yield Path(name)
            continue
        found = sorted(path for path in glob.glob(name, recursive=True) if Path(path).is_file())  # noqa: PTH207  any path
        if not found:
            raise FieldError(
                _FIELD, f"the data file {name!r} of a task is not there. Check `data_files`.", code="data-missing"
            )
        yield from map(Path, found)


def _rows(path: str, file: Path, options: Mapping[str, Any]) -> Iterator[Row]:
    readers: Mapping[str, Callable[[Path, str, Mapping[str, Any]], _Found]] = {
        "json": lambda file, content, options: json_rows(file, content, options.get("field")),
        "csv": _csv_rows,
        "text": _text_rows,
    }
    empty = True
    for line, fields in readers[path](file, _content(file), options):
        empty = False
        refuse_half_characters(file, line, fields)
        yield Row(fields, file, line, typed=path == "json")
    if empty:
        raise FieldError(
            _FIELD, f"the data file {str(file)!r} holds no questions. Fill it, or name another.", code="data-empty"
        )


def _open(file: Path) -> Any:
    return file.open("rb")


def _content(file: Path) -> str:
    """The text of a file, unpacked where its name says so.

    Raises:
        FieldError: it cannot be read as UTF-8 text.
    """
    if file.suffix.lower() in _PACKED:
        raise FieldError(
            _FIELD, f"the data file {str(file)!r} is an archive. Unpack it, or give it as .gz.", code="data-archive"
        )
    try:
        with _OPENERS.get(file.suffix.lower(), _open)(file) as opened:
            data: bytes = opened.read()
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FieldError(
            _FIELD,
            f"the data file {str(file)!r} is not UTF-8: byte offset {error.start}. Convert it.",
            code="data-undecodable",
        ) from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise FieldError(
            _FIELD, f"the data file {str(file)!r} cannot be read: {error}.", code="data-unreadable"
        ) from error


def _csv_rows(file: Path, content: str, options: Mapping[str, Any]) -> _Found:
    """The rows of a table; every cell is text, an empty one the empty text."""
    delimiter = str(options.get("delimiter") or options.get("sep") or ",")
    quote = str(options.get("quotechar") or '"')
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, quotechar=quote, strict=True)
    names: list[str] = list(map(str, options.get("column_names") or options.get("names") or []))
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not cells:
                continue
            if not names:
                names = _header(file, line, cells)
                continue
            if len(cells) != len(names):
                raise _unreadable(file, line, f"it must have {len(names)} cells ({listed(names)}); got {len(cells)}")
            yield line, dict(zip(names, cells, strict=True))
    except csv.Error as error:
        raise _unreadable(file, begins, f"it is no row of a table ({error})") from error


def _header(file: Path, line: int, names: list[str]) -> list[str]:
    if len(set(names)) < len(names) or not all(map(str.strip, names)):
        raise _unreadable(file, line, f"the columns must have different names; got {listed(map(repr, names))}")
    return names


def _text_rows(_: Path, content: str, options: Mapping[str, Any]) -> _Found:
    """The lines of a text, its paragraphs, or the whole of it, as the field `text`; blank ones hold nothing to ask."""
    content = content.replace("\r\n", "\n")
    separators = {"line": "\n", "paragraph": "\n\n", "document": None}
    by = options.get("sample_by", "line")
    if by not in separators:
        raise FieldError(
            _FIELD, f"`sample_by` must be one of {listed(separators)}; got {by!r}.", code="data-option-value"
        )
    separator = separators[by]
    line = 1
    for text in [content] if separator is None else content.split(separator):
        if text.strip():
            yield line, {"text": text}
        line += text.count("\n") + len(separator or "")


def _unreadable(file: Path, line: int | None, says: str) -> QuestionError:
    return QuestionError("", [QuestionFault("line", says, file=file, line=line)])
