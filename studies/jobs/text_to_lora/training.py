"""`mixtune t2l train`: a hypernetwork from a study or from tasks, as the user sees it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from objectives.text_to_lora.checkpoint import TOLD, HypernetCheckpoint
from objectives.text_to_lora.network import HyperNetwork
from objectives.text_to_lora.training import Measured, Training
from spaces import MixtuneError
from spaces.errors import listed
from spaces.files import write_text
from studies.analysis.rating import rate
from studies.analysis.units import Unit, unit_of
from studies.jobs.bars import training_bar
from studies.jobs.text_to_lora.cross_validation import CrossValidation, trust_words
from studies.jobs.text_to_lora.fit import Fitting
from studies.jobs.text_to_lora.options import RECONSTRUCTION, Options
from studies.jobs.text_to_lora.source import Source, library_of, open_source
from studies.jobs.unfinished import ASKED, unfinished, write_plan
from studies.storage.stored import StoredStudy

WORK = ".training"
_CHECKED = "checked.json"


def train_on_study(console: Console, study: StoredStudy, folder: Path, out: Path, options: Options) -> None:
    """Train on a study's texts or adapters, having checked on texts that are left out how far it can be trusted.

    Cut off, the same wish goes on from its last measurement.

    Raises:
        InputError: the study has too little to learn from, or `out` is taken.
    """
    options.check(study=True)
    whole = options.by == RECONSTRUCTION  # mixes were what it read in training, and they are read as a whole
    asked = {"study": study.id, "trials": len(study.records), **asdict(options)}
    unfinished(out, WORK, TOLD, asked)
    with console.status("Loading the study's base, texts and questions …"):
        source = open_source(study, folder, options.encoder, whole=whole)
        library = library_of(source) if options.by == RECONSTRUCTION else None
        fitting = Fitting(source, library, options)
        fitting.check()
        training = fitting.training()
    with working(out, asked) as work:
        rated = {effect.text: effect.effect for effect in rate(study).effects}
        trust = CrossValidation(_checked(console, fitting, work), rated)
        run(console, training, work)
        everything = frozenset(training_task.name for training_task in source.training_tasks)
        seen = fitting.gains(training.network, everything)
        _print_check(console, trust, seen, unit_of(study))
        origin = {
            "study": {"name": study.spec.name, "folder": str(folder.resolve()), "url": study.url, "id": study.id},
            "trust": trust.to_dict(),
            "gains": seen,
            **trained(options, training),
        }
        _stored(source, options, training.network.cpu(), origin).save(out)
    console.print(f"Wrote {out}. Rate new texts with: mixtune t2l rank FOLDER --network {out}", highlight=False)


def _stored(source: Source, options: Options, network: HyperNetwork, origin: Mapping[str, Any]) -> HypernetCheckpoint:
    """A network that a study has taught, with all that is kept of it."""
    context = source.context
    return HypernetCheckpoint(
        network,
        context.spec.base,
        context.base.fetch(context.spec.add_bos_token).digest,
        context.spec.precision,
        options.encoder,
        tuple(training_task.name for training_task in source.training_tasks),
        context.reader.chunk,
        context.reader.most,
        context.reader.whole,
        dict(origin),
    )


def trained(options: Options, training: Training) -> dict[str, Any]:
    """How a network was trained, for its file."""
    return {
        "by": options.by,
        "recipe": training.recipe.to_dict(),
        "parameters": training.network.learnable,
        "measured": [asdict(measured) for measured in training.log],
    }


@contextmanager
def working(out: Path, asked: dict[str, Any]) -> Iterator[Path]:
    """The working folder of a run of which nothing is left to refuse.

    It goes at the run's end, and with an error that the same wish would meet again: another wish is to find the folder
    free.
    """
    write_plan(out / WORK, {ASKED: asked})
    try:
        yield out / WORK
    except MixtuneError:
        shutil.rmtree(out / WORK)
        if not any(out.iterdir()):
            out.rmdir()
        raise
    shutil.rmtree(out / WORK)


def run(console: Console, training: Training, work: Path, *, validated: bool = False) -> None:
    """Train to the end, a row for every measurement, from where it was cut off.

    `validated`: whether there are tasks that are held out, whose losses are worth a column.
    """
    training.restore(work)
    recipe, network = training.recipe, training.network
    console.print(
        f"Training {network.learnable:,} weights (head {network.shape.head}) that write adapters of "
        f"{network.target.weights:,}; {recipe.steps:,} steps of {recipe.tasks}.",
        highlight=False,
    )
    heads = ("step", "loss", *(("held-out tasks",) if validated else ()))
    console.print("".join(f"{head:>16}" for head in heads), highlight=False)
    for measured in training.log:
        _print_row(console, measured)
    with training_bar(console, "Training", recipe.steps, training.step) as tell:
        for measured in training.run(work, tell):
            _print_row(console, measured)


def _checked(console: Console, fitting: Fitting, work: Path) -> dict[str, float]:
    """Gains of texts with adapters from networks that had not seen them; those of a run that was cut off are kept."""
    file = work / _CHECKED
    found: dict[str, float] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    folds = fitting.folds()
    for number, left_out in enumerate(folds, start=1):
        if left_out <= found.keys():
            continue
        blind = f"Check {number} of {len(folds)}, blind to {listed(sorted(left_out), 3)}"
        with training_bar(console, blind, fitting.options.recipe(1).steps) as tell:
            found |= fitting.gains_of(left_out, tell)
        write_text(file, json.dumps(found))
        console.print(blind, highlight=False)
    return found


def _print_row(console: Console, measured: Measured) -> None:
    held_out = () if measured.validation is None else (f"{measured.validation:.4f}",)
    cells = (f"{measured.step:,}", f"{measured.loss:.4f}", *held_out)
    console.print("".join(f"{cell:>16}" for cell in cells), highlight=False)


def _print_check(console: Console, trust: CrossValidation, seen: dict[str, float], unit: Unit) -> None:
    table = Table(title=f"What texts gain ({unit.effect})", title_justify="left", title_style="bold", box=None)
    table.add_column("text", overflow="fold")
    for head in ("effect in the study", "adapter written blind to it", "having seen it"):
        table.add_column(head, justify="right")
    for text in sorted(seen, key=lambda name: -trust.rated.get(name, 0.0)):
        blind = unit.signed(trust.predicted[text]) if text in trust.predicted else "-"
        table.add_row(text, unit.signed(trust.rated[text]), blind, unit.signed(seen[text]))
    console.print(table)
    console.print(trust_words(trust), highlight=False)
