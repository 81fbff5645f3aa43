"""Find and read scene files."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from objectives.scenes import SHIPPED
from objectives.scenes.spec import Scene, SceneFile
from spaces.errors import FieldError, did_you_mean, listed
from spaces.yaml.reading import read_file


def scenes_in(names: list[str], field: str = "objective.scores") -> dict[str, Scene]:
    """Read all scenes of some files, by unique names: `file/quality/scene`.

    Raises:
        InputError: a file does not exist or is invalid, or two files have the same name.
    """
    stems = [Path(name).stem for name in names]
    if len(set(stems)) < len(stems):
        raise FieldError(
            field,
            f"scene files must have different names; got {listed(names)}. Rename one of them.",
            code="scene-files-alike",
        )
    return {
        f"{Path(name).stem}/{scene.quality}/{scene.id}": scene for name in names for scene in _read(name, field).scenes
    }


def _read(name: str, field: str) -> SceneFile:
    if name in SHIPPED:
        return _shipped(name)
    if not name.endswith((".yaml", ".yml")):
        raise FieldError(
            field,
            f"there are no scenes called {name!r}.{did_you_mean(name, SHIPPED)} mixtune ships {listed(SHIPPED)}; the "
            "name of your own scene file must end in .yaml.",
            code="scenes-unknown",
        )
    return read_file(Path(name), SceneFile, "file of scenes", "schema: 1")


@cache
def _shipped(name: str) -> SceneFile:
    with as_file(files("objectives.scenes").joinpath(f"{name}.yaml")) as path:
        return read_file(path, SceneFile, "file of scenes", "schema: 1")
