"""Which instruction data makes a chat model better at GSM8K?

You learn: to rate files of instructions (`.jsonl`), to tune an instruct model inside its chat template, and to score it
on a task whose answers are generated.
It takes about 20 seconds with --small, on a generated benchmark; with Qwen2.5-0.5B-Instruct a night on one GPU.

    python examples/instruct_gsm8k.py instructions --base Qwen/Qwen2.5-0.5B-Instruct
    python examples/instruct_gsm8k.py --small
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import mixtune


def small_instructions(folder: Path) -> Path:
    """Three files of instructions: sums that are right, sums that are wrong, small talk."""
    folder.mkdir(exist_ok=True)
    for name in ("right_sums", "wrong_sums", "small_talk"):
        rng = random.Random(name)
        lines = [_instruction(name, rng) for _ in range(300)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder


def _instruction(name: str, rng: random.Random) -> dict[str, str]:
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    if name == "small_talk":
        return {
            "prompt": f"Hello number {rng.randint(1, 10_000)}, how are you?",
            "completion": rng.choice(["Fine.", "Good."]),
        }
    return {"prompt": f"{a} apples and {b} apples are", "completion": f" {a + b + (name == 'wrong_sums')} apples."}


def small_questions(path: Path) -> Path:
    """Sixteen sums in the layout of GSM8K: a question, and a solution that ends with `#### number`."""
    rng = random.Random(0)
    pairs = rng.sample([(a, b) for a in range(10, 20) for b in range(1, 9)], 16)
    rows = [
        {"question": f"How many are {a} apples and {b} apples?", "answer": f"{a} + {b} = {a + b}\n#### {a + b}"}
        for a, b in pairs
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("instructions", nargs="?", default="instructions", help="folder of .jsonl files")
    parser.add_argument("--base", default="Qwen/Qwen2.5-0.5B-Instruct")
    parser.add_argument("--small", action="store_true", help="a few trials on generated instructions")
    arguments = parser.parse_args()
    if arguments.small:
        data = small_questions(Path("gsm8k.jsonl"))
        study = mixtune.Study.create(
            texts=small_instructions(Path("small-instructions")),
            name="instructions",
            tokens=1_500,
            trials=6,
            objective={
                "sequence_length": 64,
                "rungs": [1.0],
                "scores": [{"kind": "benchmark", "tasks": [{"task": "gsm8k", "data": str(data)}]}],
            },
            search={"confirm": {"best": 0}},
        )
        study.run("local")
    else:
        study = mixtune.Study.create(
            texts=arguments.instructions,
            name="instructions",
            base=arguments.base,
            tasks=["gsm8k"],
            tokens=500_000,
            trials=60,
            objective={"sequence_length": 1024, "precision": "bfloat16"},
        )
        study.run()
    print(study.effects()[["text", "effect", "low", "high", "verdict"]].to_string(index=False))


if __name__ == "__main__":
    main()
