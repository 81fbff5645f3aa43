"""Advice on what to lower, and by how much, so that a study fits into a number of hours."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from studies.run.estimate.estimate import Estimate

USUAL_HOURS = 1.0
"""Hours that a study should take if the user does not specify a time."""
_LEAST_SHARE = 0.02
"""Smallest share of the tokens or questions that is suggested; less would be a different study."""


def fitting_tokens(estimate: Estimate, hours: float) -> int | None:
    """Return the training tokens per trial with which the study fits into `hours`; None if no number suffices."""
    share = _share(lambda share: estimate.total_with(training=share), hours)
    if share is None:
        return None
    tokens = int(share * estimate.rungs[-1]) // estimate.step_tokens * estimate.step_tokens
    return _rounded(tokens) if tokens >= len(estimate.rungs) * estimate.step_tokens else None


def fitting_trials(estimate: Estimate, hours: float) -> int | None:
    """Return the number of trials that fit into `hours`, confirmation included; None if none fits."""
    return estimate.trials_within(hours) or None


def advice(estimate: Estimate, hours: float) -> Iterator[str]:
    """Yield sentences that say what to lower if a study does not fit; none if it fits.

    Args:
        estimate: estimate of the study.
        hours: time that the study may take.
    """
    yield from _machine_advice(estimate)
    if estimate.total <= 3600 * hours:
        return
    options = [*_time_options(estimate, hours)]
    target = f"about {hours_words(hours)}"
    if options:
        yield f"To finish in {target}, make any one of these changes: {'; '.join(options)}."
    else:
        yield (
            f"No single change reduces the time to {target}: lower search.trials and objective.tokens together, use a "
            "smaller base, or use more workers."
        )


def _time_options(estimate: Estimate, hours: float) -> Iterator[str]:
    trials, tokens = fitting_trials(estimate, hours), fitting_tokens(estimate, hours)
    if trials is not None and trials >= estimate.fewest:
        yield f"search.trials: {trials} (now {estimate.search.trials:,})"
    if tokens is not None:
        yield f"objective.tokens: {tokens} (now {estimate.rungs[-1]:,})"
    scoring = _share(lambda share: estimate.total_with(scoring=share), hours)
    if scoring is not None and estimate.limits:
        yield f"score {scoring:.0%} of the questions (`limit:`)"
    if estimate.confirming and estimate.total - estimate.confirmation <= 3600 * hours:
        yield f"search.confirm: {{best: 0}}, which saves {estimate.confirmation / 60:.0f} minutes but confirms nothing"


def _machine_advice(estimate: Estimate) -> Iterator[str]:
    if estimate.memory > estimate.memory_free:
        workers = int(estimate.measured.workers * estimate.memory_free / estimate.memory)
        less = f"search.workers: {workers}" if workers else "a smaller base, or a smaller objective.batch_size"
        yield f"Memory: the workers together need more than the machine has. Use {less}."
    if estimate.card * estimate.trials_a_card > estimate.card_size:
        at_once = int(estimate.card_size / estimate.card)
        less = (
            f"search.gpus: {1 / at_once:.2g}"
            if at_once
            else "precision: bfloat16, gradient_checkpointing: true, a smaller batch_size"
        )
        yield f"GPU: its trials need more memory than it has. Use {less}."
    if estimate.disk > estimate.disk_free:
        trials = int(estimate.search.trials * estimate.disk_free / estimate.disk)
        fewer = f", or use search.trials: {trials}" if trials >= estimate.fewest else ""
        yield f"Disk: free {(estimate.disk - estimate.disk_free) / 1e9:.1f} GB{fewer}."


def _share(total: Callable[[float], float], hours: float) -> float | None:
    """Return the share at which a total that is linear in it equals `hours`; None if the share is too small."""
    fixed, whole = total(0.0), total(1.0)
    if whole <= fixed:
        return None
    share = (3600 * hours - fixed) / (whole - fixed)
    return share if _LEAST_SHARE <= share < 1 else None


def _rounded(number: int) -> int:
    """Round down to two digits."""
    digit: int = 10 ** max(0, math.floor(math.log10(max(1, number))) - 1)
    return number // digit * digit


def hours_words(hours: float) -> str:
    """Return a number of hours in words."""
    if hours >= 1:
        return "an hour" if hours == 1 else f"{hours:g} hours"
    minutes = round(60 * hours)
    return f"{minutes} minutes" if minutes > 1 else f"{3600 * hours:.0f} seconds"
