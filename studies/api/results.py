"""Results of a study from Python: tables, figures, the report, the best trial, models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from spaces import InputError
from studies.api.best import BestTrial
from studies.api.console import default_console
from studies.run.status import Status, status_of
from studies.storage.places import resume_command
from studies.storage.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from studies.analysis.rating import Rating
    from studies.report.pictures import Picture
    from studies.storage.stored import StoredStudy


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was written."""

    page: Path
    note: str
    """Why a part of it is missing; empty if nothing is."""


class StudyResults:
    """Everything that can be read of a study in its database, at any time of its run.

    Every method reads the database again, so that results are up to date while another program runs the study.
    """

    def __init__(self, store: Store, name: str, folder: Path) -> None:
        """Use `mixtune.Study.create` or `mixtune.open_study` instead."""
        self.name = name
        self.folder = folder
        self._store = store

    def close(self) -> None:
        """Close the connections to the database; the next use opens others."""
        self._store.close()

    @property
    def url(self) -> str:
        """URL of the study's database, without a password."""
        return self._store.url

    @property
    def resume_command(self) -> str:
        """The shell command that resumes the study from the current folder."""
        return resume_command(self.name, self.url, self.folder)

    def status(self) -> Status:
        """How far the study is."""
        return status_of(self._stored(), self._store.lease(self.name).others())

    def effects(self) -> pd.DataFrame:
        """Effect of every text on the score, the most helpful first.

        Columns: `text`, `group`, `pages`, `tokens`, `effect`, `low` and `high` (95% interval for one reading, in
        the score's unit), `low_anytime` and `high_anytime` (95% confidence sequence, which holds at all readings
        together), `stderr`, `adjusted_p` (Benjamini and Hochberg, for one reading), `adjusted_p_anytime` (closed e-BH,
        at any time; it decides the verdict), `verdict`, `trials`, `method`, `ranked_effect`,
        `ranked_spread`, `top_3` (probability), `trials_to_decide`, `times_read`, `gain_alone`, `questions_found`.
        `docs/report.md` describes each.
        """
        from studies.report.tables import rating_table

        study, rating = self._rated()
        return rating_table(study, rating)

    def ranking(self) -> pd.DataFrame:
        """Ranking of the texts by a Gaussian process over all trials, pruned ones included; the best first.

        Columns: `text`, `effect`, `spread` (standard deviation), `top` (probability of being among the best three).
        """
        from studies.report.tables import ranking_table

        return ranking_table(self._rated()[1])

    def trials(self) -> pd.DataFrame:
        """One row for each trial: arm, state, score, tokens, texts, settings, qualities, seconds, error."""
        from studies.report.tables import trials_table

        return trials_table(self._stored())

    def confirmation(self) -> pd.DataFrame:
        """The best configurations and the baselines, with fresh seeds, on questions that the search never saw.

        Columns: `role`, `of` (number of the trial), `texts`, `runs` (complete), `failed`, `score`, `gain` over the
        untouched base, `low` and `high` (95% interval of the gain), `accuracy` and `accuracy_stderr` in [0, 1],
        `searched` (gain on the questions of the search, optimistic). Empty before the confirmation has run.
        """
        from studies.analysis.confirmation import confirmed
        from studies.report.tables import confirmation_table

        return confirmation_table(confirmed(self._stored()))

    def settings(self) -> pd.DataFrame:
        """Share of the score's variance that each searched setting explains, the largest first.

        Columns: `setting`, `share` in [0, 1], `low` and `high` (about 90%, bootstrap); empty before enough trials are
        complete. Shares have no sign.
        """
        from studies.analysis.settings import hyperparameter_importances
        from studies.report.tables import settings_table

        study = self._stored()
        return settings_table(hyperparameter_importances(self._store.open_study(self.name), study.records))

    def interactions(self) -> pd.DataFrame:
        """Pairs of texts whose joint effect is not the sum of their effects; a screen of many pairs.

        Columns: `first`, `second`, `interaction`, `low`, `high`, `adjusted_p`, `stands_out`.
        """
        from studies.report.tables import interaction_table

        return interaction_table(self._rated()[1])

    @property
    def best(self) -> BestTrial:
        """The complete trial with the highest score.

        Raises:
            InputError: no trial is complete yet.
        """
        study = self._stored()
        if study.best is None:
            raise InputError(
                f"No trial of {self.name!r} is complete yet. Resume with: {self.resume_command}",
                code="no-trial-complete",
            )
        return BestTrial(study, self.folder, study.best)

    def figures(self) -> dict[str, Picture]:
        """The figures of the report by name, such as `effects`; each is displayed by a notebook."""
        from studies.analysis.confirmation import confirmed
        from studies.analysis.settings import hyperparameter_importances
        from studies.report.pictures import pictures

        study, rating = self._rated()
        importances = hyperparameter_importances(self._store.open_study(self.name), study.records)
        return {each.name: each for each in pictures(study, rating, confirmed(study), importances)}

    def report(self, out: Path | str | None = None) -> Path:
        """Write the page, the figures, the tables and a notebook to a folder; return the page's path.

        Args:
            out: the folder; `report` in the study's folder if not given.
        """
        return self.write_report(out).page

    def write_report(self, out: Path | str | None = None, *, refresh: float | None = None) -> Report:
        """Write the report as `report` does; return its path, and why a part of it is missing if one is.

        Args:
            out: the folder; `report` in the study's folder if not given.
            refresh: seconds after which an open page loads itself again.
        """
        from studies.jobs.inspecting import inspect_best
        from studies.report.page import write_report

        study, rating = self._rated()
        running = bool(self._store.lease(self.name).others())
        inspection, note = (None, "") if running else inspect_best(study, self.folder)
        folder = Path(out) if out is not None else self.folder / "report"
        return Report(write_report(self._store, study, rating, folder, refresh, inspection), note)

    def export(self, out: Path | str, trial: int | None = None, forms: Sequence[str] = ()) -> int:
        """Write a trial's model to a new folder; return the trial's number.

        Args:
            out: folder to write; must not exist.
            trial: number of the trial; the best one if not given.
            forms: some of `adapter`, `merged` and `file`; all if none is given.

        Raises:
            InputError: there is no such trial or form, or the trial has nothing on disk.
        """
        from studies.jobs.export import export_trial

        return export_trial(self._stored(), self.folder, Path(out), trial, forms).number

    def print_status(self, console: Console | None = None) -> None:
        """Print how far the study is."""
        from studies.report.standing import print_status

        print_status(console or default_console(), self._stored(), self._store.lease(self.name).others())

    def print_rating(self, console: Console | None = None, planted: Mapping[str, str] | None = None) -> None:
        """Print the effects of the texts and the confirmation; `planted`: a further column, by text."""
        from studies.report.terminal import print_rating

        print_rating(console or default_console(), *self._rated(), planted)

    def _repr_html_(self) -> str:
        from studies.report.display import html_of

        return html_of(*self._rated())

    def _stored(self) -> StoredStudy:
        return self._store.load(self.name)

    def _rated(self) -> tuple[StoredStudy, Rating]:
        from studies.analysis.rating import rate

        study = self._stored()
        return study, rate(study)
