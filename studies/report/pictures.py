"""Figures of the report page, each with a title, alternative text and a caption."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup
from matplotlib.figure import Figure
from optuna.trial import TrialState

from objectives.scoring.spec import SCORERS
from spaces.errors import listed
from studies.analysis.confirmation import Confirmed
from studies.analysis.curves import curves
from studies.analysis.estimands import estimand_of
from studies.analysis.pareto import front
from studies.analysis.pareto import unit as secondary_unit
from studies.analysis.qualities import smaller_is_better
from studies.analysis.rating import Rating
from studies.analysis.settings import Importance, layer_map
from studies.analysis.units import item_noun, unit_of
from studies.report.figures import changes, confirmation, settings, texts, trials
from studies.report.figures import curves as text_curves
from studies.report.figures.schemes import for_both_schemes
from studies.report.figures.style import drawn
from studies.report.rating_words import interactions_sentence, settings_sentence
from studies.report.words import confirmation_unit
from studies.storage.stored import StoredStudy

if TYPE_CHECKING:
    from objectives.inspection import Inspection


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure of the report page."""

    name: str
    title: str
    text: str
    """Alternative text for screen readers."""
    caption: str
    """Caption that says how to read the figure."""
    files: dict[str, bytes]
    """Content of the figure's files by suffix."""

    @classmethod
    def of(cls, name: str, title: str, text: str, caption: str, figure: Figure) -> Picture:
        """Return a picture with the figure in both file formats."""
        return cls(name, title, text, caption, {kind: drawn(figure, kind) for kind in ("png", "svg")})

    def _repr_html_(self) -> str:
        """HTML for a notebook: the figure above its caption."""
        return Markup('<figure><img alt="{}" src="{}"><figcaption>{}</figcaption></figure>').format(
            self.text, self.data, self.caption
        )

    @property
    def data(self) -> str:
        """The figure as an SVG data URL whose text follows the page's color scheme."""
        return "data:image/svg+xml;base64," + base64.b64encode(for_both_schemes(self.files["svg"])).decode()


def pictures(
    study: StoredStudy,
    rating: Rating,
    rows: Sequence[Confirmed],
    importances: Sequence[Importance],
    inspection: Inspection | None = None,
) -> Iterator[Picture]:
    """Yield all figures for which the study has data, the main result first."""
    if any(math.isfinite(effect.low) for effect in rating.effects):
        yield _effects(study, rating)
    if rows:
        yield _confirmation(study, rows)
    yield from _curves(study, rating)
    yield from _course(study)
    yield from _qualities(study, rating)
    if len(rating.interactions) > 1:
        yield _interactions(rating)
    yield from _settings(study, importances)
    if inspection is not None:
        yield from changes_of(inspection, item_noun(study))


def _effects(study: StoredStudy, rating: Rating) -> Picture:
    unit, at_settings = rating.unit, settings_sentence(study.records)
    return Picture.of(
        "effects",
        "Which texts matter",
        "Effect of each text with its 95% interval: " + "; ".join(f"{e.text} {e.verdict}" for e in rating.effects),
        f"{rating.estimand.caption.format(score=unit.score)} {at_settings} Intervals come from the trials whose texts "
        "were drawn at random. The thick bar is for one reading, at a number of trials fixed in advance: 95 of 100 "
        "such intervals contain the true effect. The thin line, a confidence sequence, may be read at any time and as "
        "often as you like: for 95 of 100 texts it contains the true effect at every reading. (There is no line yet if "
        "trials are too few for one.) Verdicts hold at any time, too, and are corrected for the number of texts, so "
        "that either may exclude zero without a verdict. “No evidence yet” does not mean unimportant.",
        texts.forest(rating.effects, unit, rating.estimand.axis),
    )


