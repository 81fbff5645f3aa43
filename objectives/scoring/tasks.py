"""lm-eval tasks with their questions: found by file or name, their requests built once."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lm_eval.utils
from lm_eval.api.instance import Instance
from lm_eval.tasks import TaskManager

from objectives.scoring.safety import ALLOW, guard_templates
from objectives.scoring.sight import Sight
from objectives.scoring.spec import BenchmarkSpec, TaskSpec
from objectives.scoring.task_files import is_file, knows, localise, read_layout, read_task
from spaces.errors import FieldError, did_you_mean
from spaces.trial import fingerprint

if TYPE_CHECKING:
    from lm_eval.api.task import Task

_FIELD = "objective.scores"
_FEWSHOT_SEED = 1234
"""lm-eval's own default, which only its whole evaluation sets."""
ANSWER_TOKENS = 256
"""Of a generated answer, where the task does not say; lm-eval's own default."""
_PASSAGES = ("passage", "context", "article", "paragraph", "story")
"""Fields of a question that several questions share."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its requests."""

    doc: Any
    """As it stands in the task's data."""
    instances: tuple[Instance, ...]
    """The task's own requests, one a choice where there are choices."""
    references: tuple[Instance, ...]
    """Ask for the probability of the reference solution, piece by piece, where the task itself only generates."""
    id: str
    """Hash of its content."""
    cluster: str
    """Hash of the passage that it shares with others; its own where it shares none."""


@dataclass(frozen=True, slots=True)
class AskedTask:
    """A task as it is asked."""

    name: str
    task: Task
    weight: float
    """In the mean over tasks."""
    questions: tuple[Question, ...]

    @property
    def kind(self) -> str:
        """lm-eval's output type."""
        return str(self.task.OUTPUT_TYPE)

    @property
    def version(self) -> str:
        """As the task's file gives it."""
        return str((self.task.config.metadata or {}).get("version", self.task.VERSION))

    @property
    def digest(self) -> str:
        """Changes with anything that the task asks: its questions, answers, wording, examples."""
        digest = hashlib.sha256()
        for question in self.questions:
            for instance in (*question.instances, *question.references):
                digest.update(repr((instance.doc, instance.args)).encode())
        return digest.hexdigest()[:16]


def load_tasks(spec: BenchmarkSpec, sight: Sight) -> list[AskedTask]:
    """All tasks of an entry with their requests; groups are taken apart into their tasks.

    Args:
        spec: the entry.
        sight: of the base.

    Raises:
        FieldError: a task file that cannot be read, a name that lm-eval does not know, or a task that runs code
            and may not.
    """
    guard_templates(allow_code=spec.allow_code)
    for folder in spec.include:
        if not folder.is_dir():
            raise FieldError(_FIELD, f"the folder of tasks {str(folder)!r} (include) is not there.")
    manager = _manager(spec)
    tasks: list[AskedTask] = []
    for part in spec.tasks:
        found = _load(manager, part, spec)
        for name, task in found.items():
            if getattr(task, "UNSAFE_CODE", False) and not spec.allow_code:
                raise FieldError(_FIELD, f"the task {name!r} executes what the model writes. {ALLOW}")
            if name in {other.name for other in tasks}:
                raise FieldError(_FIELD, f"the task {name!r} is named twice. Name it once.")
            tasks.append(_asked(name, task, part, spec.limit, sight, part.weight / len(found)))
    return tasks


def _manager(spec: BenchmarkSpec) -> TaskManager:
    """Knows the tasks of the user's folders, and lm-eval's own, which take seconds to read, only where wanted."""
    include = [str(folder) for folder in spec.include]
    named = [part.task for part in spec.tasks if not is_file(part.task) and part.data is None]
    own = TaskManager(include_path=include, include_defaults=False)
    return own if all(knows(own, name) for name in named) else TaskManager(include_path=include)


