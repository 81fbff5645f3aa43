"""Tasks over local files: lm-eval's task class, with data read without guessing types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import datasets
from lm_eval.api.task import ConfigurableTask

from objectives.scoring.questions.checks import CHOICES, Wording, check_questions, locating_errors
from objectives.scoring.questions.error import QuestionError, QuestionFault
from objectives.scoring.questions.local_data import Row, Rows, is_local, read_splits, refuse_guessing

_LIMIT = "mixtune_limit"
"""Key of a task's configuration for the number of questions to use; None for all."""


class LocalTask(ConfigurableTask):  # type: ignore[misc]
    """A task of lm-eval whose questions are in local files."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the questions.

        Raises:
            QuestionError: the first question cannot be asked; the error counts all such questions.
        """
        config = dict(config)
        self._limit: int | None = config.pop(_LIMIT, None)
        config.pop("class", None)
        self._first_checked = False
        super().__init__(config=config)

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **_: Any) -> None:
        """Read the files; if the task has `process_docs`, it gets a real data set with the same values."""
        options = dataset_kwargs or {}
        if not is_local(self.config.dataset_path, options):  # a group may have set another source
            super().download(options)
            return
        splits = read_splits(self.config.dataset_path, options)
        processed = self.config.process_docs is not None or self.fewshot_cfg.process_docs is not None
        name = str(self.config.task)
        self.dataset = {split: _exact(name, rows) for split, rows in splits.items()} if processed else splits

    def doc_to_text(self, doc: Any, doc_to_text: Any = None) -> Any:
        """Fill the prompt."""
        if not self._first_checked:  # lm-eval fills the first question on loading, without line numbers in errors
            self._first_checked = True
            self._check_first()
        prompt = super().doc_to_text(doc, doc_to_text)
        return int(prompt) if self.config.doc_to_choice is not None and _is_number(prompt, doc) else prompt

    def doc_to_target(self, doc: Any, doc_to_target: Any = None) -> Any:
        """Fill the answer."""
        target = super().doc_to_target(doc, doc_to_target)
        is_index = self.OUTPUT_TYPE == CHOICES and _is_number(target, doc) and target not in self.doc_to_choice(doc)
        return int(target) if is_index else target

    def fewshot_context(self, doc: Any, *arguments: Any, **options: Any) -> Any:
        """Build the whole prompt with its examples."""
        with locating_errors(str(self.config.task), doc, "its prompt"):
            return super().fewshot_context(doc, *arguments, **options)

    def _set_kind(self) -> None:
        """Determine, as lm-eval does later, whether the choices are prompts and whether several are right."""
        doc = self.task_docs[0]
        try:
            prompt, target = self.doc_to_text(doc), self.doc_to_target(doc)
            choices = self.doc_to_choice(doc) if self.config.doc_to_choice is not None else []
        except Exception:  # noqa: BLE001  the check that follows reports the error with its line
            return
        self.multiple_input = len(choices) if isinstance(prompt, int) else 0
        self.multiple_target = len(target) if isinstance(target, list) else 0

    def _check_first(self) -> None:
        self._set_kind()
        wording, name = Wording(self), str(self.config.task)
        try:
            check_questions(name, wording, list(islice(self.task_docs, 1)), local=True)
        except QuestionError:
            check_questions(name, wording, list(islice(self.task_docs, self._limit)), local=True)
            raise


def read_locally(config: Mapping[str, Any], limit: int | None) -> dict[str, Any]:
    """Return the configuration of a task such that local files are read by `LocalTask`; others stay the same.

    Args:
        config: configuration of the task, its files as absolute paths.
        limit: number of questions to use; None for all.
    """
    if "class" not in config:
        refuse_guessing(str(config.get("task")), config.get("dataset_path"), config.get("dataset_kwargs") or {})
    if "class" in config or not is_local(config.get("dataset_path"), config.get("dataset_kwargs") or {}):
        return dict(config)
    return {**config, "class": LocalTask, _LIMIT: limit}


def _is_number(value: Any, doc: Any) -> bool:
    """Whether a text value from an untyped table is a number, as lm-eval reads digits that a template wrote."""
    return isinstance(value, str) and value.isascii() and value.isdigit() and not getattr(doc, "typed", True)


def _exact(task: str, rows: Rows) -> datasets.Dataset:
    """Convert rows to a data set; a missing field becomes null.

    Raises:
        QuestionError: the data set, whose columns have one type each, would have other values than the file.
    """
    filled = [{name: row.get(name) for name in rows.features} for row in rows]
    try:
        dataset = datasets.Dataset.from_list(filled)
    except (ValueError, TypeError, OverflowError) as error:
        raise _mixed(task, _first_other(rows), str(error)) from error
    for row, fields, converted in zip(rows, filled, dataset, strict=True):
        if json.dumps(fields, sort_keys=True) != json.dumps(converted, sort_keys=True, default=str):
            raise _mixed(task, row, f"{fields} would become {converted}")
    return dataset


def _first_other(rows: Sequence[Row]) -> Row:
    """Return the first row with a field of another type than in the rows before it."""
    types: dict[str, type] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None and types.setdefault(name, type(value)) is not type(value):
                return row
    return rows[0]


def _mixed(task: str, row: Row, reason: str) -> QuestionError:
    fault = QuestionFault(
        "line",
        "every field must have one type in all questions, because the task's process_docs works on columns "
        f"({' '.join(reason.split())[:200]})",
        str(dict(row)),
        row.file,
        row.line,
    )
    return QuestionError(task, [fault])
