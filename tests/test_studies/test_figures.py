"""Figures with names of any length and script: nothing that is drawn lies outside the canvas."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from studies.analysis.curves import curves
from studies.analysis.effects import TextEffect
from studies.analysis.interactions import Interaction
from studies.analysis.rating import Rating, rate
from studies.analysis.regression import Estimate
from studies.analysis.units import UNITS, Unit
from studies.report.figures import texts, trials
from studies.report.figures.curves import effect_curves
from studies.report.figures.fitting import fit_labels
from studies.run.launch import prepare_launch
from studies.storage.stored import StoredStudy
from tests.support.launching import local, spec_for

NAMES = {
    "short": ["abc", "de", "f"],
    "usual": ["a_collection_of_thirty_letters", "another_one_of_thirty_letters", "x"],
    "long": ["a name of eighty letters that goes on and on for longer than any figure is wide" + n for n in "abc"],
    "cyrillic": ["Преступление и наказание, том первый, издание второе", "Война и мир", "Я"],
    "chinese": ["红楼梦第一回甄士隐梦幻识通灵贾雨村风尘怀闺秀", "论语", "道"],
}
LONG = Unit("probability of the right answer among the choices that a question of the benchmark gives", "points " * 12)


@pytest.fixture(scope="module", params=NAMES)
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[StoredStudy, Rating]:
    folder = tmp_path_factory.mktemp(request.param)
    library = folder / "library"
    library.mkdir()
    for number, name in enumerate(NAMES[request.param]):
        (library / f"{name}.txt").write_text(f"text number {number} of a small library\n")
    effects = {NAMES[request.param][0]: 0.3}
    spec = spec_for(library, seed=1, search={"trials": 24}, objective={"effects": effects})
    study = prepare_launch(spec, folder / "runs").run(local, lambda _: None).study
    return study, rate(study)


def _order(rating: Rating) -> list[str]:
    return [effect.text for effect in rating.effects]


def _pairs(rating: Rating) -> list[Interaction]:
    """An interaction of every two texts, whatever the trials tell."""
    pairs = combinations(_order(rating), 2)
    return [Interaction(pair, Estimate(0.1 * place, 0.1, 9), 0.5) for place, pair in enumerate(pairs)]


def _two_qualities(rating: Rating) -> dict[str, list[TextEffect]]:
    return {"one": rating.effects, "two": rating.effects}


FIGURES: dict[str, Callable[[StoredStudy, Rating, Unit], Figure]] = {
    "effects": lambda study, rating, unit: texts.forest(
        list(rating.effects), unit, "change of the score when the text is included"
    ),
    "history": lambda study, rating, unit: trials.history(study, unit),
    "learning_curves": lambda study, rating, unit: trials.learning_curves(study, unit),
    "text_curves": lambda study, rating, unit: effect_curves(curves(study, rating), _order(rating), unit),
    "qualities": lambda study, rating, unit: texts.qualities(
        {"one": rating.effects, "two": rating.effects}, _order(rating)
    ),
    "interactions": lambda study, rating, unit: texts.interaction_map(_pairs(rating), _order(rating), unit),
}


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")  # no font of this machine may have Chinese
@pytest.mark.parametrize("unit", [UNITS["probability"], UNITS["log_probability"], LONG], ids=["short", "usual", "long"])
@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_off(study: tuple[StoredStudy, Rating], name: str, unit: Unit, tmp_path: Path) -> None:
    figure = FIGURES[name](*study, unit)
    fit_labels(figure)
    drawn = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert drawn.x0 >= -0.01
    assert drawn.y0 >= -0.01
    assert drawn.x1 <= width + 0.01
    assert drawn.y1 <= height + 0.01
