"""Find how much of each of twenty sources a model should read, not only which.

You learn: `choose: weights`, what its effects mean (more of a source at the cost of the others), and the best shares.
It takes about 25 seconds with --small; with a 0.5B base about a day on one GPU.

    python examples/weights_of_20_sources.py sources --base Qwen/Qwen2.5-0.5B --task arc_easy
    python examples/weights_of_20_sources.py --small
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mixtune

SOURCES = 20


def small_sources(folder: Path) -> Path:
    """Twenty texts out of three generated libraries."""
    folder.mkdir(exist_ok=True)
    for seed in range(3):
        library = mixtune.write_demo(f"small-demo-{seed}", seed=seed).parent / "library"
        for text in sorted(library.iterdir()):
            if len(list(folder.iterdir())) < SOURCES:
                (folder / f"{text.stem}_{seed}.txt").write_text(text.read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="?", default="sources", help="folder with a file or a sub-folder a source")
    parser.add_argument("--base", default="tiny")
    parser.add_argument("--task", default="arc_easy", help="task of lm-eval")
    parser.add_argument("--small", action="store_true", help="a few trials on generated sources")
    arguments = parser.parse_args()
    if arguments.small:
        study = mixtune.Study.create(
            texts=small_sources(Path("small-sources")),
            name="weights",
            space={"texts": {"choose": "weights"}},
            tokens=2_000,
            trials=6,
            objective={"sequence_length": 64, "rungs": [1.0]},
            search={"confirm": {"best": 0}},
        )
        study.run("local")
    else:
        study = mixtune.Study.create(
            texts=arguments.sources,
            name="weights",
            base=arguments.base,
            tasks=[arguments.task],
            space={"texts": {"choose": "weights", "unit": "group"}},
            tokens=2_000_000,
            trials=200,
        )
        study.run()
    shares = sorted(study.best.mix.items(), key=lambda pair: -pair[1])
    print("The best shares:", ", ".join(f"{name} {share:.0%}" for name, share in shares[:5]), "…")
    print(study.effects()[["text", "effect", "low", "high", "verdict"]].head(5).to_string(index=False))


if __name__ == "__main__":
    main()
