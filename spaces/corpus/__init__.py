"""Corpora: the texts of a folder, with hashes and sizes."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from spaces.corpus.decoding import decode, detected_note
from spaces.corpus.lines import Line, parse_lines
from spaces.errors import FieldError, InputError, did_you_mean, listed
from spaces.trial import fingerprint

JSON_LINES = ".jsonl"
SUFFIXES = (".txt", ".md", JSON_LINES)
WORDS_PER_PAGE = 500


@dataclass(frozen=True, slots=True)
class Text:
    """One text whose effect is measured: a file, or all files of a group."""

    name: str
    files: tuple[Path, ...]
    sha256: str
    """SHA-256 of the content of the files, in order."""
    words: int
    group: str
    """Name of the sub-folder; empty for files at the top."""
    tokens: int = 0
    """Number of tokens under the base's tokenizer; 0 until counted."""
    normalized_sha256: str = ""
    """SHA-256 of the content, ignoring line endings, byte order marks, Unicode forms and trailing whitespace."""

    @property
    def pages(self) -> float:
        """Length in pages of 500 words."""
        return self.words / WORDS_PER_PAGE

    @property
    def instructs(self) -> bool:
        """Whether the text contains any instructions with answers."""
        files = (path for path in self.files if path.suffix.lower() == JSON_LINES)
        return any(line.messages for path in files for line in lines_of(path))

    def read(self) -> str:
        """Return the whole text, with the files of a group joined by blank lines."""
        return "\n\n".join(read_file(path) for path in self.files)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Ordered set of texts with distinct names and distinct content."""

    folder: Path
    texts: tuple[Text, ...]
    ignored: tuple[str, ...] = ()
    """Names of files that were not read, because of their suffixes."""
    notes: tuple[str, ...] = ()
    """Notes for the user on the files that were read, such as detected encodings."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(text.name for text in self.texts)

    @property
    def fingerprint(self) -> str:
        """Fingerprint that changes when a text is added, removed, renamed or edited."""
        return fingerprint([[text.name, text.sha256] for text in self.texts])

    def __getitem__(self, name: str) -> Text:
        """Return the text of that name.

        Raises:
            InputError: there is no such text; the message gives the nearest name.
        """
        for text in self.texts:
            if text.name == name:
                return text
        raise InputError(self._no_text(name), code="text-unknown")

    def named(self, name: str, field: str) -> Text:
        """Return the text that a field of the study file names.

        Raises:
            FieldError: there is no such text.
        """
        if name not in self.names:
            raise FieldError(field, self._no_text(name), code="text-unknown")
        return self[name]

    def chosen(self, names: Sequence[str], field: str) -> tuple[str, ...]:
        """Return the names of the texts that a field of the study file lists, by text or by sub-folder.

        Raises:
            FieldError: there is no such text, or one is named twice.
        """
        chosen: list[str] = []
        for name in names:
            group = [text.name for text in self.texts if text.group == name and name not in self.names]
            chosen += group or [self.named(name, field).name]
        if len(set(chosen)) < len(chosen):
            raise FieldError(field, f"a text is named twice: {list(names)}.", code="text-twice")
        return tuple(chosen)

    def _no_text(self, name: str) -> str:
        near = did_you_mean(name, self.names)
        return f"there is no text {name!r} in {str(self.folder)!r}.{near} Texts: {listed(self.names)}."

    def counted(self, count: Callable[[Text], int]) -> Corpus:
        """Return a copy of the corpus with the tokens of every text counted."""
        return replace(self, texts=tuple(replace(text, tokens=count(text)) for text in self.texts))


def reading_notes(corpus: Corpus) -> tuple[str, ...]:
    """Return notes on the files that were read, and on those that were not."""
    if not corpus.ignored:
        return corpus.notes
    return (
        *corpus.notes,
        f"Not read, because texts end in {', '.join(SUFFIXES)}: {listed(corpus.ignored, 8)}.",
    )


def scan(folder: Path, unit: Literal["file", "group"] = "file", fewest: int = 2) -> Corpus:
    """Read a folder of texts, sorted by name; there must be at least `fewest` of them.

    Raises:
        InputError: no such folder, too few texts, files that are not text (each with the byte offset or the line),
            an empty text, or two texts with the same content.
    """
    if not folder.is_dir():
        kind, code = ("a file, not a folder", "folder-is-file") if folder.exists() else ("not there", "folder-missing")
        raise InputError(
            f"The folder of texts {str(folder)!r} is {kind}. Set space.texts.folder to a folder of texts.",
            code=code,
        )
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _is_hidden(path, folder)]
    usable = [path for path in files if path.suffix.lower() in SUFFIXES]
    ignored = tuple(path.relative_to(folder).as_posix() for path in files if path not in usable)
    notes = _check_files(files, usable)
    texts = tuple(_text(name, paths, folder) for name, paths in _units(usable, folder, unit))
    _check(folder, texts, ignored, fewest)
    return Corpus(folder, texts, ignored, notes)


