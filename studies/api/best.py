"""The best trial of a study, from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from search.storage.records import TrialRecord
from spaces import TrialConfig
from studies.api.console import default_console
from studies.storage.stored import StoredStudy

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class BestTrial:
    """The best complete trial: its texts, settings, scores and model.

    Examples:
        >>> best = demo_study.best
        >>> bool(best.score == demo_study.trials()["score"].max())
        True
        >>> sorted(best.texts) == sorted(best.mix)
        True
    """

    def __init__(self, study: StoredStudy, folder: Path, record: TrialRecord) -> None:
        """Use `Study.best` instead."""
        self._study = study
        self._folder = folder
        self._record = record

    @property
    def number(self) -> int:
        """Number of the trial in its study."""
        return self._record.number

    @property
    def config(self) -> TrialConfig:
        """The trial's configuration: base, seed, and the stages with their mixes and settings."""
        return self._record.config

    @property
    def texts(self) -> tuple[str, ...]:
        """Names of the texts that it trained on."""
        return self._record.texts

    @property
    def mix(self) -> Mapping[str, float]:
        """Text to its share of the training tokens; the shares sum to 1."""
        return dict(self._record.config.mix.weights)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The searched settings by their names, those of the texts left out."""
        from spaces.dimensions.texts import PREFIX

        return {name: value for name, value in self._record.params.items() if not name.startswith(PREFIX)}

    @property
    def score(self) -> float:
        """Score at the full budget on the questions of the search; higher is better, and optimistic for the best."""
        return self._record.rungs[-1].score

    @property
    def base_score(self) -> float:
        """Score of the untouched base on the same questions."""
        return self._record.rungs[-1].base

    @property
    def qualities(self) -> Mapping[str, float]:
        """Further figures at the last rung, such as `accuracy` in [0, 1]."""
        return dict(self._record.rungs[-1].qualities)

    @property
    def scores(self) -> pd.DataFrame:
        """One row for each rung: `tokens` (cumulative), `score`, `stderr`, `base`, `gain`, `gain_stderr`."""
        import pandas as pd

        columns = ["tokens", "score", "stderr", "base", "gain", "gain_stderr"]
        return pd.DataFrame([[getattr(rung, name) for name in columns] for rung in self._record.rungs], columns=columns)

    @property
    def adapter(self) -> str | None:
        """Path or URL of the adapter's folder; None if the trial trained nothing, or its folder is gone."""
        from studies.jobs.export import find_adapter

        return find_adapter(self._study, self._folder, self._record)

    def load_model(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The base with what the trial learned merged into it, on the processor, and its tokenizer.

        Raises:
            InputError: nothing of the trial is on disk, or its base is gone or has changed.
        """
        from studies.jobs.export import load_trial

        return load_trial(self._study, self._folder, self._record.number)

    def print(self, console: Console | None = None) -> None:
        """Print texts, settings and scores."""
        from studies.report.standing import print_best

        print_best(console or default_console(), self._study, self._record)

    def __repr__(self) -> str:
        return f"BestTrial({self.number}, score={self.score:.4f}, texts={list(self.texts)})"
