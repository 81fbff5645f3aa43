"""Display units of the scores and effects of a study."""

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
    """Display unit of scores and effects; higher scores are always better."""

    score: str
    """Description of a score."""
    effect: str
    """Name of the unit in which effects are shown."""
    factor: float = 1.0
    """Factor from a stored effect to the displayed one."""
    digits: int = 3
    """Decimals of a displayed effect."""

    def signed(self, effect: float) -> str:
        """Format an effect with its sign; an effect that rounds to zero has no sign."""
        if not math.isfinite(effect):
            return "-"
        shown = f"{effect * self.factor:+.{self.digits}f}"
        return shown if shown.strip("+-0.") else f"{0:.{self.digits}f}"

    def fine_enough(self, widths: Iterable[float]) -> Unit:
        """Return a copy of the unit whose decimals show the narrowest half-width of intervals with two digits.

        Decimals are never fewer than the unit's own, and at most two more.
        """
        narrowest = min((width * self.factor for width in widths if 0 < width < math.inf), default=math.inf)
        if math.isinf(narrowest):
            return self
        digits = 1 - math.floor(math.log10(narrowest))
        return replace(self, digits=min(max(self.digits, digits), self.digits + 2))

    def size(self, effect: float) -> str:
        """Format the absolute size of an effect with a ± sign."""
        return f"± {abs(effect) * self.factor:.{self.digits}f}"

    def interval(self, effect: TextEffect) -> str:
        """Format the ends of an effect's 95% interval for one reading."""
        return self.range(effect.low, effect.high, "trials")

    def sequence(self, effect: TextEffect) -> str:
        """Format the ends of an effect's 95% confidence sequence."""
        return self.range(effect.low_anytime, effect.high_anytime, "trials")

    def range(self, low: float, high: float, of: str) -> str:
        """Format both ends of an interval, or `too few {of}` if the interval is infinite."""
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
"""Display unit by metric."""


def item_noun(study: StoredStudy) -> str:
    """Return the plural noun of the scored items: questions, or passages if only held-out text is scored."""
    objective = study.spec.objective
    nouns = {score.asks for score in objective.scores} if isinstance(objective, FinetuneSpec) else set()
    return nouns.pop() if len(nouns) == 1 else "questions"


def unit_of(study: StoredStudy) -> Unit:
    """Return the display unit of a study's scores."""
    return UNITS.get(study.metric, Unit(study.metric, f"change of {study.metric}"))


def duration(seconds: float) -> str:
    """Format seconds for people: `45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
