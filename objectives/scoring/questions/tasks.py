"""Load lm-eval tasks by file or name, with their questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lm_eval.tasks import TaskManager

from objectives.scoring.context_window import ContextWindow
from objectives.scoring.questions.loaded_task import FIGURES, LoadedTask, build_task, unusable
from objectives.scoring.questions.safety import ALLOW, guard_templates
from objectives.scoring.questions.task_files import is_file, knows, localize, read_layout, read_task
from objectives.scoring.spec import BenchmarkSpec, TaskSpec
from spaces.errors import FieldError, did_you_mean

if TYPE_CHECKING:
    from lm_eval.api.task import Task

_FIELD = "objective.scores"


def load_tasks(spec: BenchmarkSpec, window: ContextWindow) -> list[LoadedTask]:
    """Load all tasks of an entry with their requests; groups are expanded into their tasks.

    Args:
        spec: the entry.
        window: context window of the base.

    Raises:
        FieldError: a task file cannot be read, lm-eval has no task of a name, or a task runs code without permission.
    """
    guard_templates(allow_code=spec.allow_code)
    for folder in spec.include:
        if not folder.is_dir():
            raise FieldError(
                _FIELD, f"the folder of tasks {str(folder)!r} (include) does not exist.", code="task-folder-missing"
            )
    manager = _manager(spec)
    tasks: list[LoadedTask] = []
    for part in spec.tasks:
        loaded = _load(manager, part, spec)
        for name, task in loaded.items():
            if getattr(task, "UNSAFE_CODE", False) and not spec.allow_code:
                raise FieldError(
                    _FIELD, f"the task {name!r} executes what the model writes. {ALLOW}", code="task-executes-answers"
                )
            if name in {other.name for other in tasks}:
                raise FieldError(_FIELD, f"the task {name!r} is named twice. Name it once.", code="task-twice")
            if task.OUTPUT_TYPE not in FIGURES:
                raise FieldError(
                    _FIELD,
                    f"the task {name!r} is of the kind {task.OUTPUT_TYPE}; mixtune supports {', '.join(FIGURES)}.",
                    code="task-kind-unknown",
                )
            tasks.append(build_task(name, task, part, spec, window, part.weight / len(loaded), spec.limit))
    return tasks


def _manager(spec: BenchmarkSpec) -> TaskManager:
    """Build a task manager for the user's folders; lm-eval's own tasks, slow to list, are included only if needed."""
    include = [str(folder) for folder in spec.include]
    named = [part.task for part in spec.tasks if not is_file(part.task) and part.data is None]
    own = TaskManager(include_path=include, include_defaults=False)
    return own if all(knows(own, name) for name in named) else TaskManager(include_path=include)


def _load(manager: TaskManager, part: TaskSpec, spec: BenchmarkSpec) -> dict[str, Task]:
    name = part.task
    try:
        source: Any = name
        if part.data is not None:
            source = read_layout(part, spec.limit)
        elif is_file(name):
            source = read_task(Path(name), allow_code=spec.allow_code, limit=spec.limit)
        else:
            localize(manager, name, allow_code=spec.allow_code, limit=spec.limit)
        loaded: dict[str, Task] = manager.load([source])["tasks"]
    except FieldError:
        raise
    except KeyError as error:
        if is_file(name) or name in manager.all_tasks:
            raise FieldError(
                _FIELD, f"the task {name!r} has no field {error}. Add it.", code="task-field-missing"
            ) from error
        raise FieldError(
            _FIELD,
            f"lm-eval has no task {name!r}.{did_you_mean(name, manager.all_tasks)} "
            "Give a name from `lm-eval ls tasks` or a task file that ends in .yaml, or add the task's folder to "
            "`include`.",
            code="task-unknown",
        ) from error
    except Exception as error:  # the data or code of a task may fail in any way
        raise unusable(name, error) from error
    return loaded
