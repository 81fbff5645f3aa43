"""Read questions from local files without guessing the types of values, and keep their line numbers."""

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
_NumberedRows = Iterator[tuple[int | None, dict[str, Any]]]
"""The line on which a question begins, from 1 (None if unknown), and the question's fields."""
_OPENERS: Mapping[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_PACKED = (".zip", ".zst", ".lz4", ".7z", ".tar", ".rar")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "json": ("field",),
    "csv": ("delimiter", "sep", "quotechar", "column_names", "names"),
    "text": ("sample_by",),
}
"""Supported options in `dataset_kwargs`, by the format in `dataset_path`."""
_IGNORED = ("data_files", "cache_dir", "trust_remote_code", "keep_in_memory", "download_mode")
"""Options that do not affect how a local file is read."""


class Row(dict[str, Any]):
    """The fields of one question, with its file and line."""

    __slots__ = ("file", "line", "typed")

    def __init__(self, fields: Mapping[str, Any], file: Path, line: int | None, *, typed: bool) -> None:
        """Store the question with its file and line, and whether the file distinguishes text from numbers."""
        super().__init__(fields)
        self.file = file
        self.line = line
        self.typed = typed


class Rows(Sequence[Row]):
    """The questions of a split, with the part of the interface of `datasets.Dataset` that lm-eval uses."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Store the rows and collect the names of their fields, in the order of first appearance."""
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
    """Return whether a task's data is in local files that `read_splits` can read."""
    named = _flat(options.get("data_files"))
    return path in _OPTIONS and bool(named) and not any("://" in str(name) for name in named)


_GUESSED = (".json", ".jsonl", ".csv", ".tsv")
"""Suffixes of files without declared types."""


def refuse_guessing(task: str, path: Any, options: Mapping[str, Any]) -> None:
    """Check that local files are named one by one; in a folder, they would be read with guessed types.

    Raises:
        FieldError: the task reads a folder.
    """
    place = Path(path).expanduser() if isinstance(path, str) and path not in _OPTIONS else None
    folder = place is not None and place.is_dir() and any(f.suffix in _GUESSED for f in place.rglob("*"))
    if folder or (path in _OPTIONS and not _flat(options.get("data_files"))):
        raise FieldError(
            _FIELD,
            f"the task {task!r} reads a folder (dataset_path {path!r}), whose values would be read with guessed "
            "types: a date would become a time stamp. Name its files: `dataset_path: json` (or csv, text) and "
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
        FieldError: a file does not exist or is empty, or an option is not supported.
    """
    supported = _OPTIONS[path]
    for name in options:
        if name not in (*supported, *_IGNORED):
            raise FieldError(
                _FIELD,
                f"the task reads local {path} files with the option {name!r} (dataset_kwargs); supported are only "
                f"{listed(supported)}.{did_you_mean(name, supported)} Remove the option.",
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
    """Yield the files of a split; matches of a pattern are sorted by name."""
    for name in map(str, _flat(part)):
        if Path(name).is_file():
            yield Path(name)
            continue
        matches = sorted(path for path in glob.glob(name, recursive=True) if Path(path).is_file())  # noqa: PTH207
        if not matches:
            raise FieldError(
                _FIELD, f"the data file {name!r} of a task does not exist. Check `data_files`.", code="data-missing"
            )
        yield from map(Path, matches)


def _rows(path: str, file: Path, options: Mapping[str, Any]) -> Iterator[Row]:
    readers: Mapping[str, Callable[[Path, str, Mapping[str, Any]], _NumberedRows]] = {
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
            _FIELD, f"the data file {str(file)!r} contains no questions. Fill it, or use another.", code="data-empty"
        )


def _open(file: Path) -> Any:
    return file.open("rb")


def _content(file: Path) -> str:
    """Read the text of a file, decompressed according to its suffix.

    Raises:
        FieldError: the file cannot be read as UTF-8 text.
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
            f"the data file {str(file)!r} is not UTF-8 at byte offset {error.start}. Convert it to UTF-8.",
            code="data-undecodable",
        ) from error
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise FieldError(
            _FIELD, f"the data file {str(file)!r} cannot be read: {error}.", code="data-unreadable"
        ) from error


def _csv_rows(file: Path, content: str, options: Mapping[str, Any]) -> _NumberedRows:
    """Yield the rows of a table; every cell is text, an empty cell the empty string."""
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
        raise _unreadable(file, begins, f"it is not a row of a table ({error})") from error


def _header(file: Path, line: int, names: list[str]) -> list[str]:
    if len(set(names)) < len(names) or not all(map(str.strip, names)):
        raise _unreadable(file, line, f"the columns must have different names; got {listed(map(repr, names))}")
    return names


def _text_rows(_: Path, content: str, options: Mapping[str, Any]) -> _NumberedRows:
    """Yield the lines of a text, its paragraphs, or the whole text, as the field `text`; blank ones are skipped."""
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


def _unreadable(file: Path, line: int | None, reason: str) -> QuestionError:
    return QuestionError("", [QuestionFault("line", reason, file=file, line=line)])
