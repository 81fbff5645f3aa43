"""Training a hypernetwork on a study: on all of its texts, and on some of them, to see how far it can be trusted."""

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
"""Texts or adapters that a network is trained on."""
_MOST_ALONE = 12
"""Texts that are left out one by one."""
Progress = Callable[[int, float], None]


@dataclass(frozen=True, slots=True)
class Fitting:
    """A source and how a network is trained on it."""

    source: Source
    library: Library | None
    """None for training end to end."""
    options: Options

    @property
    def target(self) -> Target:
        """The adapter that the network writes: modules and layers."""
        if self.library is not None:
            return self.library.adapters.target
        context, rank = self.source.context, self.options.wanted_rank
        return Target.of(context.layout, context.resources.model, self.options.wanted_targets, rank, 2.0 * rank)

    def training(self, left_out: frozenset[str] = frozenset()) -> Training:
        """A run that has not begun, blind to some texts."""
        context = self.source.context
        network = HyperNetwork(self.target, context.reader.encoder.width, self.options.shape, self.options.seed)
        network.to(context.resources.model.device)
        if self.library is None:
            training_tasks = self.source.without(left_out)
            recipe = self.options.recipe(len(training_tasks), context.spec.batch_size)
            way: TrainingObjective = EndToEnd(network, context.resources.model, training_tasks, recipe)
            return Training(network, way, recipe)
        numbers = self.library.without(left_out)
        recipe = self.options.recipe(len(numbers))
        mixes = [self.library.mixes[number] for number in numbers]
        way = Reconstruction(network, aligned(self.library.adapters.chosen(numbers)), mixes, recipe)
        return Training(network, way, recipe)

    def check(self) -> None:
        """See that every run has enough to learn from.

        Raises:
            InputError: one has not.
        """
        for left_out in (frozenset[str](), *self.folds()):
            number = len(self.source.without(left_out) if self.library is None else self.library.without(left_out))
            if number < FEWEST:
                what = "texts" if self.library is None else "adapters"
                blind = f" when blind to {listed(sorted(left_out), 3)}" if left_out else ""
                raise InputError(
                    f"A hypernetwork needs {FEWEST} {what} or more to learn from, and there are {number}{blind}. "
                    "Leave out checking with --folds 0, or take a study with more.",
                    code="lessons-too-few",
                )

    def folds(self) -> list[frozenset[str]]:
        """Texts in so many parts; each part is left out once; no part where nothing is to be checked.

        A study that rates no texts has nothing to check against. A library's mixes hold many texts, so that leaving out
        two of them leaves few adapters: there each text is a part of its own, and of many texts some are drawn.
        """
        names = [training_task.name for training_task in self.source.training_tasks]
        shuffled = generator(self.options.seed, "folds").permutation(names).tolist()
        if not self.options.parts or not self.source.context.study.rates_texts:
            return []
        if self.library is not None:
            return [frozenset([name]) for name in shuffled[:_MOST_ALONE]]
        number = min(self.options.parts, len(names))
        return [frozenset(shuffled[start::number]) for start in range(number)]

    def gains_of(self, left_out: frozenset[str], progress: Progress) -> dict[str, float]:
        """Gains of texts with the adapters that a network writes for them that has never seen them."""
        training = self.training(left_out)
        for _ in training.run(progress=progress):
            pass
        return self.gains(training.network, left_out)

    def gains(self, network: HyperNetwork, names: frozenset[str]) -> dict[str, float]:
        """Name of a text to the change of the score with the adapter that is written for it."""
        resources = self.source.context.resources
        return {
            training_task.name: written_gain(network, training_task.descriptions, resources)
            for training_task in self.source.training_tasks
            if training_task.name in names
        }
