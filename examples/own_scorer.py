"""Score models on what you care about, with a Python function.

You learn: to write a scorer with questions of its own, half of which are kept for the confirmation.
It takes about 20 seconds with --small; with a real base, as long as your function times the number of trials.

    python examples/own_scorer.py my-books --base Qwen/Qwen2.5-0.5B
    python examples/own_scorer.py --small
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import torch

import mixtune


class Opposites:
    """Log-probability of the right opposite, in nats; higher is better."""

    questions = (
        ("The opposite of hot is", " cold"),
        ("The opposite of big is", " small"),
        ("The opposite of up is", " down"),
        ("The opposite of day is", " night"),
        ("The opposite of left is", " right"),
        ("The opposite of old is", " new"),
        ("The opposite of open is", " closed"),
        ("The opposite of fast is", " slow"),
    )

    def __call__(self, model: Any, tokenizer: Any, questions: Sequence[tuple[str, str]]) -> list[float]:
        return [self._nats(model, tokenizer, prompt, answer) for prompt, answer in questions]

    def _nats(self, model: Any, tokenizer: Any, prompt: str, answer: str) -> float:
        before, after = (tokenizer(text, add_special_tokens=False).input_ids for text in (prompt, answer))
        tokens = torch.tensor([before + after], device=model.device)
        chances = model(tokens).logits[0].log_softmax(-1)
        return sum(float(chances[len(before) + i - 1, token]) for i, token in enumerate(after))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", nargs="?", default="my-books")
    parser.add_argument("--base", default="tiny")
    parser.add_argument("--small", action="store_true", help="a few trials on a generated library")
    arguments = parser.parse_args()
    fields: mixtune.StudyFields = {
        "name": "opposites",
        "texts": mixtune.write_demo("small-demo").parent / "library" if arguments.small else arguments.books,
        "base": arguments.base,
        "scorers": [Opposites()],
    }
    if arguments.small:
        fields["tokens"], fields["trials"] = 1_500, 8
        fields["objective"] = {"sequence_length": 64, "rungs": [1.0]}
        fields["search"] = {"confirm": {"best": 1, "seeds": 2}}
    study = mixtune.Study.create(**fields)
    study.run("local" if arguments.small else "ray")
    print(study.effects()[["text", "effect", "low", "high", "verdict"]].to_string(index=False))
    print(study.confirmation()[["role", "gain", "low", "high"]].to_string(index=False))


if __name__ == "__main__":
    main()
