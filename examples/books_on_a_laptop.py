"""Rate your own books on a laptop, and use the model that the best mix makes.

You learn: to create a study from a folder, run it, read the effects and load the best model.
It takes about 20 seconds with --small; for a folder of ten books and the shipped base about an hour on two cores.

    python examples/books_on_a_laptop.py my-books
    python examples/books_on_a_laptop.py --small
"""

from __future__ import annotations

import argparse
from pathlib import Path

import mixtune


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("books", nargs="?", default="my-books", help="folder with one .txt file for each book")
    parser.add_argument("--small", action="store_true", help="a few trials on a generated library")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.books = mixtune.write_demo("small-demo").parent / "library"
        study = mixtune.Study.create(
            texts=arguments.books,
            name="books",
            tokens=1_500,
            trials=8,
            objective={"sequence_length": 64, "rungs": [1.0]},
            search={"confirm": {"best": 1, "seeds": 2}},
        )
        study.run("local")
    else:
        mixtune.write_study_file(arguments.books, "books.yaml", hours=1.0)  # sizes that take an hour here
        study = mixtune.Study.create("books.yaml", name="books")
        study.run()

    print(study.effects()[["text", "effect", "low", "high", "verdict"]].to_string(index=False))
    print(study.confirmation()[["role", "gain", "low", "high"]].to_string(index=False))
    best = study.best
    print(f"The best mix: {best.mix}")
    if best.adapter is not None:
        model, tokenizer = best.load_model()
        prompt = tokenizer("Once upon a time", return_tensors="pt")
        written = model.generate(**prompt, max_new_tokens=20, do_sample=False)
        print(tokenizer.decode(written[0], skip_special_tokens=True))
    print(f"The report: {Path(study.report()).resolve()}")


if __name__ == "__main__":
    main()
