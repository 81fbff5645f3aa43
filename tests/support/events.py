"""Events of a run, told apart by short words."""

from __future__ import annotations

from collections.abc import Iterable

from search.events import ConfirmationBegun, Event, RungReported, TrialFinished, TrialLost, TrialStarted

_WORDS = {TrialStarted: "started", RungReported: "rung", TrialLost: "lost", TrialFinished: "finished"}


def kinds_of(events: Iterable[Event], number: int) -> list[str]:
    """Events of one trial, in order."""
    return [
        _WORDS[type(event)] for event in events if not isinstance(event, ConfirmationBegun) and event.number == number
    ]
