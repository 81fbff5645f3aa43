"""A loaded task: its questions, their requests, and the right answers."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import lm_eval.utils
import numpy as np
from lm_eval.api.instance import Instance
from numpy.typing import NDArray

from objectives.lm_eval_compat import without_bars
from objectives.scoring.benchmark.spec import TaskSpec
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.entry import ScoreEntry
from objectives.scoring.questions.chat_prompts import ChatPrompts
from objectives.scoring.questions.checks import Wording, check_questions, locating_errors, right_choices
from objectives.scoring.questions.error import QuestionError
from objectives.scoring.questions.local_task import LocalTask
from objectives.scoring.questions.request_checks import check_requests
from spaces.errors import FieldError
from spaces.trial import fingerprint

if TYPE_CHECKING:
    from lm_eval.api.task import Task

_FIELD = "objective.scores"
_FEWSHOT_SEED = 1234
"""lm-eval's default seed, which only its full evaluation sets."""
FIGURES: Mapping[str, tuple[str, ...]] = {
    "multiple_choice": ("probability", "log_probability", "bits_per_byte", "margin", "accuracy"),
    "loglikelihood": ("probability", "log_probability", "bits_per_byte", "accuracy"),
    "loglikelihood_rolling": ("bits_per_byte", "log_probability"),
    "generate_until": ("bits_per_byte", "log_probability", "accuracy"),
}
"""Metrics of each kind of task."""
_ANSWER_TOKENS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
"""lm-eval's options for the length of an answer, in order of precedence."""
ANSWER_TOKENS = 256
"""Default limit of tokens of a generated answer, the same as lm-eval's."""
_PASSAGES = ("passage", "context", "article", "paragraph", "story")
"""Names of fields that hold a passage shared by several questions."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its requests."""

    doc: Any
    """Data of the question in the task."""
    instances: tuple[Instance, ...]
    """The task's own requests, one per choice if there are choices."""
    references: tuple[Instance, ...]
    """Requests for the probability of the reference solution, piece by piece, if the task itself only generates."""
    choices: int
    """Number of choices; 0 if there are none."""
    right: tuple[int, ...] | None
    """Indices of the right choices, empty without choices; None if a right answer is not among the choices."""
    own: str
    """Hash of the question's content: its prompt without examples, its choices, its answer."""
    cluster: str
    """Hash of the passage that the question shares with others, or of its own content if it shares none."""

    @property
    def choice_logs(self) -> NDArray[np.float64]:
        """Log-probability of every choice, shape (choices,), after scoring; a task may have further requests."""
        return np.array([instance.resps[0][0] for instance in self.instances[: self.choices]])


@dataclass(frozen=True, slots=True)
class LoadedTask:
    """A task with its questions and requests."""

    name: str
    task: Task
    weight: float
    """Weight in the mean over tasks."""
    questions: tuple[Question, ...]
    digest: str
    """Hash that changes with any of the task's questions, answers, wording and examples."""
    notes: tuple[str, ...] = ()
    """Messages for the user about the questions, such as equal choices in a public benchmark."""

    @property
    def kind(self) -> str:
        """lm-eval's output type."""
        return str(self.task.OUTPUT_TYPE)

    @property
    def version(self) -> str:
        """Version of the task, as in its file."""
        return str((self.task.config.metadata or {}).get("version", self.task.VERSION))


def build_task(
    name: str,
    task: Task,
    part: TaskSpec,
    entry: ScoreEntry,
    window: ContextWindow,
    weight: float,
    limit: int | None = None,
) -> LoadedTask:
    """Build the questions and requests of a task; `limit`: number of questions, from the first.

    Raises:
        FieldError: the templates of the task fail, a right answer is not among the choices, or the prompts would show
            held-out answers.
    """
    _set_examples(task, part.few_shot)
    chat = window.template(entry.chat_template)
    options = {} if chat is None else _in_chat(chat, entry)
    try:
        notes = _check(name, task, limit)
        with without_bars():
            task.build_all_requests(limit=limit, rank=0, world_size=1, **options)
        by_question: dict[int, list[Instance]] = defaultdict(list)
        for instance in task.instances:
            by_question[instance.doc_id].append(instance)
        _limit_answers(task, window)
        questions = tuple(
            _question(task, part, instances, window, in_chat=chat is not None)
            for _, instances in sorted(by_question.items())
        )
        check_requests(name, ([*question.instances, *question.references] for question in questions), window)
        shown = _shown(task, questions) if entry.holdout else 0
    except QuestionError:
        raise
    except Exception as error:  # templates of the task's author
        raise unusable(name, error) from error
    if shown:
        raise _shows_answers(name, shown)
    return LoadedTask(name, task, weight, questions, _digest(questions), notes)


def _set_examples(task: Task, few_shot: int | None) -> None:
    if few_shot is not None:
        task.set_config(key="num_fewshot", value=few_shot)
    task.set_fewshot_seed(_FEWSHOT_SEED)  # the same examples in every worker and after every resume


def _shows_answers(name: str, shown: int) -> FieldError:
    return FieldError(
        _FIELD,
        f"the task {name!r} takes its few-shot examples from its own questions ({shown} of them), so prompts would "
        "show held-out questions with their answers. Give another split as `fewshot_split` in the task file "
        "(`examples` with `data`), or set `few_shot: 0` or `holdout: 0`.",
        code="examples-from-questions",
    )


def answer_tokens(options: Mapping[str, Any]) -> int:
    """Limit of an answer in tokens, from any of lm-eval's options for it."""
    return int(next((options[name] for name in _ANSWER_TOKENS if options.get(name) is not None), ANSWER_TOKENS))


