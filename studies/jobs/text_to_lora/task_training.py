"""`mixtune t2l train --tasks`: trains a hypernetwork on a folder of tasks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from objectives.bases.hub import refuse_four_bits
from objectives.device import choose_device
from objectives.text_to_lora.adapters import Adapters, read_adapters, side_by_side, write_adapters
from objectives.text_to_lora.checkpoint import METADATA_FILE, HypernetCheckpoint
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
"""Length of a chunk in tokens, and maximum number of chunks, for generating an adapter from a text."""
_LIBRARY_RECIPE = Recipe(steps=200, learning_rate=5e-3, warmup=10)


def train_on_tasks(
    console: Console, folder: Path, base_name: str, out: Path, options: Options, *, trust_code: bool = False
) -> None:
    """Train a hypernetwork on a folder of tasks; an interrupted run with the same options resumes.

    Raises:
        InputError: a task or the base cannot be used, or `out` exists.
    """
    options.check(study=False)
    device = choose_device("auto")
    refuse_four_bits(options.resolved_precision, device, "--precision")
    tasks = read_tasks(folder)
    base = open_base(base_name, trust_code=trust_code)
    digest = base.fetch().digest
    requested = {"tasks": _fingerprint(tasks), "base": digest, **asdict(options)}
    unfinished(out, WORK, METADATA_FILE, requested)
    with console.status("Loading the base …"):
        model = base.model(options.resolved_precision, device)
        encoding = base.encoding().inside(options.template, "--chat-template")
        names = tuple(task.name for task in tasks)
        encoder = open_encoder(options.encoder, model, encoding, names)
        layout, rank = base.layout(), options.resolved_rank
        learned, held_out = training_tasks_of(tasks, encoder, encoding, layout.context)
        target = Target.of(layout, model, options.resolved_targets, rank, 2.0 * rank)
    network = HyperNetwork(target, encoder.width, options.shape, options.seed).to(model.device)
    with working(out, requested) as work:
        training = Training(
            network, _objective(console, model, network, options, learned, held_out, work), options.recipe(len(learned))
        )
        run(console, training, work, validated=bool(held_out))
        origin = trained(options, training)
        chunk = min(_CHUNK, layout.context, encoder.longest)
        how = (options.resolved_precision, options.encoder, names, chunk, _CHUNKS)
        HypernetCheckpoint(network.cpu(), base_name, digest, *how, whole_texts=False, origin=origin).save(out)
    console.print(f"Wrote {out}. Write an adapter with: mixtune t2l write DESCRIPTION --network {out} --out DIR")


def _objective(
    console: Console,
    model: PreTrainedModel,
    network: HyperNetwork,
    options: Options,
    learned: list[TrainingTask],
    held_out: list[TrainingTask],
    work: Path,
) -> TrainingObjective:
    """Return the training objective: reconstruction of a library of adapters, or end-to-end."""
    recipe = options.recipe(len(learned))
    if options.by != RECONSTRUCTION:
        return EndToEnd(network, model, learned, recipe, held_out)
    tasks = [*learned, *held_out]
    library = _library(console, model, network.target, tasks, work, recipe.tasks * recipe.examples)
    held_out_indices = list(range(len(learned), len(tasks)))
    return Reconstruction(network, library, [task.descriptions for task in tasks], recipe, held_out_indices)


def _library(
    console: Console, model: PreTrainedModel, target: Target, training_tasks: list[TrainingTask], work: Path, batch: int
) -> Adapters:
    """Train an adapter for each task, stored for when the run resumes; `batch`: maximum sequences in a step."""
    parts = []
    group_size = max(1, batch // _LIBRARY_RECIPE.examples)
    for start in range(0, len(training_tasks), group_size):
        file, group = work / _LIBRARY.format(start), training_tasks[start : start + group_size]
        if not file.is_file():
            description = f"Adapters of tasks {start + 1} to {start + len(group)} of {len(training_tasks)}"
            with training_bar(console, description, _LIBRARY_RECIPE.steps) as update:
                write_adapters(file, train_library(model, target, group, _LIBRARY_RECIPE, update))
        parts.append(read_adapters(file, target))
    return side_by_side(parts)


def _fingerprint(tasks: list[Task]) -> str:
    return fingerprint(
        [
            [task.name, task.descriptions, task.held_out, [[each.prompt, each.completion] for each in task.examples]]
            for task in tasks
        ]
    )
