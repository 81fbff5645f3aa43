"""Bytes of a text file as text: UTF-8, what a byte order mark says, or an encoding that is detected."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from spaces.errors import InputError

_MARKS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 60
"""Characters of a text that are shown, so that a person sees whether the encoding is right."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text file."""

    content: str
    """With `\\n` at the ends of lines that ended in `\\r\\n`."""
    detected: str = ""
    """Its encoding, where that was detected rather than known; empty for UTF-8 and files with a byte order mark."""


def decode(path: Path) -> Decoded:
    """Read a file.

    Raises:
        InputError: it cannot be read, or is no text in any encoding that can be told.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The text {str(path)!r} cannot be read: {error.strerror}. Check its permissions.", code="text-unreadable"
        ) from error
    mark, encoding = next((each for each in _MARKS if data.startswith(each[0])), (b"", "utf-8"))
    if not mark and (zero := data.find(b"\0")) >= 0:
        raise InputError(
            f"{str(path)!r} is not a text file: there is a zero byte at byte offset {zero}. "
            "Export it as plain UTF-8 text, or move it out of the folder.",
            code="text-binary",
        )
    try:
        return Decoded(_lines(data[len(mark) :].decode(encoding)))
    except UnicodeDecodeError as error:
        if mark:
            raise InputError(
                f"{str(path)!r} begins with the byte order mark of {encoding} and is not in it: byte offset "
                f"{error.start + len(mark)}. Save it anew as UTF-8.",
                code="byte-order-mark-wrong",
            ) from error
        return _detected(path, data, error)


def detected_note(path: Path, found: Decoded) -> str:
    """Say in which encoding a file was read, with a line of it, for a person to check."""
    sample = next((line.strip() for line in found.content.split("\n") if not line.isascii()), "")
    return f"{path.name} is not UTF-8 and was read as {found.detected}: “{sample[:_SAMPLE]}”."


def _detected(path: Path, data: bytes, error: UnicodeDecodeError) -> Decoded:
    encoding = _encoding_of(path, path.stat().st_mtime_ns, len(data))
    if encoding is None:
        raise InputError(
            f"{str(path)!r} is not UTF-8 (byte 0x{data[error.start]:02x} at byte offset {error.start}), and in no "
            "other encoding that can be told. Save it anew as UTF-8, or move it out of the folder.",
            code="text-undecodable",
        )
    return Decoded(_lines(data.decode(encoding)), encoding)


@lru_cache(maxsize=1024)
def _encoding_of(path: Path, changed: int, size: int) -> str | None:  # noqa: ARG001  a changed file is another one
    """The most probable encoding of a file; looking takes about a second a megabyte, and a file is read often."""
    from charset_normalizer import from_bytes

    best = from_bytes(path.read_bytes()).best()
    return None if best is None else best.encoding


def _lines(content: str) -> str:
    return content.replace("\r\n", "\n")