def _check_files(files: list[Path], usable: list[Path]) -> tuple[str, ...]:
    """Check that all files can be read, and return notes on their encodings.

    Raises:
        InputError: some files cannot be read; one paragraph each.
    """
    errors = [
        InputError(f"The name of the file {str(path)!r} is not UTF-8. Rename it.", code="file-name-undecodable")
        for path in files
        if not _is_utf8(path)
    ]
    notes = []
    for path in usable:
        try:
            decoded = decode(path)
            if path.suffix.lower() == JSON_LINES:
                lines_of(path)
        except InputError as error:
            errors.append(error)
        else:
            notes += [detected_note(path, decoded)] if decoded.detected else []
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise InputError("\n".join(map(str, errors)), code="texts-unusable")
    return tuple(notes)


def _is_utf8(path: Path) -> bool:
    """Whether a file's name is UTF-8; other names contain lone surrogates, which no database accepts."""
    return not any("\ud800" <= letter <= "\udfff" for letter in str(path))


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _units(files: list[Path], folder: Path, unit: str) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Yield the name and the files of each text; files that differ only in their suffixes keep them in their names."""
    stems = Counter(path.relative_to(folder).with_suffix("").as_posix() for path in files)
    groups: dict[str, list[Path]] = {}
    for path in files:
        relative = path.relative_to(folder)
        stem = relative.with_suffix("").as_posix()
        name = stem if stems[stem] == 1 else relative.as_posix()
        if unit == "group" and len(relative.parts) > 1:
            name = relative.parts[0]
        if name in groups and not (unit == "group" and _same_group(path, groups[name][0], folder)):
            raise InputError(
                f"{str(path)!r} and {str(groups[name][0])!r} would both be the text {name!r}. Rename one of them.",
                code="text-names-collide",
            )
        groups.setdefault(name, []).append(path)
    for name, paths in groups.items():
        yield name, tuple(paths)


def _same_group(one: Path, other: Path, folder: Path) -> bool:
    first, second = one.relative_to(folder).parts, other.relative_to(folder).parts
    return len(first) > 1 and len(second) > 1 and first[0] == second[0]


def _text(name: str, files: tuple[Path, ...], folder: Path) -> Text:
    digest = hashlib.sha256()
    words = 0
    for path in files:
        words += len(read_file(path).split())
        digest.update(path.read_bytes())
    if words == 0:
        raise InputError(
            f"The text {name!r} ({files[0]}) is empty. Remove it from the folder, or fill it.", code="text-empty"
        )
    parts = files[0].relative_to(folder).parts
    group = parts[0] if len(parts) > 1 else ""
    return Text(name, files, digest.hexdigest(), words, group, normalized_sha256=_normalized_sha256(files))


def _normalized_sha256(files: tuple[Path, ...]) -> str:
    """Return a hash that is equal for texts that a person would call copies of each other."""
    content = "\n\n".join(
        _records(path) if path.suffix.lower() == JSON_LINES else decode(path).content for path in files
    )
    lines = unicodedata.normalize("NFC", content).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return hashlib.sha256("\n".join(line.rstrip() for line in lines).strip("\n").encode()).hexdigest()


def _records(path: Path) -> str:
    """Return the lines of a .jsonl file in a normal form: their content, without line numbers and other fields."""
    return "\n".join(
        json.dumps(
            [[[turn.message(), turn.learned] for turn in line.messages], line.tools], ensure_ascii=False, sort_keys=True
        )
        if line.messages
        else line.text
        for line in lines_of(path)
    )


def _check(folder: Path, texts: tuple[Text, ...], ignored: tuple[str, ...], fewest: int) -> None:
    if len(texts) < fewest:
        got = f"only {texts[0].name!r}" if texts else "none"
        other = f" (it also holds {listed(ignored, 4)}, of kinds that are not read)" if ignored else ""
        raise InputError(
            f"The folder {str(folder)!r} must hold at least {fewest} file{'s' * (fewest > 1)} ending in "
            f"{', '.join(SUFFIXES)}; found {got}{other}. Add texts, or split one into chapters.",
            code="texts-too-few",
        )
    first: dict[str, str] = {}
    for text in texts:
        if text.normalized_sha256 in first:
            raise InputError(
                f"The texts {first[text.normalized_sha256]!r} and {text.name!r} in {str(folder)!r} have the same "
                "content (ignoring line endings, byte order marks, Unicode forms and trailing whitespace), so their "
                "effects cannot be distinguished. Remove one of them.",
                code="texts-alike",
            )
        first[text.normalized_sha256] = text.name


def read_file(path: Path) -> str:
    """Return the text of one file; for a .jsonl file, the readable text of all its lines.

    Raises:
        InputError: the file cannot be read as text; the message gives the byte offset or the line.
    """
    if path.suffix.lower() == JSON_LINES:
        return "\n\n".join(line.text for line in lines_of(path))
    return decode(path).content


def lines_of(path: Path) -> list[Line]:
    """Return the lines of a .jsonl file.

    Raises:
        InputError: the file or one of its lines cannot be read.
    """
    return list(parse_lines(path, decode(path).content))
