"""Code blocks of Markdown pages: which there are, and running them as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from studies.spec import parse_study

_FENCE = re.compile(
    r"(?P<mark><!-- not executed: [^>]+ -->\s*\n\s*)?^(?P<indent> *)```(?P<language>\w*)(?P<options>[^\n]*)\n"
    r"(?P<code>.*?)^ *```\s*$",
    re.MULTILINE | re.DOTALL,
)
_TITLE = re.compile(r'title="([^"]+)"')
_LIMIT = 240
"""Seconds for a block."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code."""

    language: str
    code: str
    file: str
    """File that it is the content of; empty if it is none."""
    executed: bool
    line: int


def blocks_of(page: Path) -> Iterator[Block]:
    """All fenced blocks of a page, in order."""
    content = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(content):
        title = _TITLE.search(found["options"])
        indent = len(found["indent"])
        code = "".join(line[indent:] if line.strip() else line for line in found["code"].splitlines(keepends=True))
        line = content[: found.start("language")].count("\n") + 1
        yield Block(found["language"], code, title[1] if title else "", found["mark"] is None, line)


def run_page(page: Path, folder: Path) -> None:
    """Run the blocks of a page, in order, in a folder; the Python blocks share their names."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if not block.executed:
            continue
        where = f"{page.name}, line {block.line}"
        if block.file:
            _write(block, folder, where)
        elif block.language == "python":
            exec(compile(block.code, where, "exec", dont_inherit=True), names)
        elif block.language in ("sh", "bash"):
            _run(block.code, folder, where)
        elif block.language == "yaml":
            assert yaml.safe_load(block.code) is not None, where


def _write(block: Block, folder: Path, where: str) -> None:
    path = folder / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.code, encoding="utf-8")
    if block.language == "yaml" and "space:" in block.code:
        parse_study(block.code, Path(where))


def _run(code: str, folder: Path, where: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment: Mapping[str, str] = {**os.environ, "PATH": path}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{where}:\n{code}\n{done.stdout}\n{done.stderr}"
