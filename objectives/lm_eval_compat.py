"""Private parts of lm-eval that scoring relies on: the one place to look when a new version fails.

Tested with lm-eval 0.4.13.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lm_eval.api.metrics  # fills the registry of metrics
import lm_eval.api.task
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
"""A request of lm-eval to a model: the texts, then context and continuation as tokens."""


class TokenModel(HFLM):  # type: ignore[misc]
    """lm-eval's Hugging Face model, whose tokenization and scoring of a request a subclass can override.

    Overrides `_encode_pair` and `_loglikelihood_tokens` of lm-eval's `TemplateLM`. Without them, the public methods
    that call them, such as `loglikelihood`, would have to be rewritten.
    """

    def pair_tokens(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Tokenize a prompt and its continuation; whitespace between them belongs to the continuation."""
        pair: tuple[list[int], list[int]] = super()._encode_pair(context, continuation)
        return pair

    def pair_log_likelihoods(self, requests: Sequence[TokenRequest]) -> list[tuple[float, bool]]:
        """Log-probability of every continuation, in nats, and whether greedy decoding would produce it."""
        results: list[tuple[float, bool]] = super()._loglikelihood_tokens(requests, disable_tqdm=True)
        return results

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        return self.pair_tokens(context, continuation)

    def _loglikelihood_tokens(
        self, requests: Sequence[TokenRequest], disable_tqdm: bool = True, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        return self.pair_log_likelihoods(requests)


@contextmanager
def without_bars() -> Iterator[None]:
    """Show no progress bar for requests that are built within the context.

    Replaces the name `tqdm` in `lm_eval.api.task`, which has no option for it. In a notebook, such a bar inside a live
    display of rich ends in a `RecursionError`.
    """
    shown = lm_eval.api.task.tqdm
    lm_eval.api.task.tqdm = partial(shown, disable=True)
    try:
        yield
    finally:
        lm_eval.api.task.tqdm = shown


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a task manager: a task, a group or a tag."""

    kind: str
    """`TASK`, `PY_TASK`, `GROUP` or `TAG`."""
    file: Path | None
    """File of the entry; None if it does not come from a file."""
    config: Any
    """Content of the file, its functions not resolved; None for a tag."""
    tasks: tuple[str, ...]
    """Names of the tasks of a tag."""


def listed_as(manager: TaskManager, name: str) -> Listed | None:
    """Return the entry of a task manager for a name, or None if there is none.

    Reads the entries of `TaskManager.task_index`, whose class is in the private module `lm_eval.tasks._index`. The
    public lists of names give neither the file of a task nor the members of a group.
    """
    entry = manager.task_index.get(name)
    if entry is None:
        return None
    tasks = tuple(sorted(entry.tags)) if entry.kind.name == "TAG" else ()
    return Listed(entry.kind.name, entry.yaml_path, entry.cfg, tasks)


def set_task_config(manager: TaskManager, name: str, config: dict[str, Any]) -> None:
    """Replace the configuration of a listed task; its file is no longer read.

    Replaces the entry in `TaskManager.task_index`. A configuration can also be loaded on its own, but not in place of a
    member of a group.
    """
    manager.task_index[name] = replace(manager.task_index[name], yaml_path=None, cfg=config)


def read_task_file(path: Path) -> dict[str, Any]:
    """Read a task file as a dictionary, with its includes merged and its functions loaded.

    Calls `load_yaml` of the private module `lm_eval.tasks._yaml_loader`, as a task manager does; the manager itself
    returns only finished tasks.
    """
    config: dict[str, Any] = load_yaml(path)
    return config


def filter_answers(task: Task, instances: list[Instance]) -> None:
    """Apply a task's filters to the answers of these requests, which fills their `filtered_resps`.

    Sets the private `Task._instances`, which `Task.apply_filters` iterates over. Its public property is read-only and
    holds the requests of all questions, including those without answers.
    """
    task._instances = instances
    task.apply_filters()


def has_metric(name: str) -> bool:
    """Whether a metric is built into lm-eval; lm-eval imports any other from a path or from the hub.

    Reads `METRIC_REGISTRY` of `lm_eval.api.registry`, which is undocumented; lm-eval's public lookup loads the metric.
    """
    return name in METRIC_REGISTRY


def prompt_templates() -> Environment:
    """Return the Jinja environment in which lm-eval compiles templates, with its filters.

    Reads `lm_eval.utils.env`, which is undocumented; there is no public access to it.
    """
    environment: Environment = lm_eval.utils.env
    return environment


def compile_prompts_in(environment: Environment) -> None:
    """Make lm-eval compile templates in this Jinja environment from now on.

    Replaces `lm_eval.utils.env`; see `prompt_templates`. lm-eval has no setting for a sandbox.
    """
    lm_eval.utils.env = environment