def _confirmation(study: StoredStudy, rows: Sequence[Confirmed]) -> Picture:
    unit, items = confirmation_unit(study, rows), item_noun(study)
    return Picture.of(
        "confirmation",
        f"Does it hold on new {items}?",
        f"Gain over the untouched base on {items} that the search never saw: "
        + "; ".join(f"{row.role} {unit.signed(row.gain)}" for row in rows),
        f"The best configurations were trained again with new seeds and scored on {items} that the search never "
        f"saw ({unit.effect}, higher is better). Their gains in the search are optimistic, because the configurations "
        "were selected by them. Baselines use the settings of the best configuration.",
        confirmation.confirmation(rows, unit),
    )


def _course(study: StoredStudy) -> Iterator[Picture]:
    """Yield the Pareto front, the search history and the learning curves."""
    unit = unit_of(study)
    if best := front(study):
        yield Picture.of(
            "pareto",
            "Two objectives",
            f"Score against {secondary_unit(study)}; on the Pareto front: "
            + ", ".join(f"trial {record.number}" for record in best),
            "No trial beats one on the line in one objective without being worse in the other. Numbers are trials.",
            trials.pareto(study, unit),
        )
    if study.best is not None and study.ended(TrialState.COMPLETE):
        yield Picture.of(
            "history",
            "Search history",
            f"Score of every trial in order; the best is {study.best.score or 0.0:.3f}.",
            "Every complete trial, and the last score of every trial that was stopped early.",
            trials.history(study, unit),
        )
    if not estimand_of(study).alone and any(record.rungs for record in study.records):
        yield Picture.of(
            "learning_curves",
            "Learning curves",
            "Gain against training tokens for every trial; trials stopped early end in a cross.",
            "One line per trial. Trials whose texts were drawn at random are never stopped early.",
            trials.learning_curves(study, unit),
        )


def _curves(study: StoredStudy, rating: Rating) -> Iterator[Picture]:
    """Yield the effect of each text over the course of training."""
    if rating.estimand.alone:
        if any(record.rungs and record.texts for record in study.records):
            yield Picture.of(
                "text_curves",
                "Learning curves by text",
                "Gain against training tokens of every trial, one panel per text.",
                "One line per trial on that text alone, in the color of the text's verdict; dotted lines were stopped "
                f"early. All panels have the same scale.{_left_out(rating, text_curves.MOST)}",
                text_curves.trial_curves(study.records, rating.effects, rating.unit),
            )
        return
    effects_by_tokens = curves(study, rating)
    if any(math.isfinite(effect.low) for effects in effects_by_tokens.values() for effect in effects):
        yield Picture.of(
            "text_curves",
            "Effect of each text during training",
            "Effect of each text at every rung; at the last one: "
            + "; ".join(f"{effect.text} {rating.unit.signed(effect.effect)}" for effect in rating.effects),
            "The effect of each text by number of training tokens, with its 95% interval, in the color of its "
            "verdict. Every rung uses the same trials, and all panels have the same scale. The values are in "
            f"curves.csv.{_left_out(rating, text_curves.MOST)}",
            text_curves.effect_curves(effects_by_tokens, [effect.text for effect in rating.effects], rating.unit),
        )


_MOST_QUALITIES = 12


def _left_out(rating: Rating, most: int) -> str:
    """Return a sentence that says that a figure shows only the strongest texts; empty if it shows all."""
    texts = len(rating.effects)
    return f" The figure shows the {most} of {texts} texts with the strongest effects." if texts > most else ""


def _qualities(study: StoredStudy, rating: Rating) -> Iterator[Picture]:
    """Yield the effects on qualities: those of all tasks and the searched metric first; no scorer's own columns."""
    order = [effect.text for effect in rating.effects]
    own = frozenset[str]().union(*(kind.own_columns for kind in SCORERS.values()))
    names = [name for name in rating.qualities if not own & set(name.split("/")[:-1])]
    rated = [name for name in names if any(math.isfinite(effect.low) for effect in rating.qualities[name])]
    first = sorted(rated, key=lambda name: ("/" in name, not name.startswith(study.metric)))
    if len(first) < 2:
        return  # same as the headline effects
    shown = {name: rating.qualities[name] for name in first[:_MOST_QUALITIES]}
    out = [
        f"{effect.text} {effect.verdict} {name}"
        for name, effects in shown.items()
        for effect in effects
        if effect.verdict != "no evidence yet"
    ]
    yield Picture.of(
        "qualities",
        "Which text helps what",
        "Effect of every text on every measured quality: " + ("; ".join(out) or "no evidence yet"),
        "The same effects for every task and quality that trials measured, in standard errors, to compare "
        "different units: blue is better, orange is worse, a triangle is a verdict."
        + _about_columns(shown, len(rated) - len(shown), [name for name in names if name not in rated]),
        texts.qualities(shown, order),
    )


