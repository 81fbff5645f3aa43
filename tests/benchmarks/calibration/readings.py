"""One study read after every block of randomized trials: what holds at all readings together, and how wide it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from search.storage.records import TrialRecord
from studies.analysis import CONFIDENCE
from studies.analysis.effects import TextEffect
from studies.analysis.estimands import ESTIMANDS
from tests.benchmarks.calibration.worlds import World, strength

WIDTHS_AT = (15, 20, 40, 80)
"""Numbers of blocks at which widths are compared."""
_ZERO = 1e-9

Truth = Mapping[str, float]


def read_often(world: World, records: Sequence[TrialRecord]) -> dict[str, object]:
    """Figures of one study that is read after every block, from the first readable one to the last.

    `false`, `held`: of verdicts and confidence sequences; `false once`, `held once`: of what is meant for one reading.
    The widths are those of sequences, as multiples of the intervals for one reading.
    """
    blocks = list(_blocks(world, records))
    readings = [(effects, truth) for _, effects, truth in blocks]
    return {
        "false": _any(readings, lambda e, true: _false(e, true, e.adjusted_anytime)).any(),
        "false once": _any(readings, lambda e, true: _false(e, true, e.adjusted)).any(),
        "held": 1 - _any(readings, lambda e, true: not e.low_anytime <= true <= e.high_anytime).mean(),
        "held once": 1 - _any(readings, lambda e, true: not e.low <= true <= e.high).mean(),
        **{f"width {at}": _width(effects) for at, effects, _ in blocks if at in WIDTHS_AT},
    }


def _blocks(world: World, records: Sequence[TrialRecord]) -> Iterator[tuple[int, list[TextEffect], Truth]]:
    """Yield the number of blocks, the effects and the truth at every reading with an interval."""
    estimand = ESTIMANDS[world.choose]
    last = {record.pair: place for place, record in enumerate(records) if record.randomized}
    for number, place in enumerate(sorted(last.values()), 1):
        seen = records[: place + 1]
        effects = estimand.estimate(seen, world.texts, None)
        if all(np.isfinite(effect.low) for effect in effects):
            shown = np.mean([strength(float(r.params["learning_rate"])) for r in seen if r.randomized])
            yield number, effects, dict(zip(world.texts, (world.effects * shown).tolist(), strict=True))


def _any(
    readings: Sequence[tuple[list[TextEffect], Truth]], wrong: Callable[[TextEffect, float], bool]
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for every text whether it is wrong at any reading."""
    found = [{e.text: wrong(e, truth[e.text]) for e in effects} for effects, truth in readings]
    return np.array([any(reading[text] for reading in found) for text in found[-1]])


def _false(effect: TextEffect, true: float, adjusted: float) -> bool:
    """Return whether a verdict by an adjusted p-value is false: of a text without an effect, or the opposite one."""
    wrong = abs(true) < _ZERO or np.sign(effect.effect) != np.sign(true)
    return bool(adjusted <= 1 - CONFIDENCE and wrong)


def _width(effects: Sequence[TextEffect]) -> float:
    """Return the median ratio of the widths; infinite where most texts have no sequence yet."""
    ratios = [(e.high_anytime - e.low_anytime) / (e.high - e.low) for e in effects]
    return float(np.median(ratios))
