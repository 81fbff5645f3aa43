"""Local task files, whose data files are relative to them, and the shipped layouts for well-known benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import lm_eval.tasks
from lm_eval.tasks import TaskManager

from objectives.lm_eval_compat import Listed, listed_as, read_task_file, set_task_config
from objectives.scoring.questions.local_data import is_local
from objectives.scoring.questions.local_task import read_locally
from objectives.scoring.questions.safety import refuse_code
from objectives.scoring.spec import TaskSpec
from spaces.errors import FieldError, did_you_mean, listed

_FIELD = "objective.scores"
_LM_EVAL = Path(lm_eval.tasks.__file__).resolve().parent
"""Folder of lm-eval's own tasks, which are trusted like lm-eval itself."""
_LOCAL_FORMATS = ("json", "csv", "parquet", "text", "arrow")
LAYOUTS = ("aime24", "arc_challenge", "arc_easy", "boolq", "gsm8k")
"""Benchmarks whose questions may come from a local file (`data:`)."""


def is_file(name: str) -> bool:
    """Whether an entry of `tasks` names a file."""
    return name.endswith((".yaml", ".yml"))


def read_task(path: Path, *, allow_code: bool, limit: int | None = None) -> dict[str, Any]:
    """Read a task file as a dictionary, with data files relative to it; `limit`: number of questions to use.

    Raises:
        FieldError: the file does not exist, is not a task, or runs code without permission.
    """
    if not path.is_file():
        near = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise FieldError(
            _FIELD,
            f"there is no task file {str(path)!r}.{did_you_mean(path.name, near)} "
            f"Task files in {str(path.parent)!r}: {listed(near)}.",
            code="task-file-missing",
        )
    if not allow_code:
        refuse_code(path)
    config = read_task_file(path)
    if "group" in config:
        raise FieldError(
            _FIELD,
            f"{str(path)!r} is a group of tasks. Add its folder to `include`, and {config['group']!r} to `tasks`.",
            code="task-file-is-group",
        )
    if "task" not in config:
        raise FieldError(
            _FIELD,
            f"the task file {str(path)!r} must have the field `task:`, its name; got the fields {listed(config)}.",
            code="task-file-without-name",
        )
    options = config.get("dataset_kwargs") or {}
    if config.get("dataset_path") in _LOCAL_FORMATS and "data_files" in options:
        config["dataset_kwargs"] = {**options, "data_files": _beside(options["data_files"], path)}
    return read_locally(config, limit)


def read_layout(spec: TaskSpec, limit: int | None = None) -> dict[str, Any]:
    """Return the configuration of a shipped layout over the user's questions; `limit`: number of questions to use.

    Raises:
        FieldError: the layout or a file does not exist.
    """
    if spec.task not in LAYOUTS:
        raise FieldError(
            _FIELD,
            f"`data` needs one of the tasks {', '.join(LAYOUTS)}; got {spec.task!r}."
            f"{did_you_mean(spec.task, LAYOUTS)} For questions of another form, write a task file (docs/scores.md).",
            code="data-layout-unknown",
        )
    for path in (spec.data, spec.examples):
        if path is not None and not path.is_file():
            raise FieldError(
                _FIELD, f"the file {str(path)!r} of the task {spec.task!r} does not exist.", code="data-missing"
            )
    if spec.few_shot and spec.examples is None:
        raise FieldError(
            _FIELD,
            f"the task {spec.task!r} needs {spec.few_shot} examples in a prompt (few_shot), which must not be scored "
            "questions. Give another file in the same layout as `examples`.",
            code="examples-not-given",
        )
    with as_file(files("objectives.scoring.questions").joinpath("layouts", f"{spec.task}.yaml")) as path:
        config = read_task_file(path)
    config["dataset_kwargs"] = {"data_files": {"test": str(spec.data)}}
    if spec.examples is not None:
        config["dataset_kwargs"]["data_files"]["train"] = str(spec.examples)
        config["fewshot_split"] = "train"
    return read_locally(config, limit)


def knows(manager: TaskManager, name: str) -> bool:
    """Whether a manager lists a task, or a group or a tag with all its members.

    Raises:
        FieldError: a group contains itself.
    """
    return all(entry is not None for _, entry in _below(manager, name))


def localize(manager: TaskManager, name: str, *, allow_code: bool, limit: int | None = None) -> None:
    """Resolve the data files of tasks in the user's folders, including members of groups, relative to the task files.

    Raises:
        FieldError: a task runs code without permission, or a group contains itself.
    """
    for member, entry in list(_below(manager, name)):
        if entry is None or entry.file is None or entry.file.resolve().is_relative_to(_LM_EVAL):
            continue
        if not allow_code:
            refuse_code(entry.file)
        _refuse_inline(entry.config, manager)
        if entry.kind == "TASK":
            set_task_config(manager, member, read_task(entry.file, allow_code=allow_code, limit=limit))


def _below(manager: TaskManager, name: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Listed | None]]:
    """Yield a name and, recursively, the members of its group or tag, each with its entry in the manager."""
    if name in above:
        raise FieldError(
            _FIELD, f"the group {name!r} contains itself through {', '.join(above)}.", code="group-contains-itself"
        )
    entry = listed_as(manager, name)
    yield name, entry
    if entry is None:
        return
    for child in _members(entry.config) if entry.kind == "GROUP" else entry.tasks:
        yield from _below(manager, child, (*above, name))


def _refuse_inline(group: Any, manager: TaskManager) -> None:
    """Check that a group defines no task over local files inline, whose types lm-eval would guess.

    Raises:
        FieldError: the group defines such a task.
    """
    members = group.get("task") if isinstance(group, dict) else None
    for item in members if isinstance(members, list) else []:
        _refuse_inline(item, manager)
        if isinstance(item, dict) and is_local(item.get("dataset_path"), item.get("dataset_kwargs") or {}):
            name = str(item.get("task"))
            if listed_as(manager, name) is None:
                raise FieldError(
                    _FIELD,
                    f"the group {group.get('group')!r} defines the task {name!r} with questions in local files. Move "
                    "the task to its own file, and name it in the group.",
                    code="group-holds-local-task",
                )


def _members(group: Any) -> list[str]:
    """Return the names of a group's members, including those of groups that it defines inline."""
    members = group.get("task") if isinstance(group, dict) else None
    names: list[str] = []
    for item in members if isinstance(members, list) else []:
        if isinstance(item, str):
            names.append(item)
        elif isinstance(item, dict) and "group" in item and "task" in item:
            names += _members(item)
        elif isinstance(item, dict):
            names.append(str(item.get("task") or item.get("group")))
    return names


def _beside(data: Any, task: Path) -> Any:
    """Return data files as absolute paths; a relative path starts at the folder of the task file."""
    if isinstance(data, dict):
        return {split: _beside(part, task) for split, part in data.items()}
    if isinstance(data, list):
        return [_beside(part, task) for part in data]
    path = task.parent / str(data)
    if "*" not in path.name and "://" not in str(data) and not path.is_file():
        raise FieldError(
            _FIELD,
            f"the task file {str(task)!r} names the data file {str(data)!r}, but {str(path)!r} does not exist.",
            code="data-missing",
        )
    return str(data) if "://" in str(data) else str(path.resolve())