def _about_columns(shown: Collection[str], more: int, unrated: Sequence[str]) -> str:
    """Return sentences on columns with reversed sign, columns only in the table, and columns without intervals."""
    reversed_names = [name for name in shown if smaller_is_better(name)]
    note = f" Lower is better for {', '.join(reversed_names)}: there, blue means lower." if reversed_names else ""
    if more:
        note += f" {more} more are in qualities.csv."
    if unrated:
        note += f" Left out, because too few trials measured them: {listed(unrated)}."
    return note


def _interactions(rating: Rating) -> Picture:
    unit = rating.unit
    return Picture.of(
        "interactions",
        "Do texts need each other? (exploratory)",
        interactions_sentence(rating.interactions, unit),
        "Change of the effect of one text when the other is in the mix, in standard errors"
        + (f"; values in {unit.effect}" if len(rating.effects) <= texts.ANNOTATED else "")
        + ". A screen of many pairs: what stands out (*) is worth a study of its own. "
        + interactions_sentence(rating.interactions, unit)
        + _left_out(rating, texts.MOST_TEXTS),
        texts.interaction_map(rating.interactions, [effect.text for effect in rating.effects], unit),
    )


def _settings(study: StoredStudy, importances: Sequence[Importance]) -> Iterator[Picture]:
    unit = unit_of(study)
    if any(each.share > 0 for each in importances):
        yield Picture.of(
            "hyperparameters",
            "Which settings matter",
            "Share of the variance: " + "; ".join(f"{each.name} {each.share:.0%}" for each in importances),
            "Share of the score's variance over the complete trials that a setting explains (Optuna's fANOVA; texts "
            "are included in the model but not shown), with the range of 20 bootstrap samples. A share has no sign.",
            settings.importances(importances),
        )
    if len(cells := layer_map(study.records)) > 1:
        best = max(cells, key=lambda cell: cell.gain)
        yield Picture.of(
            "layers",
            "Which layers to train",
            f"Mean gain by frozen layers; the highest with {best.below} frozen below and {best.above} above.",
            f"Mean gain ({unit.effect}) of the trials whose texts were drawn at random, by the range of layers "
            "that they trained. The sampler chose the ranges and the other settings, so the map is exploratory.",
            settings.layers(cells, unit),
        )


def changes_of(inspection: Inspection, items: str) -> Iterator[Picture]:
    """Yield pictures of how the best trial changed the model; `items`: plural noun of the scored items."""
    every = [change for _, stage_changes in inspection.stages for change in stage_changes]
    if not every:
        return
    several = len(inspection.stages) > 1
    most = max(every, key=lambda change: change.norm / change.before if change.before else 0.0)
    yield Picture.of(
        "changes",
        "What changed in the model",
        f"Change of the weights of the best trial by layer; the most in {most.weight} of layer {most.layer}.",
        "Frobenius norm of the change that each stage of the best trial made in each layer."
        if several
        else "Frobenius norm of the change of each weight in the best trial, as a share of the weight's norm.",
        changes.stages(inspection.stages, inspection.layers) if several else changes.weights(every, inspection.layers),
    )
    if inspection.base is not None and inspection.tuned is not None:
        yield Picture.of(
            "attention",
            "How attention changed",
            "Change of the entropy and of the distance of attention for every head, tuned minus base.",
            f"Attention of the best trial on a few of the study's {items}: how much wider (entropy) and how much "
            "further back (distance) each head attends than in the untouched base.",
            changes.attention(inspection),
        )
