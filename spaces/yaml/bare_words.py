"""Unquoted words that YAML does not read as text."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

READ_AS = {
    f"tag:yaml.org,2002:{tag}": words
    for tag, words in {
        "bool": "the truth value {}",
        "int": "the number {}",
        "float": "the number {}",
        "null": "nothing (null)",
    }.items()
}
"""Tags of unquoted words to descriptions of how YAML reads them; the braces stand for the value."""


def value(word: yaml.ScalarNode) -> object:
    """Return the value that YAML reads a word as."""
    return yaml.SafeLoader("").construct_object(word)


def scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Yield every word of a file, in order."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.CollectionNode):
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                yield from scalars(part)


def read_as(word: yaml.ScalarNode) -> str:
    """Describe how YAML reads a word, for an error message."""
    template = READ_AS[word.tag]
    shown = str(value(word)).lower() if "{}" in template else ""
    return f"YAML reads the unquoted word `{word.value}` as {template.format(shown)}"


def advice(word: yaml.ScalarNode) -> str:
    """Return the advice, for an error message, to quote the word."""
    return f'Put it in quotes: "{word.value}".'
