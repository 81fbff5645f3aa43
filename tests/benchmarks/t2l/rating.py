"""How well texts are rated that were never trained on: `python -m tests.benchmarks.t2l.rating [--by reconstruction]`.

A study of 24 generated books, several of each skill, with lies about each and prose; then hypernetworks trained on it,
end to end and by reconstruction, blind to a part of the books each time. With several books of a skill, a book that is
left out has others like it: the case in which predictions could be good. Ends with the same check for the books that
do not lie, and with the chance that a book of a skill is foretold more than one of prose.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean

import yaml
from rich.console import Console

from objectives.text_to_lora.checkpoint import HypernetCheckpoint
from search.ray.runner import RayRunner
from studies.demo.library import write_demo
from studies.demo.prose import poem, recipe, tale
from studies.demo.skills import SKILLS, Question, questions
from studies.jobs.text_to_lora.cross_validation import CrossValidation, describe_validation
from studies.jobs.text_to_lora.options import TRAINING_METHODS, Options
from studies.jobs.text_to_lora.training import train_on_study
from studies.run.launch import prepare_launch
from studies.spec import read_study

_LINES = 400
_OF_A_SKILL, _OF_PROSE = 3, 2
_WORKERS = 2
_LIES = "_lies"


def books() -> Iterator[tuple[str, str]]:
    """Names and texts."""
    for skill in SKILLS:
        for number in range(_OF_A_SKILL):
            yield f"{skill}_{number}", _lines(questions(skill, _LINES, held_out=False, seed=10 + number))
        yield f"{skill}{_LIES}", _lines(questions(skill, _LINES, held_out=False, seed=20), wrong=random.Random(skill))
    for one, other in (("odd", "heavy"), ("between", "edible")):
        half = [q for skill in (one, other) for q in questions(skill, _LINES // 2, held_out=False, seed=30)]
        yield f"{one}_and_{other}", _lines(half)
    for kind, sentence in (("tales", tale), ("recipes", recipe), ("poems", poem)):
        for number in range(_OF_PROSE):
            rng = random.Random(f"{kind}:{number}")
            yield f"{kind}_{number}", "\n".join(sentence(rng) for _ in range(_LINES)) + "\n"


def _lines(found: Sequence[Question], wrong: random.Random | None = None) -> str:
    answers = (
        wrong.choice([word for word in each.choices if word != each.answer]) if wrong is not None else None
        for each in found
    )
    return "".join(f"{each.line(answer)}\n" for each, answer in zip(found, answers, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=96)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--by", choices=TRAINING_METHODS, nargs="+", default=TRAINING_METHODS)
    chosen = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = write_demo(folder, "many", seed=0)
        for old in (folder / "library").iterdir():
            old.unlink()
        for name, text in books():
            (folder / "library" / f"{name}.txt").write_text(text, encoding="utf-8")
        study = yaml.safe_load(path.read_text())
        study["search"] |= {
            "trials": chosen.trials,
            "randomized_share": 1.0,
            "workers": _WORKERS,
            "confirm": {"best": 0},
        }
        path.write_text(yaml.safe_dump(study))
        ready = prepare_launch(read_study(path), folder / "runs")
        outcome = ready.run(lambda _spec, scratch: RayRunner(scratch, workers=_WORKERS), lambda _: None)
        for by in chosen.by:
            console.print(f"\n{by}", style="bold")
            options = Options(by=by, steps=chosen.steps, folds=6)
            train_on_study(console, outcome.study, folder / "runs" / "many", folder / by, options)
            _tell(console, CrossValidation(**HypernetCheckpoint.load(folder / by).origin["trust"]))


def _tell(console: Console, trust: CrossValidation) -> None:
    honest = {name: gain for name, gain in trust.predicted.items() if not name.endswith(_LIES)}
    skilled = {name: gain for name, gain in honest.items() if name.split("_")[0] in SKILLS}
    prose = [gain for name, gain in honest.items() if name not in skilled]
    console.print(f"Without the lies: {describe_validation(CrossValidation(honest, trust.rated))}", highlight=False)
    pairs = [(one > other) + (one == other) / 2 for one in skilled.values() for other in prose]
    if pairs:
        console.print(f"A book of a skill before one of prose: {fmean(pairs):.2f} of the pairs.", highlight=False)


if __name__ == "__main__":
    main()
