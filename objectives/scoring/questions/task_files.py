"""Task files on this machine, and the shipped layouts for well-known benchmarks: data files lie beside them."""

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
"""Tasks below it are lm-eval's own, and trusted as it is."""
_LOCAL_FORMATS = ("json", "csv", "parquet", "text", "arrow")
LAYOUTS = ("aime24", "arc_challenge", "arc_easy", "boolq", "gsm8k")
"""Benchmarks whose questions may lie in a file of the user's (`data:`)."""


def is_file(name: str) -> bool:
    """Whether an entry of `tasks` names a file."""
    return name.endswith((".yaml", ".yml"))


def read_task(path: Path, *, allow_code: bool, limit: int | None = None) -> dict[str, Any]:
    """A task file as a dictionary, its data files found beside it; `limit`: how many questions are asked.

    Raises:
        FieldError: there is no such file, it is no task, or it runs code and may not.
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
            f"{str(path)!r} is a group of tasks. Put its folder into `include`, and {config['group']!r} into `tasks`.",
            code="task-file-is-group",
        )
    if "task" not in config:
        raise FieldError(
            _FIELD,
            f"the task file {str(path)!r} must give its name as `task:`; got {listed(config)}.",
            code="task-file-without-name",
        )
    options = config.get("dataset_kwargs") or {}
    if config.get("dataset_path") in _LOCAL_FORMATS and "data_files" in options:
        config["dataset_kwargs"] = {**options, "data_files": _beside(options["data_files"], path)}
    return read_locally(config, limit)


def read_layout(spec: TaskSpec, limit: int | None = None) -> dict[str, Any]:
    """The task over the user's own questions; `limit`: how many of them are asked.

    Raises:
        FieldError: there is no such layout, or no such file.
    """
    if spec.task not in LAYOUTS:
        raise FieldError(
            _FIELD,
            f"`data` goes with one of {', '.join(LAYOUTS)}; got the task {spec.task!r}."
            f"{did_you_mean(spec.task, LAYOUTS)} For questions of another form, write a task file (docs/scores.md).",
            code="data-layout-unknown",
        )
    for path in (spec.data, spec.examples):
        if path is not None and not path.is_file():
            raise FieldError(
                _FIELD, f"the questions {str(path)!r} of the task {spec.task!r} are not there.", code="data-missing"
            )
    if spec.few_shot and spec.examples is None:
        raise FieldError(
            _FIELD,
            f"the task {spec.task!r} wants {spec.few_shot} examples in a prompt (few_shot), and they must not be "
            "questions that are asked. Give another file of the same form as `examples`.",
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
    """Whether a task, and all that a group or a tag of that name stands for, can be found.

    Raises:
        FieldError: a group contains itself.
    """
    return all(found is not None for _, found in _below(manager, name))


def localise(manager: TaskManager, name: str, *, allow_code: bool, limit: int | None = None) -> None:
    """Let tasks of the user's folders, also those within a group, find their data files beside them.

    Raises:
        FieldError: one of them runs code and may not, or a group contains itself.
    """
    for found, entry in list(_below(manager, name)):
        if entry is None or entry.file is None or entry.file.resolve().is_relative_to(_LM_EVAL):
            continue
        if not allow_code:
            refuse_code(entry.file)
        _refuse_inline(entry.config, manager)
        if entry.kind == "TASK":
            set_task_config(manager, found, read_task(entry.file, allow_code=allow_code, limit=limit))


def _below(manager: TaskManager, name: str, above: tuple[str, ...] = ()) -> Iterator[tuple[str, Listed | None]]:
    """A name and all that it stands for, with what the manager knows of each."""
    if name in above:
        raise FieldError(
            _FIELD, f"the group {name!r} contains itself, by way of {', '.join(above)}.", code="group-contains-itself"
        )
    entry = listed_as(manager, name)
    yield name, entry
    if entry is None:
        return
    for child in _members(entry.config) if entry.kind == "GROUP" else entry.tasks:
        yield from _below(manager, child, (*above, name))


def _refuse_inline(group: Any, manager: TaskManager) -> None:
    """See that no group holds a task over local files, whose types lm-eval would guess.

    Raises:
        FieldError: one does.
    """
    members = group.get("task") if isinstance(group, dict) else None
    for item in members if isinstance(members, list) else []:
        _refuse_inline(item, manager)
        if isinstance(item, dict) and is_local(item.get("dataset_path"), item.get("dataset_kwargs") or {}):
            name = str(item.get("task"))
            if listed_as(manager, name) is None:
                raise FieldError(
                    _FIELD,
                    f"the group {group.get('group')!r} holds the task {name!r} with questions in local files. Write it "
                    "as a task file of its own, and name it in the group.",
                    code="group-holds-local-task",
                )


def _members(group: Any) -> list[str]:
    """Names that a group's configuration mentions, those of the groups written out within it included."""
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
    """Data files as absolute paths: a relative one starts at the folder of the task file."""
    if isinstance(data, dict):
        return {split: _beside(part, task) for split, part in data.items()}
    if isinstance(data, list):
        return [_beside(part, task) for part in data]
    path = task.parent / str(data)
    if "*" not in path.name and "://" not in str(data) and not path.is_file():
        raise FieldError(
            _FIELD,
            f"the task file {str(task)!r} names the data file {str(data)!r}, but {str(path)!r} is not there.",
            code="data-missing",
        )
    return str(data) if "://" in str(data) else str(path.resolve())
