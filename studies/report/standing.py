"""Status of a study and its best trial in the terminal; quick to import, because users check often."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optuna.trial import TrialState
from rich.console import Console
from rich.table import Table
from rich.text import Text

from search.storage.records import TrialRecord
from spaces import Stage
from spaces.methods import METHODS
from studies.analysis.confirmation import runs_of, unconfirmed
from studies.analysis.stopping import early_sentence, stopped_early
from studies.analysis.units import item_noun, unit_of
from studies.report.words import best_sentence, mix_words
from studies.storage.places import resume_command
from studies.storage.stored import StoredStudy


def print_status(console: Console, study: StoredStudy, drivers: Sequence[str] = ()) -> None:
    """Print a study's progress and its running trials; `drivers`: descriptions of the programs that run the study."""
    spec = study.spec
    done = len(study.ended(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
    tally = ", ".join(f"{number} {word}" for word, number in counts(study.records).items())
    console.print(Text.assemble((spec.name, "bold"), f": {done} of {spec.search.trials} trials ({tally})"))
    if study.base is not None:
        console.print(f"base {study.base:.4f}; score: {unit_of(study).score}, higher is better")
    console.print(best_sentence(study))
    decided = stopped_early(study)
    if decided:
        console.print(f"No further trials: {early_sentence(study)}", highlight=False)
    ended = decided or done >= spec.search.trials
    left = _print_confirming(console, study) if ended else 0
    for record in study.ended(TrialState.RUNNING):
        last = (
            f"score {record.rungs[-1].score:.4f} after {record.rungs[-1].tokens:,} tokens"
            if record.rungs
            else "started"
        )
        console.print(f"  trial {record.number} ({record.arm}): {last}")
    for record in study.ended(TrialState.FAIL)[-3:]:
        console.print(f"  trial {record.number} failed: {record.error}", highlight=False)
    for driver in drivers:
        console.print(f"Running: {driver}", highlight=False)
    if (not ended or left) and not drivers:
        again = resume_command(spec.name, study.url, study.folder)
        console.print(f"Resume with: {again}", soft_wrap=True, highlight=False)


def _print_confirming(console: Console, study: StoredStudy) -> int:
    """Print the progress of the confirmation; return the number of remaining runs."""
    planned, left = {run.config.fingerprint for run in runs_of(study)}, unconfirmed(study)
    if planned:
        done = len(planned) - len(left)
        console.print(f"confirmation: {done} of {len(planned)} runs on {item_noun(study)} that the search never saw")
    for record in study.confirmation:
        if record.state is TrialState.FAIL and record.config.fingerprint in left:
            console.print(f"  a run of {record.role} failed: {record.error}", highlight=False)
    return len(left)


def _stage_rows(stage: Stage) -> Iterator[tuple[str, str]]:
    """Yield the settings of a stage as pairs of label and value."""
    tuning = stage.tuning
    settings = f", rank {tuning.rank}, alpha {tuning.alpha:g}" if METHODS[tuning.method].low_rank else ""
    yield "method", f"{tuning.method}{settings}"
    if tuning.targets:
        yield "target modules", ", ".join(path.rsplit(".", 1)[-1] for path in tuning.targets)
    yield "frozen layers", ", ".join(str(span) for span in stage.frozen) or "none"
    yield "learning rate", f"{stage.learning_rate:.3g}"


def print_best(console: Console, study: StoredStudy, record: TrialRecord) -> None:
    """Print all details of a trial: texts, settings, scores."""
    table = Table(show_header=False, box=None)
    table.add_row("trial", f"{record.number} ({record.arm})")
    table.add_row("texts", mix_words(record.config.mix) if record.config.trains else "none: the untouched base")
    several = len(record.config.stages) > 1
    for stage in record.config.stages:
        if several:
            own = f" of {mix_words(stage.mix)}" if stage.own_mix else ""
            table.add_row(f"stage {stage.name}", f"{stage.budget:,} tokens{own}")
        for label, value in _stage_rows(stage):
            table.add_row(label, value)
    for rung in record.rungs:
        table.add_row(f"after {rung.tokens:,} tokens", f"{rung.score:.4f} ± {rung.stderr:.4f}")
    if study.base is not None:
        table.add_row("untouched base", f"{study.base:.4f}")
    if record.rungs:
        for name, figure in record.rungs[-1].qualities.items():
            table.add_row(name, f"{figure:,.0f}" if figure >= 10 and figure.is_integer() else f"{figure:.4f}")
    console.print(table)


def counts(records: Sequence[TrialRecord]) -> dict[str, int]:
    """Return the number of trials by state, in words."""
    words = {
        TrialState.COMPLETE: "complete",
        TrialState.PRUNED: "pruned",
        TrialState.FAIL: "failed",
        TrialState.RUNNING: "running",
    }
    return {word: sum(record.state is state for record in records) for state, word in words.items()}
