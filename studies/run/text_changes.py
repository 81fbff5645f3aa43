"""Texts that are added to a study or removed from it when it resumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spaces import Corpus, InputError
from spaces.errors import listed
from studies.analysis.estimands import estimand_of
from studies.run.checks import refuse_changed_content
from studies.storage.stored import StoredStudy, StoredText


@dataclass(frozen=True, slots=True)
class TextChanges:
    """Names of the texts that were added to a study's corpus or removed from it."""

    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)

    def __str__(self) -> str:
        parts = [f"{listed(map(repr, names))} {verb}" for names, verb in self._parts() if names]
        return " and ".join(parts)

    def _parts(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        return (self.added, "added"), (self.removed, "removed")


def text_changes(study: StoredStudy, corpus: Corpus, again: str, others: Sequence[str], *, allow: bool) -> TextChanges:
    """Return which texts were added or removed since the study's last run.

    Args:
        study: the study as stored.
        corpus: its texts now.
        again: command that resumes the study.
        others: descriptions of other drivers that run the study now.
        allow: whether texts may be added or removed.

    Raises:
        InputError: the content of a text has changed, or texts were added or removed and that is not allowed, or it
            would leave no comparable trials.
    """
    before = {text.name: text.sha256 for text in study.texts}
    present = {text.name for text in study.texts if not text.removed}
    now = {text.name: text.sha256 for text in corpus.texts}
    changes = TextChanges(
        tuple(name for name in now if name not in present), tuple(sorted(name for name in present if name not in now))
    )
    same = {repr(name): before.get(name, sha256) for name, sha256 in now.items()}
    refuse_changed_content(study.spec.name, same, {repr(name): sha256 for name, sha256 in now.items()})
    if changes:
        _refuse_changes(study, changes, again, others, allow=allow)
    return changes


def _refuse_changes(
    study: StoredStudy, changes: TextChanges, again: str, others: Sequence[str], *, allow: bool
) -> None:
    if not estimand_of(study).is_inclusion or not study.varies_texts:
        raise InputError(
            f"Texts of the study {study.spec.name!r} have changed since its launch ({changes}), and only studies with "
            "`choose: subset` can continue with other texts: elsewhere old and new trials cannot be compared. Restore "
            "the texts, or launch a new study under another name.",
            code="inputs-changed",
        )
    if not allow:
        raise InputError(
            f"Texts of the study {study.spec.name!r} have changed since its launch: {changes}. Restore them, or "
            f"continue with the texts as they are now: {again} --allow --trials TOTAL. All trials stay; an added text "
            "needs trials of its own.",
            code="inputs-changed",
        )
    if others:
        raise InputError(
            f"Texts of the study {study.spec.name!r} cannot change ({changes}) while other programs run it: "
            f"{listed(others)}. Stop them first.",
            code="texts-changed-while-running",
        )


def with_changes(stored: Sequence[StoredText], present: Sequence[StoredText], trials: int) -> tuple[StoredText, ...]:
    """Return all texts that a study has ever had, in the order in which they came.

    Args:
        stored: texts of the study so far.
        present: texts of its corpus now.
        trials: trials of the study so far.
    """
    names = {text.name for text in present}
    known = {text.name for text in stored}
    kept = [replace(text, removed=text.name not in names) for text in stored]
    return (*kept, *(replace(text, since=trials) for text in present if text.name not in known))
