"""`python -m objectives.scenes.making` writes the shipped files of scenes and their schema, always the same."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from objectives.scenes.making.chains import CHAINS
from objectives.scenes.making.english import ENGLISH
from objectives.scenes.making.facts import consistency, pressure
from objectives.scenes.making.language import Language
from objectives.scenes.making.russian import RUSSIAN
from objectives.scenes.making.stories import completion, compression, definition
from objectives.scenes.spec import SceneFile

_Make = Callable[[random.Random], dict[str, Any]]
_PROMPTS = ("prompt", "plain", "distractors", "contradiction", "suggestion")
_START = re.compile(r"(?:^|(?<=[.!?] ))[^\W\d_]")
LANGUAGES = (ENGLISH, RUSSIAN)
FOLDER = Path(__file__).parents[1]
SCHEMA = "schema.json"
_HEAD = (
    "# yaml-language-server: $schema=schema.json\n"
    "# Made by `python -m objectives.scenes.making`; docs/scenes.md has the format.\n"
)


def scenes_of(say: Language) -> Iterator[dict[str, Any]]:
    """All scenes of a language, quality by quality."""
    for kind, chain in CHAINS.items():
        yield from _scenes("depth", kind, say, partial(chain, say))
    for kind in say.facts:
        yield from _scenes("consistency", kind, say, partial(consistency, kind, say))
    for kind in say.facts:
        yield from _scenes("pressure", kind, say, partial(pressure, kind, say))
    stories = math.ceil(len(say.facts) * say.scenes / len(say.openings))
    for opening in say.openings:
        yield from _scenes("completion", opening.kind, say, partial(completion, opening, say), stories)
    for series in say.series:
        yield from _scenes("compression", series.kind, say, partial(compression, series, say))
    for number, (word, meaning) in enumerate(say.definitions, 1):
        scene = {"quality": "compression", "id": f"definition-{number}", "kind": "definition"}
        yield {**scene, **definition(word, meaning, say)}


def _scenes(quality: str, kind: str, say: Language, make: _Make, count: int | None = None) -> Iterator[dict[str, Any]]:
    """So many scenes of a kind, no two of which ask the same anywhere."""
    seen: set[str] = set()
    rng = random.Random(f"{say.name}:{quality}:{kind}")
    for number in range(1, (count or say.scenes) + 1):
        made = make(rng)
        while seen & set(_prompts(made)):
            made = make(rng)
        seen.update(_prompts(made))
        yield _capitalised({"quality": quality, "id": f"{kind}-{number}", "kind": kind, **made})


def _prompts(scene: Any, key: str = "") -> Iterator[str]:
    """All that a scene asks."""
    if isinstance(scene, dict):
        for name, value in scene.items():
            yield from _prompts(value, name)
    elif isinstance(scene, list):
        for value in scene:
            yield from _prompts(value, key)
    elif key in (*_PROMPTS, "short"):
        yield scene


def _capitalised(scene: Any, key: str = "") -> Any:
    """A scene whose prompts begin every sentence with a capital letter."""
    if isinstance(scene, dict):
        return {name: _capitalised(value, name) for name, value in scene.items()}
    if isinstance(scene, list):
        return [_capitalised(value, key) for value in scene]
    return _START.sub(lambda found: found[0].upper(), scene) if key in _PROMPTS else scene


def written(say: Language) -> str:
    """The file of a language."""
    content = {"schema": 1, "language": say.name, "scenes": list(scenes_of(say))}
    SceneFile.model_validate(content)
    return _HEAD + yaml.dump(content, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=110)


def schema() -> str:
    """The JSON schema of a file of scenes, for editors."""
    return json.dumps(SceneFile.model_json_schema(by_alias=True), indent=2) + "\n"


class _Plain(yaml.SafeDumper):
    """Writes short lists on one line, and everything in full wherever it stands twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style=all(isinstance(item, str) for item in sequence))


def main() -> None:
    """Write the files."""
    for say in LANGUAGES:
        (FOLDER / f"{say.name}.yaml").write_text(written(say), encoding="utf-8")
    (FOLDER / SCHEMA).write_text(schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