def limit_answer(options: dict[str, Any], most: int) -> None:
    """Limit an answer to at most `most` tokens, in place."""
    wanted = answer_tokens(options)
    for name in _ANSWER_TOKENS:
        options.pop(name, None)
    options[_ANSWER_TOKENS[0]] = min(wanted, most)


def _limit_answers(task: Task, window: ContextWindow) -> None:
    """Limit all answers to the rest of the context after the task's longest prompt, but at least half the context."""
    generated = [instance for instance in task.instances if instance.request_type == "generate_until"]
    longest = max((window.count(instance.args[0]) for instance in generated), default=0)
    for instance in generated:
        limit_answer(instance.args[1], max(window.half, window.context - longest))


def _check(name: str, task: Task, limit: int | None) -> tuple[str, ...]:
    """Check the questions of a task, and for local files also the few-shot examples; return notes.

    Raises:
        QuestionError: some questions cannot be asked or judged.
    """
    local = isinstance(task, LocalTask)
    docs = [doc for _, doc in task.doc_iterator(limit=limit, rank=0, world_size=1)]
    notes = check_questions(name, Wording(task), docs, local=local)
    if local and task.config.num_fewshot:
        check_questions(name, Wording.of_examples(task), list(task.fewshot_docs()), local=True)
    return notes


def _shown(task: Task, questions: tuple[Question, ...]) -> int:
    """Number of questions that may be few-shot examples, with their answers, in the prompts of others."""
    if not task.config.num_fewshot:
        return 0
    hashes = {question.own for question in questions}
    return sum(_content(task, doc) in hashes for doc in task.fewshot_docs())


def _in_chat(chat: ChatPrompts, entry: ScoreEntry) -> dict[str, Any]:
    """Options with which lm-eval builds its requests inside a chat template."""
    turns = entry.examples_are_turns
    return {"apply_chat_template": True, "fewshot_as_multiturn": turns, "chat_template": chat}


def _question(
    task: Task, part: TaskSpec, instances: list[Instance], window: ContextWindow, *, in_chat: bool
) -> Question:
    instances.sort(key=lambda instance: instance.idx)
    generates = task.OUTPUT_TYPE == "generate_until"
    choices = list(task.doc_to_choice(instances[0].doc)) if task.OUTPUT_TYPE == "multiple_choice" else []
    doc = instances[0].doc
    own = _content(task, doc)
    with locating_errors(str(task.config.task), doc, "a request"):
        if not all(isinstance(text, str) for instance in instances for text in instance.args[: 1 if generates else 2]):
            raise TypeError("a prompt or an answer is not text")
    metadata = task.config.metadata or {}
    template = part.passage or metadata.get("passage")
    if template:
        with locating_errors(str(task.config.task), doc, "the passage that it shares with others"):
            passage = lm_eval.utils.apply_template(template, doc)
    else:
        passage = next((doc[name] for name in _PASSAGES if isinstance(doc.get(name), str) and doc[name].strip()), None)
    return Question(
        doc=doc,
        instances=tuple(instances),
        references=_references(
            task, part.reference or metadata.get("reference"), instances[0], window, in_chat=in_chat
        ),
        own=own,
        choices=len(choices),
        right=right_choices(Wording(task), doc, choices) if choices else (),
        cluster=own if passage is None else _hash(passage),
    )


def _digest(questions: tuple[Question, ...]) -> str:
    digest = hashlib.sha256()
    for question in questions:
        for instance in (*question.instances, *question.references):
            digest.update(repr((instance.doc, instance.args)).encode())
    return digest.hexdigest()[:16]


def _references(
    task: Task, template: str | None, instance: Instance, window: ContextWindow, *, in_chat: bool
) -> tuple[Instance, ...]:
    """Build requests for the reference solution after the prompt, formatted as in a few-shot example.

    A solution longer than half the context is scored in pieces, each after all previous ones.
    """
    if task.OUTPUT_TYPE != "generate_until":
        return ()
    with locating_errors(str(task.config.task), instance.doc, "its reference solution"):
        target = lm_eval.utils.apply_template(template, instance.doc) if template else task.doc_to_target(instance.doc)
    if isinstance(target, list):
        target = target[0]
    if task.config.doc_to_choice is not None and isinstance(target, int):
        target = task.doc_to_choice(instance.doc)[target]
    requests: list[Instance] = []
    before = instance.args[0]
    delimiter = "" if in_chat and not task.config.gen_prefix else task.config.target_delimiter  # as lm-eval's choices
    for piece in window.pieces(f"{delimiter}{target}"):
        metadata = (task.config.task, instance.doc_id, 1)
        requests.append(Instance("loglikelihood", instance.doc, (before, piece), len(requests), metadata))
        before += piece
    return tuple(requests)


def _content(task: Task, doc: Any) -> str:
    """Hash of a question's prompt, choices and answer, without any other data."""
    choices = task.doc_to_choice(doc) if task.OUTPUT_TYPE == "multiple_choice" else None
    return _hash([task.doc_to_text(doc), choices, task.doc_to_target(doc)])


def _hash(content: Any) -> str:
    return fingerprint(repr(content))


def unusable(name: str, error: Exception) -> FieldError:
    """Build the error for a task whose file, data or templates fail in any way."""
    return FieldError(
        _FIELD,
        f"the task {name!r} cannot be loaded: {type(error).__name__}: {str(error).strip().rstrip('.')}. "
        "Fix the task, or use another one; a task of the hub needs a machine that reaches the hub.",
        code="task-unloadable",
    )
