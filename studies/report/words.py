"""Plain sentences about a study's results, for the page and the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import TrialState

from search.confirmation import BASE
from spaces import CorpusMix
from spaces.errors import listed
from studies.analysis import CONFIDENCE
from studies.analysis.comparison import compared
from studies.analysis.confirmation import Confirmed
from studies.analysis.units import Unit, item_noun, unit_of
from studies.storage.places import resume_command
from studies.storage.stored import StoredStudy

_MOST_TEXTS = 20


def best_sentence(study: StoredStudy) -> str:
    """Compare the best trial with the untouched base, and say that its score is optimistic."""
    best = study.best
    if best is None or best.score is None:
        return "No trial is complete yet."
    complete = len(study.ended(TrialState.COMPLETE))
    mix = mix_words(best.config.mix) if best.config.trains else "nothing (the untouched base)"
    removed = [text.name for text in study.texts if text.removed and text.name in best.texts]
    gone = f" {listed(removed)} was removed since, so that mix is not confirmed." if removed else ""
    base = f", against {study.base:.3f} of the untouched base" if study.base is not None else ""
    return (
        f"The best of {complete} complete trials is trial {best.number}, trained on {mix}: "
        f"it scored {best.score:.3f}{base} ({unit_of(study).score}, higher is better). "
        f"It was selected by its score on these same {item_noun(study)}, so that score is optimistic.{gone}"
    )


def mix_words(mix: CorpusMix) -> str:
    """List the texts of a mix, largest share first if shares differ."""
    if not mix.names:
        return "no text of its mix"
    if len({round(share, 6) for _, share in mix.weights}) == 1:
        return listed(mix.names, _MOST_TEXTS)
    largest = sorted(mix.weights, key=lambda part: -part[1])
    return listed([f"{name} {share:.0%}" for name, share in largest], _MOST_TEXTS)


def confirmation_sentence(study: StoredStudy, rows: Sequence[Confirmed]) -> str:
    """Say whether the best configuration beats the untouched base on questions that the search never saw."""
    unit, items = confirmation_unit(study, rows), item_noun(study)
    if study.holdout is None:
        return f"No {items} were held out from the search, so its result is not confirmed."
    if not study.spec.search.confirm.best:
        return "The result of the search is not confirmed (search.confirm.best is 0)."
    candidates = [row for row in rows if row.of is not None]
    if not candidates:
        failed = [record for record in study.confirmation if record.state is TrialState.FAIL]
        if failed:
            again = resume_command(study.spec.name, study.url, study.folder)
            return (
                f"The result of the search could not be confirmed: {len(failed)} runs failed, the first with "
                f"{failed[0].error!r}. Retry them with: {again}"
            )
        return "The result of the search is not confirmed yet."
    best = max(candidates, key=lambda row: row.gain)
    gain = (
        f"{unit.signed(best.gain)} ({unit.effect}; {CONFIDENCE:.0%} interval {unit.range(best.low, best.high, 'runs')})"
    )
    searched = f" In the search, trial {best.of} gained {unit.signed(best.searched or 0.0)}, which is optimistic"
    searched += " because the trial was selected by its gain."
    if best.beats_base:
        origin = next(record for record in study.records if record.number == best.of)
        texts = f" ({mix_words(origin.config.mix)})"
        return (
            f"On {items} that the search never saw, the configuration of trial {best.of}{texts} gains {gain} over "
            f"the untouched base, in {best.runs} runs with new seeds.{_against_baselines(study, unit)}{searched}"
        )
    return (
        f"No configuration is shown to beat the untouched base on {items} that the search never saw: the best, that "
        f"of trial {best.of}, gains {gain}, in {best.runs} runs with new seeds."
        f"{_against_baselines(study, unit)}{searched}"
    )


def _against_baselines(study: StoredStudy, unit: Unit) -> str:
    """Say whether the best mix beats each baseline."""
    return "".join(f" {comparison.sentence(unit)}" for comparison in compared(study))


def confirmation_unit(study: StoredStudy, rows: Sequence[Confirmed]) -> Unit:
    """Return the display unit of a confirmation's gains, with decimals that match the width of their intervals."""
    return unit_of(study).fine_enough(row.high - row.gain for row in rows)


_COLUMNS = ("configuration", "gain", "95% interval", "in the search", "accuracy", "runs")


def confirmation_rows(rows: Sequence[Confirmed], unit: Unit) -> tuple[list[str], list[list[str]]]:
    """Return the column names and rows of the confirmation table, without empty columns."""
    cells = [_cells(row, unit) for row in rows]
    filled = [place for place in range(len(_COLUMNS)) if any(row[place] for row in cells)]
    return [_COLUMNS[place] for place in filled], [[row[place] for place in filled] for row in cells]


def _cells(row: Confirmed, unit: Unit) -> list[str]:
    accuracy = ""
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
