"""The report page with all results, and its accompanying files."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment
from markupsafe import Markup
from optuna.trial import TrialState

from objectives.templating import environment
from spaces.files import write_text
from studies.analysis.confirmation import Confirmed, confirmed
from studies.analysis.curves import curves
from studies.analysis.ranking import TOP
from studies.analysis.rating import Rating
from studies.analysis.settings import hyperparameter_importances
from studies.report import tables
from studies.report.facts import facts
from studies.report.notebook import NOTEBOOK, write_notebook
from studies.report.pictures import Picture, pictures
from studies.report.rating_words import (
    boxes_sentence,
    capped_sentence,
    changed_texts_sentence,
    enough_sentence,
    found_sentences,
    headline,
    lost_sentence,
    probability,
    ranking_sentence,
    trials_to_decide,
)
from studies.report.spreadsheets import write_csv
from studies.report.words import best_sentence, confirmation_rows, confirmation_sentence, confirmation_unit
from studies.storage.store import Store
from studies.storage.stored import StoredStudy

if TYPE_CHECKING:
    from objectives.inspection import Inspection

PAGE = "report.html"


def write_report(
    store: Store,
    study: StoredStudy,
    rating: Rating,
    folder: Path,
    refresh: float | None = None,
    inspection: Inspection | None = None,
) -> Path:
    """Write the page, the figures as PNG and SVG, the tables and the notebook; return the page's path.

    Works at any stage of a study: before the first trial, while it runs, and after it ends.

    Args:
        store: the study's database.
        study: current state of the study.
        rating: rating of the study's texts.
        folder: folder to write to.
        refresh: seconds after which an open page reloads; None: never.
        inspection: inspection of the best trial's model, if available.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = confirmed(study)
    files = _tables(study, rating, rows)
    for name, table in files.items():
        write_csv(table, folder / name)
    importances = hyperparameter_importances(store.open_study(study.spec.name), study.records)
    with _missing_letters() as missing:
        drawn = list(pictures(study, rating, rows, importances, inspection))
    for picture in drawn:
        for kind, content in picture.files.items():
            (folder / f"{picture.name}.{kind}").write_bytes(content)
    write_notebook(study, folder / NOTEBOOK)
    shown = _page(study, rating, rows, drawn)
    shown["sentences"] += filter(None, [boxes_sentence(missing)])
    template = _environment().get_template("report.html.j2")
    page = template.render(**shown, files=", ".join([*files, NOTEBOOK]), refresh=refresh)
    path = folder / PAGE
    write_text(path, page, shared=True)  # written atomically: an open page never loads a partial file
    return path


@contextmanager
def _missing_letters() -> Iterator[set[str]]:
    """Collect characters that no installed font has from matplotlib's warnings; other warnings are passed on."""
    missing: set[str] = set()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield missing
    for warning in caught:
        glyph = re.match(r"Glyph (\d+) ", str(warning.message))
        if glyph:
            missing.add(chr(int(glyph[1])))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _tables(study: StoredStudy, rating: Rating, rows: Sequence[Confirmed]) -> dict[str, pd.DataFrame]:
    """Return the tables by file name."""
    return {
        tables.RATING: tables.rating_table(study, rating),
        tables.TRIALS: tables.trials_table(study),
        tables.CONFIRMATION: tables.confirmation_table(rows),
        tables.QUALITIES: tables.quality_table(rating),
        tables.INTERACTIONS: tables.interaction_table(rating),
        tables.CURVES: tables.curve_table(curves(study, rating)),
    }


def _environment() -> Environment:
    jinja = environment("studies.report", html=True)
    jinja.filters["breakable"] = _breakable
    return jinja


def _breakable(name: str) -> Markup:
    """Return a name that may wrap after an underscore, a dot or a hyphen, for narrow screens."""
    return Markup("<wbr>").join(re.split(r"(?<=[_.-])", name))


def _page(study: StoredStudy, rating: Rating, rows: Sequence[Confirmed], drawn: Sequence[Picture]) -> dict[str, Any]:
    unit = rating.unit
    columns, cells = confirmation_rows(rows, confirmation_unit(study, rows))
    rated = _texts(study, rating)
    about_trials = lost_sentence(study), capped_sentence(study), changed_texts_sentence(study)
    sentences = (*about_trials, ranking_sentence(rating), enough_sentence(study, rating, unit))
    return {
        "study": study,
        "headline": headline(study, rating),
        "sentences": [*filter(None, sentences), best_sentence(study), confirmation_sentence(study, rows)],
        "unit": unit,
        "columns": columns,
        "rows": cells,
        "warnings": found_sentences(study),
        "texts": rated,
        "top": TOP if rating.shows_top else None,
        "decides": any(row["to_decide"] for row in rated),
        "ranked_by": rating.estimand.ranked_by,
        "pictures": drawn,
        "facts": list(facts(study)),
        "failures": study.ended(TrialState.FAIL),
        "written": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
    }


def _texts(study: StoredStudy, rating: Rating) -> list[dict[str, Any]]:
    """Return the rows of the rating table."""
    unit, read, needed = rating.unit, tables.times_read(study), trials_to_decide(study, rating)
    texts = {text.name: text for text in study.texts}
    rows = []
    for effect in rating.effects:
        text, ranked = texts[effect.text], rating.ranking.get(effect.text)
        trials = needed.get(effect.text)
        to_decide = f"{trials:,}" if trials else "too many" if effect.text in needed else ""
        rows.append(
            {
                "name": effect.text,
                "found": text.found,
                "verdict": effect.verdict,
                "effect": unit.signed(effect.effect),
                "interval": unit.interval(effect),
                "sequence": unit.sequence(effect),
                "top": probability(ranked.top) if ranked else "-",
                "to_decide": to_decide,
                "pages": f"{text.pages:,.0f}",
                "tokens": f"{text.tokens:,}",
                "read": f"{read[effect.text]:.1f}" if math.isfinite(read[effect.text]) else "-",
            }
        )
    return rows
