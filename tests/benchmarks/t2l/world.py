"""The shipped base, the family's questions as tokens, and how often a model answers them right."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from objectives.acceleration.onednn import use_onednn
from objectives.data.tokens import tokenize
from objectives.text_to_lora.adapters import Adapters
from objectives.text_to_lora.encoders import Encoder
from objectives.text_to_lora.target import Target
from objectives.text_to_lora.training_task import TrainingTask
from objectives.worker import open_base
from tests.benchmarks.t2l.family import Question, TaskFamily, family

RANK = 8
TARGETS = "q_proj+v_proj"
"""As in the paper."""
LEARNED, ASKED = 400, 100
"""Questions of each task."""
SHOTS = 3


@dataclass(frozen=True)
class World:
    """Everything that a seed needs."""

    seed: int

    @cached_property
    def tasks(self) -> list[TaskFamily]:
        return family()

    @cached_property
    def base(self):  # type: ignore[no-untyped-def]
        return open_base("tiny")

    @cached_property
    def tokenizer(self):  # type: ignore[no-untyped-def]
        return self.base.tokenizer()

    @cached_property
    def model(self):  # type: ignore[no-untyped-def]
        model = self.base.model("float32", "cpu")
        use_onednn(model)
        return model

    @cached_property
    def target(self) -> Target:
        return Target.of(self.base.layout(), self.model, TARGETS, RANK, 2.0 * RANK)

    @cached_property
    def learned(self) -> list[list[Question]]:
        """Training questions by task."""
        return [task.questions(LEARNED, asked=False, seed=self.seed) for task in self.tasks]

    @cached_property
    def asked(self) -> list[list[Question]]:
        """Test questions by task, the same for all seeds."""
        return [task.questions(ASKED, asked=True, seed=0) for task in self.tasks]

    @property
    def training(self) -> list[int]:
        """Numbers of the tasks that are learned from."""
        return [number for number, task in enumerate(self.tasks) if not task.held_out]

    @property
    def held_out(self) -> list[int]:
        return [number for number, task in enumerate(self.tasks) if task.held_out]

    def training_tasks(self, encoder: Encoder | None, *, described: bool = False) -> list[TrainingTask]:
        """All tasks; `described`: with a description before every prompt. Without an encoder, no encodings."""
        found = []
        for task, questions in zip(self.tasks, self.learned, strict=True):
            prefixes = [f"{text}. " if described else "" for text in task.descriptions]
            sequences = [
                self._sequence(prefixes[place % len(prefixes)] + question.prompt, question.answer)
                for place, question in enumerate(questions)
            ]
            descriptions = encoder(task.descriptions) if encoder is not None else torch.empty(1, 0)
            found.append(TrainingTask(task.name, descriptions, sequences))
        return found

    def accuracy(self, number: int, adapters: Adapters | None = None, prefix: str = "") -> float:
        """Share of a task's questions that are answered right, by the most probable of the four words."""
        questions = self.asked[number]
        prompts = [tokenize(self.tokenizer, prefix + question.prompt) for question in questions]
        words = [[self._word(word) for word in question.words] for question in questions]
        scores = self._last(np.stack(prompts), adapters)
        right = scores.gather(1, torch.tensor(words)).argmax(dim=1) == torch.tensor([each.gold for each in questions])
        return float(right.float().mean())

    def described(self, number: int, adapters: Adapters | None = None) -> float:
        """Accuracy with a description before the prompt; the mean over its wordings."""
        wordings = self.tasks[number].descriptions
        return float(np.mean([self.accuracy(number, adapters, f"{text}. ") for text in wordings]))

    def few_shot(self, number: int) -> float:
        """Accuracy with solved questions before the prompt; the mean over as many draws as it has wordings."""
        rng = np.random.default_rng([self.seed, number])
        found = []
        for _ in self.tasks[number].descriptions:
            chosen = [self.learned[number][place] for place in rng.choice(LEARNED, SHOTS, replace=False)]
            found.append(self.accuracy(number, None, "".join(f"{each.prompt}{each.answer}. " for each in chosen)))
        return float(np.mean(found))

    @torch.inference_mode()
    def _last(self, tokens: NDArray[np.int32], adapters: Adapters | None) -> torch.Tensor:
        read = torch.from_numpy(tokens.astype(np.int64))
        if adapters is None:
            scores: torch.Tensor = self.model(input_ids=read, logits_to_keep=1).logits[:, -1]
            return scores
        with adapters.on(self.model):
            return self._last(tokens, None)

    def _sequence(self, prompt: str, answer: str) -> NDArray[np.int64]:
        read, learned = tokenize(self.tokenizer, prompt), tokenize(self.tokenizer, answer)
        return np.concatenate([~read, learned]).astype(np.int64)

    def _word(self, word: str) -> int:
        (token,) = tokenize(self.tokenizer, f" {word}")
        return int(token)
