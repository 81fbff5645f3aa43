"""`mixtune scenes run`: table of the reasoning qualities of models."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from scipy.stats import sem

from objectives.device import choose_device
from objectives.export import FORMS
from objectives.preflight import too_long
from objectives.scenes.files import scenes_in
from objectives.scoring.context_window import ContextWindow
from objectives.scoring.scenes.qualities import QUALITIES
from objectives.scoring.scenes.scorer import ScenesScorer
from objectives.scoring.spec import ScenesSpec
from objectives.worker import Base, open_base
from spaces import Corpus, FieldError, InputError, scan
from spaces.errors import listed
from studies.report.spreadsheets import write_csv

if TYPE_CHECKING:
    from objectives.scoring.scenes.qualities.quality import Answered
    from objectives.scoring.scenes.scorer import LoadedSceneTask

COLUMNS = ("model", "quality", "score", "what", "searched", "searched_stderr", "scenes", "behavior", "example")
FIGURES = ("model", "quality", "figure", "value")
_FEWEST_TEXTS = 1
_EXAMPLE_LENGTH = 400
"""Maximum length of an example in the terminal, in characters; the table file has the whole example."""


@dataclass(frozen=True, slots=True)
class QualityOfModel:
    """Answers of a model to the scenes of one quality."""

    model: str
    scene_task: LoadedSceneTask
    answered: Sequence[Answered]

    @property
    def figures(self) -> dict[str, float]:
        return self.scene_task.quality.figures(self.answered)

    def row(self) -> dict[str, object]:
        """Return a row of the table, by `COLUMNS`."""
        quality, figures = self.scene_task.quality, self.figures
        items = [quality.item(each) for each in self.answered]
        return {
            "model": self.model,
            "quality": self.scene_task.name,
            "score": round(figures.get(quality.headline, math.nan), 4),
            "what": quality.headline,
            "searched": round(float(np.mean(items)), 4),
            "searched_stderr": round(float(sem(items)), 4) if len(items) > 1 else math.nan,
            "scenes": len(items),
            "behavior": quality.behavior(figures),
            "example": quality.example(self.answered),
        }


def run_scenes(
    console: Console,
    models: Sequence[str],
    spec: ScenesSpec,
    out: Path,
    texts: Path | None = None,
    device: str = "auto",
    *,
    trust_code: bool = False,
) -> None:
    """Measure every model on the scenes, print and write the table; rows of other models in the file are kept.

    Args:
        console: console to print to.
        models: bases by name or folder, or folders that `mixtune export` wrote.
        spec: scenes to use; nothing is held out.
        out: file for the table; all figures are written to a second file next to it.
        texts: folder of texts, to tell new continuations from copied ones.
        device: `auto`, `cpu`, `cuda` or `mps`.
        trust_code: whether to run Python code that comes with a model.

    Raises:
        InputError: a model, the scenes or the texts cannot be used, or the file holds another table.
    """
    figures_file = out.with_name(f"{out.stem}_figures.csv")
    if out.is_dir():
        raise InputError(f"{str(out)!r} is a folder. Give a file for the table with --out.", code="path-is-folder")
    tables = [_other_rows(out, COLUMNS, models), _other_rows(figures_file, FIGURES, models)]
    corpus = _corpus(texts)
    qualities = {scene.quality for scene in scenes_in(spec.files, "--files").values()}
    spec = spec.model_copy(update={"weights": {name: 1.0 for name in QUALITIES if name in qualities}, "holdout": 0.0})
    bases = {name: _open_model(name, trust_code) for name in models}
    out.parent.mkdir(parents=True, exist_ok=True)
    for name, results in _results(console, bases, spec, corpus, device, len(qualities)):
        rows = [result.row() for result in results]
        tables = [_concatenated(*pair) for pair in zip(tables, (pd.DataFrame(rows), _figures(results)), strict=True)]
        for file, table in zip((out, figures_file), tables, strict=True):
            write_csv(table, file)
        print_scenes(console, name, rows)
    console.print(f"\nWrote the table to {out} and all figures to {figures_file}.", soft_wrap=True, highlight=False)


def _concatenated(before: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([before, new]) if len(before) else new


def _corpus(texts: Path | None) -> Corpus:
    if texts is None:
        return Corpus(Path(), ())
    if not texts.is_dir():
        raise InputError(f"The folder of texts {str(texts)!r} (--texts) does not exist.", code="folder-missing")
    return scan(texts, fewest=_FEWEST_TEXTS)


def _results(
    console: Console, bases: Mapping[str, Base], spec: ScenesSpec, corpus: Corpus, device: str, qualities: int
) -> Iterator[tuple[str, list[QualityOfModel]]]:
    """Yield each model's name with its results, with a progress bar; `qualities`: number of qualities."""
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True)
    with bar:
        task = bar.add_task("Loading …", total=len(bases) * qualities)
        for name, base in bases.items():
            results: list[QualityOfModel] = []
            for result in _measured(console, name, base, spec, corpus, device):
                results.append(result)
                bar.update(task, advance=1, description=f"{name}: {result.scene_task.name}")
            yield name, results


