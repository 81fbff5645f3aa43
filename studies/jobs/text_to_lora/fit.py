"""Training of a hypernetwork on a study: on all texts, and on subsets for cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from objectives.data.order import generator
from objectives.text_to_lora.aligning import aligned
from objectives.text_to_lora.end_to_end import EndToEnd
from objectives.text_to_lora.network import HyperNetwork
from objectives.text_to_lora.reconstruction import Reconstruction
from objectives.text_to_lora.target import Target
from objectives.text_to_lora.texts import written_gain
from objectives.text_to_lora.training import Training, TrainingObjective
from spaces import InputError
from spaces.errors import listed
from studies.jobs.text_to_lora.options import Options
from studies.jobs.text_to_lora.source import Library, Source

FEWEST = 3
"""Minimum number of texts or adapters to train a network on."""
_MAX_SINGLE_FOLDS = 12
"""Maximum number of texts that are held out one by one."""
Progress = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class Fitting:
    """Source of training data, and how a network is trained on it."""

    source: Source
    library: Library | None
    """Library to reconstruct; None for end-to-end training."""
    options: Options

    @property
    def target(self) -> Target:
        """Modules and layers of the generated adapters."""
        if self.library is not None:
            return self.library.adapters.target
        context, rank = self.source.context, self.options.resolved_rank
        return Target.of(context.layout, context.resources.model, self.options.resolved_targets, rank, 2.0 * rank)

    def training(self, left_out: frozenset[str] = frozenset()) -> Training:
        """Return a new training run without the texts in `left_out`."""
        context = self.source.context
        network = HyperNetwork(self.target, context.reader.encoder.width, self.options.shape, self.options.seed)
        network.to(context.resources.model.device)
        if self.library is None:
            training_tasks = self.source.without(left_out)
            recipe = self.options.recipe(len(training_tasks), context.spec.batch_size)
            objective: TrainingObjective = EndToEnd(network, context.resources.model, training_tasks, recipe)
            return Training(network, objective, recipe)
        indices = self.library.without(left_out)
        recipe = self.options.recipe(len(indices))
        mixes = [self.library.mixes[index] for index in indices]
        objective = Reconstruction(network, aligned(self.library.adapters.chosen(indices)), mixes, recipe)
        return Training(network, objective, recipe)

    def check(self) -> None:
        """Check that every run has enough training data.

        Raises:
            InputError: a run has too few texts or adapters.
        """
        for left_out in (frozenset[str](), *self.folds()):
            count = len(self.source.without(left_out) if self.library is None else self.library.without(left_out))
            if count < FEWEST:
                what = "texts" if self.library is None else "adapters"
                without = f" without {listed(sorted(left_out), 3)}" if left_out else ""
                raise InputError(
                    f"A hypernetwork needs at least {FEWEST} {what} to train on; there are {count}{without}. "
                    "Turn off cross-validation with --folds 0, or use a study with more.",
                    code="lessons-too-few",
                )

    def folds(self) -> list[frozenset[str]]:
        """Split the texts into folds, each of which is held out once; no folds if nothing can be validated.

        A study that rates no texts has nothing to validate against. In a library, the mixes contain many texts, so that
        holding out two texts leaves few adapters: each fold is then a single text, and at most
        `_MAX_SINGLE_FOLDS` texts are drawn.
        """
        names = [training_task.name for training_task in self.source.training_tasks]
        shuffled = generator(self.options.seed, "folds").permutation(names).tolist()
        if not self.options.fold_count or not self.source.context.study.rates_texts:
            return []
        if self.library is not None:
            return [frozenset([name]) for name in shuffled[:_MAX_SINGLE_FOLDS]]
        count = min(self.options.fold_count, len(names))
        return [frozenset(shuffled[start::count]) for start in range(count)]

    def gains_of(self, left_out: frozenset[str], progress: Progress) -> dict[str, float]:
        """Train a network without some texts; return the gains of the adapters it generates for them."""
        training = self.training(left_out)
        for _ in training.run(progress=progress):
            pass
        return self.gains(training.network, left_out)

    def gains(self, network: HyperNetwork, names: frozenset[str]) -> dict[str, float]:
        """Return the gain of the adapter generated for each of these texts, by the name of the text."""
        resources = self.source.context.resources
        return {
            training_task.name: written_gain(network, training_task.descriptions, resources)
            for training_task in self.source.training_tasks
            if training_task.name in names
        }
