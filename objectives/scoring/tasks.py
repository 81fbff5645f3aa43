"""lm-eval tasks: found by file or name, with data files beside the task file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lm_eval.utils
import yaml
from jinja2 import BaseLoader, Environment, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from lm_eval.tasks import TaskManager
from lm_eval.tasks._yaml_loader import load_yaml

from spaces.errors import FieldError, did_you_mean, listed

if TYPE_CHECKING:
    from lm_eval.api.task import Task

_FEWSHOT_SEED = 1234
"""lm-eval's own default, which only its whole evaluation sets."""
_ALLOW = "If you trust its authors, set allow_code: true beside `tasks:`."
_UNGUARDED: Environment = lm_eval.utils.env
_LOCAL_FORMATS = ("json", "csv", "parquet", "text", "arrow")


def load_tasks(names: Iterable[str], limit: int | None, *, allow_code: bool = False) -> dict[str, Task]:
    """Tasks by name, each with its requests built; groups are taken apart into their tasks.

    Raises:
        InputError: a task file that cannot be read, a name that lm-eval does not know, or a task that runs code
            and may not.
    """
    names = list(names)
    lm_eval.utils.env = _templates(allow_code=allow_code)
    by_name = any(not _is_file(name) for name in names)
    manager = TaskManager(include_defaults=by_name)
    tasks: dict[str, Task] = {}
    for name in names:
        if _is_file(name) and not allow_code and Path(name).is_file():
            _refuse_code(Path(name))
        for found, task in _load(manager, name).items():
            if getattr(task, "UNSAFE_CODE", False) and not allow_code:
                raise FieldError("objective.scores", f"the task {found!r} executes what the model writes. {_ALLOW}")
            if found in tasks:
                raise FieldError("objective.scores", f"the task {found!r} is named twice. Name it once.")
            task.set_fewshot_seed(_FEWSHOT_SEED)  # the same examples in every worker and after every resume
            task.build_all_requests(limit=limit, rank=0, world_size=1)
            tasks[found] = task
    return tasks


def fingerprint_of(task: Task) -> str:
    """Changes with anything that the task asks: its questions, answers, wording, examples."""
    digest = hashlib.sha256()
    for instance in task.instances:
        digest.update(repr((instance.doc, instance.args)).encode())
    return digest.hexdigest()[:16]


class _NoCode(yaml.SafeLoader):
    """Reads a task file as lm-eval does, but without its functions."""


def _refuse_function(loader: yaml.SafeLoader, tag: str, _node: yaml.Node) -> None:
    raise FieldError("objective.scores", f"the task file {loader.name!r} runs Python code (!{tag}). {_ALLOW}")


_NoCode.add_multi_constructor("!", _refuse_function)


def _refuse_code(path: Path, seen: frozenset[Path] = frozenset()) -> None:
    """See that a task file, and those that it includes, bring no Python; nothing is run to find out.

    Raises:
        FieldError: one does, or cannot be read, which would leave it open.
    """
    path = path.expanduser().resolve()  # as lm-eval does, before it looks for what is included
    try:
        with path.open("rb") as file:
            content = yaml.load(file, Loader=_NoCode)  # noqa: S506  a SafeLoader
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise FieldError("objective.scores", f"the task file {str(path)!r} cannot be loaded: {error}") from error
    if _has_own_metric(content):
        raise FieldError(
            "objective.scores", f"the task file {str(path)!r} loads a metric's code (hf_evaluate). {_ALLOW}"
        )
    included = content.get("include", []) if isinstance(content, dict) else []
    for other in included if isinstance(included, list) else [included]:
        if not isinstance(other, str) or path in seen:
            raise FieldError("objective.scores", f"the task file {str(path)!r} cannot include {other!r}.")
        _refuse_code(path.parent / other, seen | {path})


def _has_own_metric(content: Any) -> bool:
    """Whether `hf_evaluate` is set anywhere: lm-eval then imports a metric from a path or from the hub."""
    if isinstance(content, dict):
        return bool(content.get("hf_evaluate")) or any(map(_has_own_metric, content.values()))
    return isinstance(content, list) and any(map(_has_own_metric, content))


def _templates(*, allow_code: bool) -> Environment:
    """What fills the prompts: lm-eval's own environment, in Jinja's sandbox where a task may run no code."""
    if allow_code:
        return _UNGUARDED
    guarded = ImmutableSandboxedEnvironment(loader=BaseLoader(), undefined=StrictUndefined, keep_trailing_newline=True)
    guarded.filters.update(_UNGUARDED.filters)
    return guarded


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _load(manager: TaskManager, name: str) -> dict[str, Task]:
    try:
        loaded = manager.load([_read(Path(name)) if _is_file(name) else name])
    except FieldError:
        raise
    except KeyError as error:
        if _is_file(name) or name in manager.all_tasks:
            raise FieldError("objective.scores", f"the task {name!r} has no field {error}. Add it.") from error
        raise FieldError(
            "objective.scores",
            f"lm-eval knows no task {name!r}.{did_you_mean(name, manager.all_tasks)} "
            "Give a name from `lm-eval ls tasks`, or the path of a task file that ends in .yaml.",
        ) from error
    except Exception as error:  # a task file may fail in any way that its author's data or code may
        raise FieldError(
            "objective.scores",
            f"the task {name!r} cannot be loaded: {type(error).__name__}: {str(error).strip()} "
            "Mend the task, or name another; a task of the hub needs a machine that reaches the hub.",
        ) from error
    tasks: dict[str, Task] = loaded["tasks"]
    return tasks


def _read(path: Path) -> dict[str, Any]:
    """A task file as a dictionary, its data files found beside it."""
    if not path.is_file():
        near = [other.name for other in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise FieldError(
            "objective.scores",
            f"there is no task file {str(path)!r}.{did_you_mean(path.name, near)} "
            f"Task files in {str(path.parent)!r}: {listed(near)}.",
        )
    config: dict[str, Any] = load_yaml(path)
    if "task" not in config:
        raise FieldError(
            "objective.scores", f"the task file {str(path)!r} must give its name as `task:`; got {listed(config)}."
        )
    options = config.get("dataset_kwargs") or {}
    if config.get("dataset_path") in _LOCAL_FORMATS and "data_files" in options:
        config["dataset_kwargs"] = {**options, "data_files": _beside(options["data_files"], path)}
    return config


def _beside(files: Any, task: Path) -> Any:
    """Data files as absolute paths: a relative one starts at the folder of the task file."""
    if isinstance(files, dict):
        return {split: _beside(part, task) for split, part in files.items()}
    if isinstance(files, list):
        return [_beside(part, task) for part in files]
    path = task.parent / str(files)
    if "*" not in path.name and "://" not in str(files) and not path.is_file():
        raise FieldError(
            "objective.scores",
            f"the task file {str(task)!r} names the data file {str(files)!r}, but {str(path)!r} is not there.",
        )
    return str(files) if "://" in str(files) else str(path.resolve())