def _figures(results: Sequence[QualityOfModel]) -> pd.DataFrame:
    """Return the rows of a model for the file of figures."""
    return pd.DataFrame(
        [
            (result.model, result.scene_task.name, name, round(value, 6))
            for result in results
            for name, value in result.figures.items()
        ],
        columns=list(FIGURES),
    )


def _other_rows(file: Path, columns: Sequence[str], models: Sequence[str]) -> pd.DataFrame:
    """Return the rows of other models in a file.

    Raises:
        InputError: the file holds another table.
    """
    if not file.is_file():
        return pd.DataFrame(columns=list(columns))
    try:
        table = pd.read_csv(file, dtype={"model": str})
    except ValueError as error:
        raise InputError(
            f"{str(file)!r} is not a CSV table: {error}. Choose another file with --out.", code="table-unreadable"
        ) from error
    if tuple(table.columns) != tuple(columns):
        raise InputError(
            f"{str(file)!r} has the columns of another table: {listed(table.columns)}. Choose another file with --out.",
            code="table-of-other-columns",
        )
    return table[~table["model"].isin(models)]


def _open_model(name: str, trust_code: bool) -> Base:
    """Open a model and check that its weights exist.

    Raises:
        InputError: there is no such model.
    """
    merged = Path(name) / FORMS["merged"]
    base = open_base(str(merged) if merged.is_dir() else name, trust_code=trust_code)
    try:
        base.fetch()
    except FieldError as error:  # there is no study file, so the name of the field means nothing
        raise InputError(
            f"The model {name!r} cannot be measured: {str(error).removeprefix(f'{error.field}: ')}", code=error.code
        ) from error
    return base


def _measured(
    console: Console, name: str, base: Base, spec: ScenesSpec, corpus: Corpus, device: str
) -> Iterator[QualityOfModel]:
    encoding = base.encoding()
    scorer = ScenesScorer(spec, corpus, base.model("float32", choose_device(device)), encoding)
    prompt_style = "inside its chat template" if scorer.in_chat else "as plain text"
    console.print(f"Note on {name}: questions are asked {prompt_style}.", highlight=False, soft_wrap=True)
    for note in too_long(
        [scene_task.task for scene_task in scorer.asked], ContextWindow.of(encoding, base.layout().context)
    ):
        console.print(f"Note on {name}: {note}", highlight=False, soft_wrap=True)
    for scene_task in scorer.asked:
        _, answered = scorer.measure(only=scene_task.name)
        yield QualityOfModel(name, scene_task, answered[scene_task.name])


def print_scenes(console: Console, model: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print the table of a model, and an example of each quality."""
    table = Table(box=None, title=f"\n{model}", title_justify="left", title_style="bold")
    table.add_column("quality", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("behavior", overflow="fold")
    for row in rows:
        what = str(row["what"]).replace("_", " ")
        table.add_row(str(row["quality"]), f"{row['score']:.3g}", what, str(row["behavior"]))
    console.print(table)
    console.print()
    for row in rows:
        example = textwrap.shorten(str(row["example"]), _EXAMPLE_LENGTH, placeholder=" …")
        console.print(f"{row['quality']}: {example}", highlight=False)
