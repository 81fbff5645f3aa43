"""What to lower so that a study fits into some hours, and by how much: each change by itself would do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from studies.run.estimate.estimate import Estimate

USUAL_HOURS = 1.0
"""What a first study should take, where the user names no other time."""
_LEAST_SHARE = 0.02
"""Less than this of the tokens or questions is no study of the same thing."""


def fitting_tokens(found: Estimate, hours: float) -> int | None:
    """Training tokens of a trial with which the study takes so many hours; None where no number would do."""
    share = _share(lambda share: found.total_with(training=share), hours)
    if share is None:
        return None
    tokens = int(share * found.rungs[-1]) // found.step_tokens * found.step_tokens
    return _rounded(tokens) if tokens >= len(found.rungs) * found.step_tokens else None


def fitting_trials(found: Estimate, hours: float) -> int | None:
    """Trials that fit into so many hours, confirmation included; None where not one does."""
    return found.trials_within(hours) or None


def advice(found: Estimate, hours: float) -> Iterator[str]:
    """Sentences that say what to lower for a study that does not fit; none for one that does.

    Args:
        found: estimate of the study.
        hours: time that it may take.
    """
    yield from _for_the_machine(found)
    if found.total <= 3600 * hours:
        return
    ways = [*_for_the_time(found, hours)]
    target = f"about {hours_words(hours)}"
    if ways:
        yield f"To end in {target}, any of these by itself: {'; '.join(ways)}."
    else:
        yield (
            f"No single change brings it down to {target}: lower search.trials and objective.tokens together, take a "
            "smaller base, or give it more workers."
        )


def _for_the_time(found: Estimate, hours: float) -> Iterator[str]:
    trials, tokens = fitting_trials(found, hours), fitting_tokens(found, hours)
    if trials is not None and trials >= found.fewest:
        yield f"search.trials: {trials} (now {found.search.trials:,})"
    if tokens is not None:
        yield f"objective.tokens: {tokens} (now {found.rungs[-1]:,})"
    scoring = _share(lambda share: found.total_with(scoring=share), hours)
    if scoring is not None and found.limits:
        yield f"ask {scoring:.0%} of the questions (`limit:`)"
    if found.confirming and found.total - found.confirmation <= 3600 * hours:
        yield f"search.confirm: {{best: 0}}, which saves {found.confirmation / 60:.0f} minutes and confirms nothing"


def _for_the_machine(found: Estimate) -> Iterator[str]:
    if found.memory > found.memory_free:
        workers = int(found.asked.workers * found.memory_free / found.memory)
        less = f"search.workers: {workers}" if workers else "a smaller base, or a smaller objective.batch_size"
        yield f"Memory: all workers together want more than the machine has. Take {less}."
    if found.card * found.trials_a_card > found.card_size:
        at_once = int(found.card_size / found.card)
        less = (
            f"search.gpus: {1 / at_once:.2g}"
            if at_once
            else "precision: bfloat16, gradient_checkpointing: true, a smaller batch_size"
        )
        yield f"Graphics card: its trials want more memory than it has. Take {less}."
    if found.disk > found.disk_free:
        trials = int(found.search.trials * found.disk_free / found.disk)
        fewer = f", or take search.trials: {trials}" if trials >= found.fewest else ""
        yield f"Disk: free {(found.disk - found.disk_free) / 1e9:.1f} GB{fewer}."


def _share(total: Callable[[float], float], hours: float) -> float | None:
    """Share of something at which a total, linear in it, comes down to so many hours; None where too little is left."""
    fixed, whole = total(0.0), total(1.0)
    if whole <= fixed:
        return None
    share = (3600 * hours - fixed) / (whole - fixed)
    return share if _LEAST_SHARE <= share < 1 else None


def _rounded(number: int) -> int:
    """Down to two digits."""
    digit: int = 10 ** max(0, math.floor(math.log10(max(1, number))) - 1)
    return number // digit * digit


def hours_words(hours: float) -> str:
    """A number of hours in words."""
    if hours >= 1:
        return "an hour" if hours == 1 else f"{hours:g} hours"
    minutes = round(60 * hours)
    return f"{minutes} minutes" if minutes > 1 else f"{3600 * hours:.0f} seconds"