def _load(manager: TaskManager, part: TaskSpec, spec: BenchmarkSpec) -> dict[str, Task]:
    name = part.task
    try:
        source: Any = name
        if part.data is not None:
            source = read_layout(part)
        elif is_file(name):
            source = read_task(Path(name), allow_code=spec.allow_code)
        else:
            localise(manager, name, spec.include, allow_code=spec.allow_code)
        loaded: dict[str, Task] = manager.load([source])["tasks"]
    except FieldError:
        raise
    except KeyError as error:
        if is_file(name) or name in manager.all_tasks:
            raise FieldError(_FIELD, f"the task {name!r} has no field {error}. Add it.") from error
        raise FieldError(
            _FIELD,
            f"lm-eval knows no task {name!r}.{did_you_mean(name, manager.all_tasks)} "
            "Give a name from `lm-eval ls tasks`, a task file that ends in .yaml, or the folder of one in `include`.",
        ) from error
    except Exception as error:  # a task file may fail in any way that its author's data or code may
        raise _unusable(name, error) from error
    return loaded


def _asked(name: str, task: Task, part: TaskSpec, limit: int | None, sight: Sight, weight: float) -> AskedTask:
    if part.few_shot is not None:
        task.set_config(key="num_fewshot", value=part.few_shot)
    task.set_fewshot_seed(_FEWSHOT_SEED)  # the same examples in every worker and after every resume
    try:
        task.build_all_requests(limit=limit, rank=0, world_size=1)
        by_question: dict[int, list[Instance]] = defaultdict(list)
        for instance in task.instances:
            if instance.request_type == "generate_until":
                options = instance.args[1]
                options["max_gen_toks"] = min(int(options.get("max_gen_toks", ANSWER_TOKENS)), sight.half)
            by_question[instance.doc_id].append(instance)
        questions = tuple(_question(task, part, instances, sight) for _, instances in sorted(by_question.items()))
    except Exception as error:  # templates of the task's author
        raise _unusable(name, error) from error
    return AskedTask(name, task, weight, questions)


def _question(task: Task, part: TaskSpec, instances: list[Instance], sight: Sight) -> Question:
    instances.sort(key=lambda instance: instance.idx)
    doc = instances[0].doc
    own = _hash(doc)
    metadata = task.config.metadata or {}
    template = part.passage or metadata.get("passage")
    if template:
        passage = lm_eval.utils.apply_template(template, doc)
    else:
        passage = next((doc[name] for name in _PASSAGES if isinstance(doc.get(name), str) and doc[name].strip()), None)
    return Question(
        doc=doc,
        instances=tuple(instances),
        references=_references(task, part.reference or metadata.get("reference"), instances[0], sight),
        id=own,
        cluster=own if passage is None else _hash(passage),
    )


def _references(task: Task, template: str | None, instance: Instance, sight: Sight) -> tuple[Instance, ...]:
    """Requests for the reference solution after the prompt, written as it stands in an example.

    A solution that takes more than half of what the base can see is asked for in pieces, each after all before it.
    """
    if task.OUTPUT_TYPE != "generate_until":
        return ()
    target = lm_eval.utils.apply_template(template, instance.doc) if template else task.doc_to_target(instance.doc)
    if isinstance(target, list):
        target = target[0]
    if task.config.doc_to_choice is not None and isinstance(target, int):
        target = task.doc_to_choice(instance.doc)[target]
    requests: list[Instance] = []
    before = instance.args[0]
    for piece in sight.pieces(f"{task.config.target_delimiter}{target}"):
        metadata = (task.config.task, instance.doc_id, 1)
        requests.append(Instance("loglikelihood", instance.doc, (before, piece), len(requests), metadata))
        before += piece
    return tuple(requests)


def _hash(content: Any) -> str:
    return fingerprint(repr(content))


def _unusable(name: str, error: Exception) -> FieldError:
    return FieldError(
        _FIELD,
        f"the task {name!r} cannot be loaded: {type(error).__name__}: {str(error).strip()} "
        "Mend the task, or name another; a task of the hub needs a machine that reaches the hub.",
    )
