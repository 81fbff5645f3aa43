"""Decoding of text files: as UTF-8, by the byte order mark, or with a detected encoding."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from spaces.errors import InputError

_MARKS = (  # UTF-32 before UTF-16, because its mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 60
"""Number of characters of a text that are shown, so that a person sees whether the encoding is right."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Decoded content of a text file."""

    content: str
    """Text of the file, with `\\r\\n` replaced by `\\n`."""
    detected: str = ""
    """Detected encoding; empty for UTF-8 and for files with a byte order mark."""


def decode(path: Path) -> Decoded:
    """Read and decode a text file.

    Raises:
        InputError: the file cannot be read, or is not text in any encoding that can be detected.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The text {str(path)!r} cannot be read: {error.strerror}. Check its permissions.", code="text-unreadable"
        ) from error
    mark, encoding = next((row for row in _MARKS if data.startswith(row[0])), (b"", "utf-8"))
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
                f"{str(path)!r} begins with the byte order mark of {encoding} but is not valid {encoding}: byte offset "
                f"{error.start + len(mark)}. Save it again as UTF-8.",
                code="byte-order-mark-wrong",
            ) from error
        return _detected(path, data, error)


def detected_note(path: Path, decoded: Decoded) -> str:
    """Return a note that names the detected encoding of a file and shows a line of it, for a person to check."""
    sample = next((line.strip() for line in decoded.content.split("\n") if not line.isascii()), "")
    return f"{path.name} is not UTF-8 and was read as {decoded.detected}: “{sample[:_SAMPLE]}”."


def _detected(path: Path, data: bytes, error: UnicodeDecodeError) -> Decoded:
    encoding = _encoding_of(path, path.stat().st_mtime_ns, len(data))
    if encoding is None:
        raise InputError(
            f"{str(path)!r} is not UTF-8 (byte 0x{data[error.start]:02x} at byte offset {error.start}), and no other "
            "encoding was detected. Save it again as UTF-8, or move it out of the folder.",
            code="text-undecodable",
        )
    return Decoded(_lines(data.decode(encoding)), encoding)


@lru_cache(maxsize=1024)
def _encoding_of(path: Path, mtime_ns: int, size: int) -> str | None:  # noqa: ARG001  part of the cache key
    """Return the most probable encoding of a file; cached, because detection takes about one second per megabyte."""
    from charset_normalizer import from_bytes

    best = from_bytes(path.read_bytes()).best()
    return None if best is None else best.encoding


def _lines(content: str) -> str:
    return content.replace("\r\n", "\n")
