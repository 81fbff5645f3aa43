"""`mixtune t2l train --tasks`: a hypernetwork from a folder of tasks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from objectives.bases.hub import refuse_four_bits
from objectives.device import choose_device
from objectives.text_to_lora.adapters import Adapters, read_adapters, side_by_side, write_adapters
from objectives.text_to_lora.checkpoint import TOLD, HypernetCheckpoint
from objectives.text_to_lora.encoders import open_encoder
from objectives.text_to_lora.end_to_end import EndToEnd
from objectives.text_to_lora.library import train_library
from objectives.text_to_lora.network import HyperNetwork
from objectives.text_to_lora.reconstruction import Reconstruction
from objectives.text_to_lora.target import Target
from objectives.text_to_lora.tasks import Task, read_tasks, training_tasks_of
from objectives.text_to_lora.training import Recipe, Training, TrainingObjective
from objectives.text_to_lora.training_task import TrainingTask
from objectives.worker import open_base
from spaces.trial import fingerprint
from studies.jobs.bars import training_bar
from studies.jobs.text_to_lora.options import RECONSTRUCTION, Options
from studies.jobs.text_to_lora.training import WORK, run, trained, working
from studies.jobs.unfinished import unfinished

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_LIBRARY = "library-{}.safetensors"
_CHUNK, _CHUNKS = 256, 16
"""Tokens of a chunk of a text, and chunks of one, where an adapter is written for a text."""
_LIBRARY_RECIPE = Recipe(steps=200, learning_rate=5e-3, warmup=10)


def train_on_tasks(
    console: Console, folder: Path, base_name: str, out: Path, options: Options, *, trust_code: bool = False
) -> None:
    """Train on a folder of tasks; cut off, the same wish goes on from its last measurement.

    Raises:
        InputError: a task or the base cannot be used, or `out` is taken.
    """
    options.check(study=False)
    device = choose_device("auto")
    refuse_four_bits(options.wanted_precision, device, "--precision")
    tasks = read_tasks(folder)
    base = open_base(base_name, trust_code=trust_code)
    digest = base.fetch().digest
    asked = {"tasks": _fingerprint(tasks), "base": digest, **asdict(options)}
    unfinished(out, WORK, TOLD, asked)
    with console.status("Loading the base …"):
        model = base.model(options.wanted_precision, device)
        encoding = base.encoding().inside(options.template, "--chat-template")
        names = tuple(task.name for task in tasks)
        encoder = open_encoder(options.encoder, model, encoding, names)
        layout, rank = base.layout(), options.wanted_rank
        learned, held_out = training_tasks_of(tasks, encoder, encoding, layout.context)
        target = Target.of(layout, model, options.wanted_targets, rank, 2.0 * rank)
    network = HyperNetwork(target, encoder.width, options.shape, options.seed).to(model.device)
    with working(out, asked) as work:
        training = Training(
            network, _way(console, model, network, options, learned, held_out, work), options.recipe(len(learned))
        )
        run(console, training, work, validated=bool(held_out))
        origin = trained(options, training)
        chunk = min(_CHUNK, layout.context, encoder.longest)
        how = (options.wanted_precision, options.encoder, names, chunk, _CHUNKS)
        HypernetCheckpoint(network.cpu(), base_name, digest, *how, whole_texts=False, origin=origin).save(out)
    console.print(f"Wrote {out}. Write an adapter with: mixtune t2l write DESCRIPTION --network {out} --out DIR")


def _way(
    console: Console,
    model: PreTrainedModel,
    network: HyperNetwork,
    options: Options,
    learned: list[TrainingTask],
    held_out: list[TrainingTask],
    work: Path,
) -> TrainingObjective:
    """The way in which the network is trained: to say adapters of a library, or to write ones that help the base."""
    recipe = options.recipe(len(learned))
    if options.by != RECONSTRUCTION:
        return EndToEnd(network, model, learned, recipe, held_out)
    every = [*learned, *held_out]
    library = _library(console, model, network.target, every, work, recipe.tasks * recipe.examples)
    numbers = list(range(len(learned), len(every)))
    return Reconstruction(network, library, [each.descriptions for each in every], recipe, numbers)


def _library(
    console: Console, model: PreTrainedModel, target: Target, training_tasks: list[TrainingTask], work: Path, batch: int
) -> Adapters:
    """An adapter for each task, trained once and kept for a run that is cut off; `batch`: sequences of a step."""
    parts = []
    at_once = max(1, batch // _LIBRARY_RECIPE.examples)
    for start in range(0, len(training_tasks), at_once):
        file, group = work / _LIBRARY.format(start), training_tasks[start : start + at_once]
        if not file.is_file():
            what = f"Adapters of tasks {start + 1} to {start + len(group)} of {len(training_tasks)}"
            with training_bar(console, what, _LIBRARY_RECIPE.steps) as tell:
                write_adapters(file, train_library(model, target, group, _LIBRARY_RECIPE, tell))
        parts.append(read_adapters(file, target))
    return side_by_side(parts)


def _fingerprint(tasks: list[Task]) -> str:
    return fingerprint(
        [
            [task.name, task.descriptions, task.held_out, [[each.prompt, each.completion] for each in task.examples]]
            for task in tasks
        ]
    )
