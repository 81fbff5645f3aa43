"""`mixtune t2l train`: trains a hypernetwork on a study."""

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

from objectives.text_to_lora.checkpoint import METADATA_FILE, HypernetCheckpoint
from objectives.text_to_lora.network import HyperNetwork
from objectives.text_to_lora.training import Measured, Training
from spaces import MixtuneError
from spaces.errors import listed
from spaces.files import write_text
from studies.analysis.rating import rate
from studies.analysis.units import Unit, unit_of
from studies.jobs.bars import training_bar
from studies.jobs.text_to_lora.cross_validation import CrossValidation, describe_validation
from studies.jobs.text_to_lora.fit import Fitting
from studies.jobs.text_to_lora.options import RECONSTRUCTION, Options
from studies.jobs.text_to_lora.source import Source, library_of, open_source
from studies.jobs.unfinished import OPTIONS_KEY, unfinished, write_plan
from studies.storage.stored import StoredStudy

WORK = ".training"
_VALIDATION_FILE = "checked.json"


def train_on_study(console: Console, study: StoredStudy, folder: Path, out: Path, options: Options) -> None:
    """Cross-validate and train a hypernetwork on a study's texts or adapters.

    An interrupted run with the same options resumes from its last measurement.

    Raises:
        InputError: the study has too few texts or adapters, or `out` exists.
    """
    options.check(study=True)
    whole = options.by == RECONSTRUCTION  # trained on mixes, which are encoded as one description
    requested = {"study": study.id, "trials": len(study.records), **asdict(options)}
    unfinished(out, WORK, METADATA_FILE, requested)
    with console.status("Loading the study's base, texts and questions …"):
        source = open_source(study, folder, options.encoder, whole=whole)
        library = library_of(source) if options.by == RECONSTRUCTION else None
        fitting = Fitting(source, library, options)
        fitting.check()
        training = fitting.training()
    with working(out, requested) as work:
        rated = {effect.text: effect.effect for effect in rate(study).effects}
        validation = CrossValidation(_cross_validated_gains(console, fitting, work), rated)
        run(console, training, work)
        names = frozenset(training_task.name for training_task in source.training_tasks)
        gains = fitting.gains(training.network, names)
        _print_validation(console, validation, gains, unit_of(study))
        origin = {
            "study": {"name": study.spec.name, "folder": str(folder.resolve()), "url": study.url, "id": study.id},
            "trust": validation.to_dict(),
            "gains": gains,
            **trained(options, training),
        }
        _checkpoint(source, options, training.network.cpu(), origin).save(out)
    console.print(f"Wrote {out}. Rate new texts with: mixtune t2l rank FOLDER --network {out}", highlight=False)


def _checkpoint(
    source: Source, options: Options, network: HyperNetwork, origin: Mapping[str, Any]
) -> HypernetCheckpoint:
    """Return the checkpoint of a network that was trained on a study."""
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
    """Return how a network was trained, for its checkpoint."""
    return {
        "by": options.by,
        "recipe": training.recipe.to_dict(),
        "parameters": training.network.learnable,
        "measured": [asdict(measured) for measured in training.log],
    }


@contextmanager
def working(out: Path, requested: dict[str, Any]) -> Iterator[Path]:
    """Yield the working folder of a run whose options are checked.

    The folder is removed when the run ends, and on an error that would recur with the same options, so that `out` is
    free for other options.
    """
    write_plan(out / WORK, {OPTIONS_KEY: requested})
    try:
        yield out / WORK
    except MixtuneError:
        shutil.rmtree(out / WORK)
        if not any(out.iterdir()):
            out.rmdir()
        raise
    shutil.rmtree(out / WORK)


def run(console: Console, training: Training, work: Path, *, validated: bool = False) -> None:
    """Train to the end, resuming an interrupted run, and print a row for every measurement.

    `validated`: whether there is a column for the loss of held-out tasks.
    """
    training.restore(work)
    recipe, network = training.recipe, training.network
    console.print(
        f"Training {network.learnable:,} weights (head {network.shape.head}) that generate adapters of "
        f"{network.target.weights:,}; {recipe.steps:,} steps of {recipe.tasks}.",
        highlight=False,
    )
    heads = ("step", "loss", *(("held-out tasks",) if validated else ()))
    console.print("".join(f"{head:>16}" for head in heads), highlight=False)
    for measured in training.log:
        _print_row(console, measured)
    with training_bar(console, "Training", recipe.steps, training.step) as update:
        for measured in training.run(work, update):
            _print_row(console, measured)


def _cross_validated_gains(console: Console, fitting: Fitting, work: Path) -> dict[str, float]:
    """Return the cross-validated gains of texts; those of an interrupted run are reused."""
    file = work / _VALIDATION_FILE
    gains: dict[str, float] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    folds = fitting.folds()
    for fold, left_out in enumerate(folds, start=1):
        if left_out <= gains.keys():
            continue
        description = f"Cross-validation {fold} of {len(folds)}, without {listed(sorted(left_out), 3)}"
        with training_bar(console, description, fitting.options.recipe(1).steps) as update:
            gains |= fitting.gains_of(left_out, update)
        write_text(file, json.dumps(gains))
        console.print(description, highlight=False)
    return gains


def _print_row(console: Console, measured: Measured) -> None:
    held_out = () if measured.validation is None else (f"{measured.validation:.4f}",)
    cells = (f"{measured.step:,}", f"{measured.loss:.4f}", *held_out)
    console.print("".join(f"{cell:>16}" for cell in cells), highlight=False)


def _print_validation(console: Console, validation: CrossValidation, gains: dict[str, float], unit: Unit) -> None:
    table = Table(
        title=f"Effects and gains of texts ({unit.effect})", title_justify="left", title_style="bold", box=None
    )
    table.add_column("text", overflow="fold")
    for head in ("effect in the study", "gain (held out)", "gain (trained on)"):
        table.add_column(head, justify="right")
    for text in sorted(gains, key=lambda name: -validation.rated.get(name, 0.0)):
        held_out_gain = unit.signed(validation.predicted[text]) if text in validation.predicted else "-"
        table.add_row(text, unit.signed(validation.rated[text]), held_out_gain, unit.signed(gains[text]))
    console.print(table)
    console.print(describe_validation(validation), highlight=False)
