"""How scores and effects of a study are shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from objectives.spec import FinetuneSpec

if TYPE_CHECKING:
    from studies.analysis.effects import TextEffect
    from studies.storage.stored import StoredStudy


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
        """An effect with its sign; one that rounds to nothing has none."""
        if not math.isfinite(effect):
            return "-"
        shown = f"{effect * self.factor:+.{self.digits}f}"
        return shown if shown.strip("+-0.") else f"{0:.{self.digits}f}"

    def fine_enough(self, widths: Iterable[float]) -> Unit:
        """A copy of the unit with decimals that give the narrowest half-width of these intervals two digits.

        Never fewer than the unit has, and two more at most.
        """
        narrowest = min((width * self.factor for width in widths if 0 < width < math.inf), default=math.inf)
        if math.isinf(narrowest):
            return self
        digits = 1 - math.floor(math.log10(narrowest))
        return replace(self, digits=min(max(self.digits, digits), self.digits + 2))

    def size(self, effect: float) -> str:
        """An effect of either sign."""
        return f"± {abs(effect) * self.factor:.{self.digits}f}"

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
    "scenes": Unit("mean score of the scenes, at most 1", "points of the scenes' score", factor=100, digits=1),
    "accuracy": Unit("share answered right", "points of accuracy", factor=100, digits=1),
}
"""Metric to how its scores are shown."""


def asked_of(study: StoredStudy) -> str:
    """The plural of what trials are scored on: questions, or passages where held-out text is all that is scored."""
    objective = study.spec.objective
    asked = {score.asks for score in objective.scores} if isinstance(objective, FinetuneSpec) else set()
    return asked.pop() if len(asked) == 1 else "questions"


def unit_of(study: StoredStudy) -> Unit:
    """The unit of a study's scores."""
    return UNITS.get(study.metric, Unit(study.metric, f"change of {study.metric}"))


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
