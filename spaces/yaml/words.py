"""YAML loader with the core schema of YAML 1.2, where only words that look like numbers or booleans are read as such.

YAML 1.1, which PyYAML follows, reads `no` as false, `010` as 8, `1:2` as 62 and `2024-01-01` as a date.
"""

from __future__ import annotations

import re
from collections import defaultdict

import yaml

_BASE: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVERS = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("merge", r"<<", "<"),
)
"""Tag, pattern of its words, and their first characters (https://yaml.org/spec/1.2.2/#103-core-schema)."""
LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
"""Digits that YAML 1.1 reads as octal and YAML 1.2 as decimal."""


class Loader(_BASE):  # type: ignore[valid-type, misc]
    """PyYAML's safe loader with the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]]


def _resolvers() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    resolvers = defaultdict(list)
    for tag, words, firsts in _RESOLVERS:
        pattern = re.compile(rf"(?:{words})\Z")
        for first in firsts:
            resolvers["" if first == "\0" else first].append((f"tag:yaml.org,2002:{tag}", pattern))
    return dict(resolvers)


Loader.yaml_implicit_resolvers = _resolvers()
