"""Tasks over files on this machine: lm-eval's own task, with data that are read as they stand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import datasets
from lm_eval.api.task import ConfigurableTask

from objectives.scoring.questions.checks import CHOICES, Wording, check_questions, placed
from objectives.scoring.questions.error import QuestionError, QuestionFault
from objectives.scoring.questions.local_data import Row, Rows, is_local, read_splits, refuse_guessing

_LIMIT = "mixtune_limit"
"""Entry of a task's configuration: how many of its questions are asked, None for all."""


class LocalTask(ConfigurableTask):  # type: ignore[misc]
    """A task of lm-eval whose questions lie in files on this machine."""

    def __init__(self, config: dict[str, Any]) -> None:
        """Read the questions.

        Raises:
            QuestionError: the first question cannot be asked; all others that cannot are counted with it.
        """
        config = dict(config)
        self._limit: int | None = config.pop(_LIMIT, None)
        config.pop("class", None)
        self._tried = False
        super().__init__(config=config)

    def download(self, dataset_kwargs: dict[str, Any] | None = None, **_: Any) -> None:
        """Read the files; code of the task's author gets a real data set, which must hold the same values."""
        options = dataset_kwargs or {}
        if not is_local(self.config.dataset_path, options):  # a group may have named another source
            super().download(options)
            return
        splits = read_splits(self.config.dataset_path, options)
        works = self.config.process_docs is not None or self.fewshot_cfg.process_docs is not None
        name = str(self.config.task)
        self.dataset = {split: _exact(name, rows) for split, rows in splits.items()} if works else splits

    def doc_to_text(self, doc: Any, doc_to_text: Any = None) -> Any:
        """Fill the prompt."""
        if not self._tried:  # lm-eval tries the first question as soon as it has read all, and knows no line
            self._tried = True
            self._check_first()
        found = super().doc_to_text(doc, doc_to_text)
        return int(found) if self.config.doc_to_choice is not None and _is_number(found, doc) else found

    def doc_to_target(self, doc: Any, doc_to_target: Any = None) -> Any:
        """Fill the answer."""
        found = super().doc_to_target(doc, doc_to_target)
        numbers = self.OUTPUT_TYPE == CHOICES and _is_number(found, doc) and found not in self.doc_to_choice(doc)
        return int(found) if numbers else found

    def fewshot_context(self, doc: Any, *arguments: Any, **options: Any) -> Any:
        """Build the whole prompt, its examples included."""
        with placed(str(self.config.task), doc, "its prompt"):
            return super().fewshot_context(doc, *arguments, **options)

    def _tell_kind(self) -> None:
        """Find out, as lm-eval does after it, whether choices stand in the prompt and whether several are right."""
        doc = self.task_docs[0]
        try:
            prompt, target = self.doc_to_text(doc), self.doc_to_target(doc)
            choices = self.doc_to_choice(doc) if self.config.doc_to_choice is not None else []
        except Exception:  # noqa: BLE001  the check that follows says what is wrong, with its line
            return
        self.multiple_input = len(choices) if isinstance(prompt, int) else 0
        self.multiple_target = len(target) if isinstance(target, list) else 0

    def _check_first(self) -> None:
        self._tell_kind()
        wording, name = Wording(self), str(self.config.task)
        try:
            check_questions(name, wording, list(islice(self.task_docs, 1)), local=True)
        except QuestionError:
            check_questions(name, wording, list(islice(self.task_docs, self._limit)), local=True)
            raise


def read_locally(config: Mapping[str, Any], limit: int | None) -> dict[str, Any]:
    """Let a task over local files read them as they stand; any other stays as it is.

    Args:
        config: of the task, its files as absolute paths.
        limit: how many of its questions are asked, None for all.
    """
    if "class" not in config:
        refuse_guessing(str(config.get("task")), config.get("dataset_path"), config.get("dataset_kwargs") or {})
    if "class" in config or not is_local(config.get("dataset_path"), config.get("dataset_kwargs") or {}):
        return dict(config)
    return {**config, "class": LocalTask, _LIMIT: limit}


def _is_number(found: Any, doc: Any) -> bool:
    """Return whether text from a table, which has no numbers, is one: lm-eval reads digits so that a template wrote."""
    return isinstance(found, str) and found.isascii() and found.isdigit() and not getattr(doc, "typed", True)


def _exact(task: str, rows: Rows) -> datasets.Dataset:
    """Rows as a data set; a field that some of them lack is null there.

    Raises:
        QuestionError: the data set, whose columns have one type each, would hold other values than the file.
    """
    filled = [{name: row.get(name) for name in rows.features} for row in rows]
    try:
        made = datasets.Dataset.from_list(filled)
    except (ValueError, TypeError, OverflowError) as error:
        raise _mixed(task, _first_other(rows), str(error)) from error
    for row, fields, found in zip(rows, filled, made, strict=True):
        if json.dumps(fields, sort_keys=True) != json.dumps(found, sort_keys=True, default=str):
            raise _mixed(task, row, f"{fields} would become {found}")
    return made


def _first_other(rows: Sequence[Row]) -> Row:
    """The first row that has a field of another type than the rows before it."""
    types: dict[str, type] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None and types.setdefault(name, type(value)) is not type(value):
                return row
    return rows[0]


def _mixed(task: str, row: Row, says: str) -> QuestionError:
    fault = QuestionFault(
        "line",
        "every field must have one type in all questions, because the task's process_docs works on columns "
        f"({' '.join(says.split())[:200]})",
        str(dict(row)),
        row.file,
        row.line,
    )
    return QuestionError(task, [fault])
