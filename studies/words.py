"""A study's answer in plain sentences, for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optuna.trial import TrialState

from objectives.base import copied
from search.confirmation import BASE
from spaces.errors import listed
from studies.confirmation import Confirmed
from studies.effects import CONFIDENCE, FEWEST_PAIRS, TextEffect, lost_pairs
from studies.spec import StudySpec
from studies.store import StoredStudy, resume_command


@dataclass(frozen=True, slots=True)
class Unit:
    """How scores and effects of a study are shown; higher scores are always better."""

    score: str
    """What a score is."""
    effect: str
    """What an effect counts."""
    factor: float = 1.0
    """Shown effect per stored one."""
    digits: int = 3
    """Decimals of a shown effect."""

    def signed(self, effect: float) -> str:
        """An effect with its sign."""
        return f"{effect * self.factor:+.{self.digits}f}" if math.isfinite(effect) else "-"

    def interval(self, effect: TextEffect) -> str:
        """The ends of the 95% interval."""
        return self.range(effect.low, effect.high, "trials")

    def range(self, low: float, high: float, of: str) -> str:
        """Both ends of an interval; of what there are too few where there is none."""
        return f"{self.signed(low)} to {self.signed(high)}" if math.isfinite(low) else f"too few {of}"


UNITS: Mapping[str, Unit] = {
    "score": Unit("synthetic score", "change of the score"),
    "probability": Unit("probability of the right answer", "points of probability", factor=100, digits=1),
    "log_probability": Unit("log-probability of the right answer, in nats", "nats gained"),
    "bits_per_byte": Unit("minus bits per byte", "bits per byte saved", digits=4),
    "margin": Unit("log-probability above the best wrong answer, in nats", "nats gained"),
    "accuracy": Unit("share answered right", "points of accuracy", factor=100, digits=1),
}
"""Metric to how its scores are shown."""


def unit_of(study: StoredStudy) -> Unit:
    """The unit of a study's scores."""
    return UNITS[study.metric]


def headline(spec: StudySpec, effects: list[TextEffect]) -> str:
    """Which texts help and which hurt, for somebody who knows no statistics."""
    if spec.space.texts.choose != "subset":
        return "Every trial trained on the same texts (space.texts.choose), so this study does not rate them."
    if spec.search.randomised == 0:
        return "No trial had its texts drawn by coin flips (search.randomised is 0), so this study does not rate them."
    helps = [effect.text for effect in effects if effect.verdict == "helps"]
    hurts = [effect.text for effect in reversed(effects) if effect.verdict == "hurts"]
    open_ = len(effects) - len(helps) - len(hurts)
    if all(effect.method == "none" for effect in effects):
        return (
            f"There is no rating yet: it needs at least {FEWEST_PAIRS} pairs of finished trials with texts by coin "
            f"flips, and there are {effects[0].pairs}."
        )
    if not helps and not hurts:
        return (
            f"No text has shown an effect yet: with {effects[0].pairs} pairs of randomised trials every interval "
            "includes zero. More trials may tell more."
        )
    parts = []
    if helps:
        parts.append(f"Training on {_names(helps)} makes the score better")
    if hurts:
        parts.append(f"{'training' if parts else 'Training'} on {_names(hurts)} makes it worse")
    rest = f" For the other {open_} there is no evidence yet either way." if open_ > 1 else ""
    rest = " For the one other text there is no evidence yet either way." if open_ == 1 else rest
    return f"{'; '.join(parts)}.{rest}"


def lost_sentence(study: StoredStudy) -> str:
    """What failed trials take from the rating; empty where nothing."""
    lost = lost_pairs(study.records)
    if not lost:
        return ""
    counted = "1 pair of randomised trials is" if lost == 1 else f"{lost} pairs of randomised trials are"
    return f"{counted} left out of the rating, because a trial failed."


def best_sentence(study: StoredStudy) -> str:
    """The best trial against the untouched base, with a warning about the comparison."""
    best = study.best
    if best is None or best.score is None:
        return "No trial is complete yet."
    complete = len(study.ended(TrialState.COMPLETE))
    mix = listed(best.texts, 20) if best.texts else "nothing (the untouched base)"
    base = f", against {study.base:.3f} of the untouched base" if study.base is not None else ""
    return (
        f"The best of {complete} complete trials is trial {best.number}, trained on {mix}: "
        f"it scored {best.score:.3f}{base} ({unit_of(study).score}). "
        "It was picked for its score on these same questions, so that score is optimistic."
    )


def confirmation_sentence(study: StoredStudy, found: Sequence[Confirmed]) -> str:
    """Whether what the search found beats the untouched base on questions that the search never saw."""
    unit = unit_of(study)
    if study.holdout is None:
        return "No questions were kept from the search (holdout: 0), so nothing confirms what it found."
    if not study.spec.search.confirm.best:
        return "Nothing confirms what the search found (search.confirm.best is 0)."
    candidates = [row for row in found if row.of is not None]
    if not candidates:
        failed = [record for record in study.confirmation if record.state is TrialState.FAIL]
        if failed:
            again = resume_command(study.spec.name, study.url, study.folder)
            return (
                f"What the search found could not be confirmed: {len(failed)} runs failed, the first with "
                f"{failed[0].error!r}. Try them again with: {again}"
            )
        return "What the search found is not confirmed yet."
    best = max(candidates, key=lambda row: row.gain)
    gain = (
        f"{unit.signed(best.gain)} ({unit.effect}; {CONFIDENCE:.0%} interval {unit.range(best.low, best.high, 'runs')})"
    )
    searched = f" In the search, trial {best.of} had gained {unit.signed(best.searched or 0.0)}: optimistic, for it was"
    searched += " picked by that."
    if best.beats_base:
        texts = f" ({listed(best.texts, 20)})"
        return (
            f"On questions that the search never saw, the configuration of trial {best.of}{texts} gains {gain} over "
            f"the untouched base, in {best.runs} runs with fresh seeds.{_others(found, unit)}{searched}"
        )
    return (
        f"No configuration is shown to beat the untouched base on questions that the search never saw: the best, that "
        f"of trial {best.of}, gains {gain}, in {best.runs} runs with fresh seeds.{searched}"
    )


def _others(found: Sequence[Confirmed], unit: Unit) -> str:
    """What the mixes gain that nobody searched for."""
    gains = [f"{row.role} {unit.signed(row.gain)}" for row in found if row.of is None and row.role != BASE]
    return f" Without a search: {', '.join(gains)}." if gains else ""


CONFIRMATION_COLUMNS = ("configuration", "gain", "95% interval", "in the search", "accuracy", "runs")
"""Heads of what `confirmation_cells` gives."""


def confirmation_cells(row: Confirmed, unit: Unit) -> list[str]:
    """A row of the table of a confirmation."""
    accuracy = "-"
    if row.accuracy is not None:
        accuracy = f"{row.accuracy:.1%}" + (f" ± {row.accuracy_stderr:.1%}" if row.accuracy_stderr is not None else "")
    return [
        f"{row.role} ({_counted(len(row.texts), 'text')})" if row.of is not None else row.role,
        unit.signed(row.gain),
        unit.range(row.low, row.high, "runs") if row.role != BASE else "",
        unit.signed(row.searched) if row.searched is not None else "",
        accuracy,
        f"{row.runs}" + (f" ({row.failed} failed)" if row.failed else ""),
    ]


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def found_sentences(study: StoredStudy) -> list[str]:
    """A warning for every text that holds questions of the benchmark."""
    return [copied(text.name, text.found) for text in study.texts if text.found]


def _names(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
