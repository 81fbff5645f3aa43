"""`mixtune scenes run`: qualities of reasoning of some models, as a table."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from objectives.export import FORMS
from objectives.scenes.files import scenes_in
from objectives.scoring.qualities import QUALITIES
from objectives.scoring.scenes import ScenesScorer
from objectives.scoring.spec import ScenesSpec
from objectives.workbench import choose_device, open_base
from spaces import Corpus, InputError, scan
from spaces.errors import listed

if TYPE_CHECKING:
    from objectives.scoring.qualities.quality import Answered
    from objectives.scoring.scenes import AskedQuality

COLUMNS = ("model", "quality", "score", "what", "searched", "stderr", "scenes", "behaviour", "example")
FIGURES = ("model", "quality", "figure", "value")
_FEWEST_TEXTS = 1
_EXAMPLE = 400
"""Characters of an example in the terminal; the table has it whole."""


@dataclass(frozen=True, slots=True)
class QualityOfModel:
    """What the scenes of one quality say of one model."""

    model: str
    asked: AskedQuality
    answered: Sequence[Answered]

    @property
    def figures(self) -> dict[str, float]:
        return self.asked.quality.figures(self.answered)

    def row(self) -> dict[str, object]:
        """A row of the table, by `COLUMNS`."""
        quality, figures = self.asked.quality, self.figures
        items = [quality.item(each) for each in self.answered]
        return {
            "model": self.model,
            "quality": self.asked.name,
            "score": round(figures[quality.headline], 4),
            "what": quality.headline,
            "searched": round(float(np.mean(items)), 4),
            "stderr": round(float(np.std(items, ddof=1)) / math.sqrt(len(items)), 4) if len(items) > 1 else math.nan,
            "scenes": len(items),
            "behaviour": quality.behaviour(figures),
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
    """Ask every model the scenes, show the table, and write it; rows of other models in the file are kept.

    Args:
        console: where to show it.
        models: bases by name or folder, or folders that `mixtune export` wrote.
        spec: which scenes; all of them are asked, nothing is held out.
        out: the table's file; every figure goes to a file beside it.
        texts: folder of texts against which continuations are new or copied.
        device: `auto`, `cpu`, `cuda` or `mps`.
        trust_code: run Python that comes with a model.

    Raises:
        InputError: a model, the scenes or the texts cannot be used, or the file holds another table.
    """
    figures_file = out.with_name(f"{out.stem}_figures.csv")
    kept = [_kept(file, columns, models) for file, columns in ((out, COLUMNS), (figures_file, FIGURES))]
    corpus = scan(texts, fewest=_FEWEST_TEXTS) if texts is not None else Corpus(Path(), ())
    qualities = {scene.quality for scene in scenes_in(spec.files).values()}
    spec = spec.model_copy(update={"weights": {name: 1.0 for name in QUALITIES if name in qualities}, "holdout": 0.0})
    found: list[QualityOfModel] = []
    bar = Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True)
    with bar:
        task = bar.add_task("Loading …", total=len(models) * len(qualities))
        for name in models:
            for each in _measured(name, spec, corpus, device, trust_code):
                found.append(each)
                bar.update(task, advance=1, description=f"{name}: {each.asked.name}")
    print_scenes(console, found)
    rows = [each.row() for each in found]
    figures = [
        dict(zip(FIGURES, (each.model, each.asked.name, name, round(value, 6)), strict=True))
        for each in found
        for name, value in each.figures.items()
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    for file, before, new in zip((out, figures_file), kept, (rows, figures), strict=True):
        pd.concat([before, pd.DataFrame(new)] if len(before) else [pd.DataFrame(new)]).to_csv(file, index=False)
    console.print(f"\n{out} has the table, {figures_file} every figure.", soft_wrap=True, highlight=False)


def _kept(file: Path, columns: Sequence[str], models: Sequence[str]) -> pd.DataFrame:
    """What a file holds of other models.

    Raises:
        InputError: it is another table.
    """
    if not file.is_file():
        return pd.DataFrame(columns=list(columns))
    try:
        found = pd.read_csv(file)
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{str(file)!r} is no table: {error}. Choose another file with --out.") from error
    if tuple(found.columns) != tuple(columns):
        raise InputError(
            f"{str(file)!r} is another table, with the columns {listed(found.columns)}. Choose another file with --out."
        )
    return found[~found["model"].isin(models)]


def _measured(name: str, spec: ScenesSpec, corpus: Corpus, device: str, trust_code: bool) -> Iterator[QualityOfModel]:
    merged = Path(name) / FORMS["merged"]
    base = open_base(str(merged) if merged.is_dir() else name, trust_code=trust_code)
    base.fetch()
    scorer = ScenesScorer(spec, corpus, base.model("float32", choose_device(device)), base.tokenizer())
    for asked in scorer.asked:
        _, answered = scorer.measure(only=asked.name)
        yield QualityOfModel(name, asked, answered[asked.name])


def print_scenes(console: Console, found: Sequence[QualityOfModel]) -> None:
    """For each model the table, and an example of each quality."""
    for model in dict.fromkeys(each.model for each in found):
        rows = [each.row() for each in found if each.model == model]
        table = Table(box=None, title=f"\n{model}", title_justify="left", title_style="bold")
        table.add_column("quality", no_wrap=True)
        table.add_column("score", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        table.add_column("behaviour", overflow="fold")
        for row in rows:
            what = str(row["what"]).replace("_", " ")
            table.add_row(str(row["quality"]), f"{row['score']:.3g}", what, str(row["behaviour"]))
        console.print(table)
        console.print()
        for row in rows:
            example = textwrap.shorten(str(row["example"]), _EXAMPLE, placeholder=" …")
            console.print(f"{row['quality']}: {example}", highlight=False)
