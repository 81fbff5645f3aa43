"""Whether a study that stops as soon as its texts are decided (`search.stop: when_decided`) has come to its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from search.spec import SearchSpec
from search.storage.records import TrialRecord, is_randomized, read_record
from studies.storage.stored import StoredStudy

if TYPE_CHECKING:
    from studies.analysis.effects import TextEffect


def is_decided(effect: TextEffect, negligible: float | None) -> bool:
    """Return whether a text has a verdict, or its whole confidence sequence is closer to zero than `negligible`."""
    if effect.verdict != "no evidence yet":
        return True
    return negligible is not None and -negligible < effect.low_anytime and effect.high_anytime < negligible


@dataclass(slots=True)
class TextsDecided:
    """Function of a study's trials that returns whether every text is decided; it stores nothing but its last answer.

    Drivers that share a study therefore stop at the same trials.
    """

    choose: str
    """Kind of the search over texts, as `StoredStudy.choose`."""
    texts: Sequence[str]
    search: SearchSpec
    _last: tuple[int, bool] = field(default=(0, False), init=False)
    """Number of complete randomized trials at the last estimate, and its answer."""

    def __call__(self, trials: Sequence[FrozenTrial]) -> bool:
        if not self.search.stops_when_decided:
            return False
        complete = [trial for trial in trials if trial.state is TrialState.COMPLETE and is_randomized(trial)]
        if len(complete) != self._last[0]:
            records = (record for trial in complete if (record := read_record(trial)) is not None)
            self._last = len(complete), self.of(records)
        return self._last[1]

    def of(self, records: Iterable[TrialRecord]) -> bool:
        """Return whether every text is decided by these trials."""
        effects = self.effects(records)
        return bool(effects) and all(is_decided(effect, self.search.negligible_effect) for effect in effects)

    def effects(self, records: Iterable[TrialRecord]) -> list[TextEffect]:
        """Return the effects of the texts."""
        from studies.analysis.estimands import ESTIMANDS  # slow to import, and few studies need it

        return ESTIMANDS[self.choose].estimate(records, self.texts, None)


def stopped_early(study: StoredStudy) -> bool:
    """Return whether a study has fewer trials than it may have, none of which runs, because its texts are decided."""
    ended = study.ended(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    if not (study.spec.search.stops_when_decided and study.rates_texts):
        return False
    if len(ended) >= study.spec.search.trials or len(ended) < len(study.records):
        return False
    return _rule_of(study).of(study.records)


def early_sentence(study: StoredStudy) -> str:
    """Say why a study that stopped early needed no further trials."""
    effects = _rule_of(study).effects(study.records)
    verdicts = sum(effect.verdict != "no evidence yet" for effect in effects)
    small = len(effects) - verdicts
    size = f", and {small} of less effect than {study.spec.search.negligible_effect:g} either way" if small else ""
    return (
        f"every text is decided after {len(study.records)} of at most {study.spec.search.trials} trials: "
        f"{verdicts} with a verdict{size} (search.stop: when_decided)."
    )


def _rule_of(study: StoredStudy) -> TextsDecided:
    return TextsDecided(study.choose, study.present, study.spec.search)
