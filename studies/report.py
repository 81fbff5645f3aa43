"""The answer on paper: figures, tables and one HTML page that holds them all."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from optuna.trial import TrialState

from objectives.scoring.spec import BenchmarkSpec
from objectives.spec import FinetuneSpec
from studies import plots
from studies.confirmation import confirmed
from studies.effects import TextEffect
from studies.importance import hyperparameter_importances
from studies.pareto import front, second_goal
from studies.pareto import unit as second_unit
from studies.store import Store, StoredStudy, resume_command
from studies.tables import (
    CONFIRMATION,
    RATING,
    TRIALS,
    confirmation_table,
    counts,
    phase_seconds,
    rate_texts,
    rating_table,
    times_read,
    trials_table,
)
from studies.words import (
    CONFIRMATION_COLUMNS,
    best_sentence,
    confirmation_cells,
    confirmation_sentence,
    found_sentences,
    headline,
    lost_sentence,
    unit_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the page."""

    name: str
    title: str
    text: str
    """What it shows, read aloud where it cannot be seen."""
    files: dict[str, bytes]
    """The figure by the suffix of its file."""

    @classmethod
    def of(cls, name: str, title: str, text: str, figure: Figure) -> Picture:
        """Draw a figure in both formats."""
        return cls(name, title, text, {kind: _drawn(figure, kind) for kind in ("png", "svg")})

    @property
    def data(self) -> str:
        """The figure as an SVG data address."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.files["svg"]).decode()


def _drawn(figure: Figure, kind: str) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)
    return file.getvalue()


def write_report(store: Store, study: StoredStudy, folder: Path) -> Path:
    """Write the page, the figures as PNG and SVG, and the tables; return the page's path.

    Works at any time of a study: before the first trial, while it runs, and after.
    """
    folder.mkdir(parents=True, exist_ok=True)
    effects = rate_texts(study)
    rating_table(study, effects).to_csv(folder / RATING, index=False)
    trials_table(study).to_csv(folder / TRIALS, index=False)
    confirmation_table(study).to_csv(folder / CONFIRMATION, index=False)
    with warnings.catch_warnings():  # names in a script that no font here has: the page's tables show them
        warnings.filterwarnings("ignore", message=r"Glyph .* missing", category=UserWarning)
        pictures = list(_pictures(store, study, effects))
    for picture in pictures:
        for kind, content in picture.files.items():
            (folder / f"{picture.name}.{kind}").write_bytes(content)
    page = _environment().get_template("report.html.j2").render(**_page(study, effects, pictures))
    path = folder / PAGE
    path.write_text(page, encoding="utf-8")
    return path


def _pictures(store: Store, study: StoredStudy, effects: list[TextEffect]) -> Iterator[Picture]:
    unit = unit_of(study)
    yield Picture.of(
        "effects",
        "Which texts matter",
        "Effect of each text with its 95% interval: " + "; ".join(f"{e.text} {e.verdict}" for e in effects),
        plots.forest(effects, unit),
    )
    rows = confirmed(study)
    if rows:
        yield Picture.of(
            "confirmation",
            "Does it hold on new questions?",
            "Gain over the untouched base on questions that the search never saw: "
            + "; ".join(f"{row.role} {unit.signed(row.gain)}" for row in rows),
            plots.confirmation(rows, unit),
        )
    if study.ended(TrialState.COMPLETE):
        if best := front(study):
            yield Picture.of(
                "pareto",
                "Two goals",
                f"Score against {second_unit(study)}; on the Pareto front: "
                + ", ".join(f"trial {record.number}" for record in best),
                plots.pareto(study, unit),
            )
        yield Picture.of(
            "history",
            "How the search went",
            f"Score of every complete trial in order; the best is {study.best.score or 0.0:.3f}." if study.best else "",
            plots.history(study, unit),
        )
    if any(record.rungs for record in study.records):
        yield Picture.of(
            "learning_curves",
            "Learning curves",
            "Gain against training tokens for every trial; trials that were stopped early end in a cross.",
            plots.learning_curves(study, unit),
        )
    shares = hyperparameter_importances(store.open_study(study.spec.name), study.records)
    if shares:
        yield Picture.of(
            "hyperparameters",
            "Which settings matter",
            "Share of the variance: " + "; ".join(f"{name} {share:.0%}" for name, share in shares.items()),
            plots.importances(shares),
        )


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("studies", "templates"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _page(study: StoredStudy, effects: list[TextEffect], pictures: list[Picture]) -> dict[str, Any]:
    rows = confirmed(study)
    return {
        "study": study,
        "headline": headline(study.spec, effects),
        "lost": lost_sentence(study),
        "best": best_sentence(study),
        "unit": unit_of(study),
        "confirmation": confirmation_sentence(study, rows),
        "columns": CONFIRMATION_COLUMNS,
        "rows": [confirmation_cells(row, unit_of(study)) for row in rows],
        "warnings": found_sentences(study),
        "read": times_read(study),
        "effects": effects,
        "texts": {text.name: text for text in study.texts},
        "pictures": pictures,
        "facts": list(_facts(study)),
        "failures": study.ended(TrialState.FAIL),
        "written": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
    }


def _facts(study: StoredStudy) -> Iterator[tuple[str, str]]:
    """How the study was run, as pairs of a name and a value."""
    spec = study.spec
    yield "trials", ", ".join(f"{number} {word}" for word, number in counts(study).items() if number)
    arms = [record.arm for record in study.records]
    yield "of these with texts by coin flips", str(arms.count("randomised"))
    yield "sampler and pruner", f"{spec.search.sampler}, {spec.search.pruner}"
    if isinstance(spec.objective, FinetuneSpec):
        yield "base", spec.objective.base
        yield "training tokens of a trial", f"{spec.objective.rung_tokens[-1]:,}"
        asked = [
            task.task for score in spec.objective.scores if isinstance(score, BenchmarkSpec) for task in score.tasks
        ]
        if asked:
            yield "tasks", ", ".join(asked)
    phases: dict[str, float] = {}
    for record in study.records:
        for phase, seconds in phase_seconds(record).items():
            phases[phase] = phases.get(phase, 0.0) + seconds
    total = sum(phases.values())
    if total:
        yield "where the time went", ", ".join(f"{phase} {seconds / total:.0%}" for phase, seconds in phases.items())
    if best := front(study):
        rows = (f"trial {r.number} ({r.score or 0.0:.3f}, {second_goal(study, r):g})" for r in best)
        yield f"Pareto front (score, {second_unit(study)})", ", ".join(rows)
    yield "seed", str(spec.seed)
    yield "fingerprint", spec.fingerprint
    yield "begun", study.created.strftime("%Y-%m-%d %H:%M")
    yield (
        "go on or add trials",
        f"{resume_command(spec.name, study.url, study.folder)} --trials {2 * spec.search.trials}",
    )
