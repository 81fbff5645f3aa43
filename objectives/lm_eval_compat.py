"""What scoring takes of lm-eval that lm-eval does not promise: the one place to look when a new version fails.

Tried with lm-eval 0.4.13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lm_eval.api.metrics  # fills the registry of metrics
import lm_eval.utils
from lm_eval.api.registry import METRIC_REGISTRY
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks._yaml_loader import load_yaml

if TYPE_CHECKING:
    from jinja2 import Environment
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import Task
    from lm_eval.tasks import TaskManager

TokenRequest = tuple[object, list[int], list[int]]
"""What lm-eval asks a model for: the texts, then context and continuation as tokens."""


class TokenModel(HFLM):  # type: ignore[misc]
    """lm-eval's Hugging Face model, with the two steps of a request's answer open to a subclass.

    Overrides `_encode_pair` and `_loglikelihood_tokens` of lm-eval's `TemplateLM`. The public methods around them,
    `loglikelihood` above all, would have to be written anew to change either.
    """

    def pair_tokens(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """A prompt and what follows it as tokens; a blank between them belongs to what follows."""
        found: tuple[list[int], list[int]] = super()._encode_pair(context, continuation)
        return found

    def pair_log_likelihoods(self, requests: Sequence[TokenRequest]) -> list[tuple[float, bool]]:
        """Log-probability of every continuation, in nats, and whether the model would have said it."""
        found: list[tuple[float, bool]] = super()._loglikelihood_tokens(requests, disable_tqdm=True)
        return found

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        return self.pair_tokens(context, continuation)

    def _loglikelihood_tokens(
        self, requests: Sequence[TokenRequest], disable_tqdm: bool = True, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        return self.pair_log_likelihoods(requests)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a task manager: a task, a group or a tag."""

    kind: str
    """`TASK`, `PY_TASK`, `GROUP` or `TAG`."""
    file: Path | None
    """Where it stands, None where it stands in no file."""
    config: Any
    """What the file says, its functions not looked up; None for a tag."""
    tasks: tuple[str, ...]
    """Those of a tag, by name."""


def listed_as(manager: TaskManager, name: str) -> Listed | None:
    """The entry that a task manager has for a name, None where it has none.

    Reads the entries of `TaskManager.task_index`, whose class is in the private module `lm_eval.tasks._index`. The
    public lists of names say neither where a task stands nor what a group holds.
    """
    entry = manager.task_index.get(name)
    if entry is None:
        return None
    tasks = tuple(sorted(entry.tags)) if entry.kind.name == "TAG" else ()
    return Listed(entry.kind.name, entry.yaml_path, entry.cfg, tasks)


def list_anew(manager: TaskManager, name: str, config: dict[str, Any]) -> None:
    """Let a task that a manager knows be made of this configuration from now on, and of no file.

    Replaces the entry in `TaskManager.task_index`. A configuration can be loaded by itself, but not in the place of a
    name that a group holds.
    """
    manager.task_index[name] = replace(manager.task_index[name], yaml_path=None, cfg=config)


def read_task_file(path: Path) -> dict[str, Any]:
    """A task file as a dictionary: what it includes put in, functions that it names loaded.

    Calls `load_yaml` of the private module `lm_eval.tasks._yaml_loader`: a task manager reads files so, and hands on
    nothing but finished tasks.
    """
    found: dict[str, Any] = load_yaml(path)
    return found


def filter_answers(task: Task, instances: list[Instance]) -> None:
    """Let a task's filters make `filtered_resps` of the answers to these requests.

    Sets the private `Task._instances`, over which `Task.apply_filters` goes. It is public to read only, and is filled
    by building all requests, where questions that are not asked now have no answers.
    """
    task._instances = instances
    task.apply_filters()


def has_metric(name: str) -> bool:
    """Whether lm-eval itself has a metric of that name; it imports any other from a path or from the hub.

    Reads `METRIC_REGISTRY` of `lm_eval.api.registry`, which is not documented; asking lm-eval for a metric loads it.
    """
    return name in METRIC_REGISTRY


def prompt_templates() -> Environment:
    """The Jinja environment in which lm-eval compiles templates, with its filters.

    Reads `lm_eval.utils.env`, which is not documented; there is no other way to it.
    """
    found: Environment = lm_eval.utils.env
    return found


def compile_prompts_in(environment: Environment) -> None:
    """From now on, let lm-eval compile templates in this Jinja environment.

    Replaces `lm_eval.utils.env`; see `prompt_templates`. lm-eval has no setting for a sandbox.
    """
    lm_eval.utils.env = environment
