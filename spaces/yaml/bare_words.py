"""Words without quotes of which YAML makes something else than text."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

MADE = {
    f"tag:yaml.org,2002:{tag}": words
    for tag, words in {
        "bool": "the truth value {}",
        "int": "the number {}",
        "float": "the number {}",
        "null": "nothing (null)",
    }.items()
}
"""What YAML makes of words without quotes, by their tags; the value in braces."""


def value(word: yaml.ScalarNode) -> object:
    """Return the value that YAML makes of a word."""
    return yaml.SafeLoader("").construct_object(word)


def scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """Every word of a file, in order."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.CollectionNode):
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                yield from scalars(part)


def read_as(word: yaml.ScalarNode) -> str:
    """How YAML has read a word, for a message."""
    made = MADE[word.tag]
    shown = str(value(word)).lower() if "{}" in made else ""
    return f"YAML reads the word `{word.value}`, which has no quotes, as {made.format(shown)}"


def advice(word: yaml.ScalarNode) -> str:
    """Say, for a message, what to do to have the word as it stands."""
    return f'Put it in quotes: "{word.value}".'
