"""Writes the demo to disk: books, benchmark, study file."""

from __future__ import annotations

import json
import random
import shutil
from importlib.resources import files
from pathlib import Path

from spaces import InputError
from studies.demo.books import BOOKS
from studies.demo.skills import SKILLS, Question, questions
from studies.spec import check_name
from studies.storage.places import default_url, resume_command
from studies.storage.store import open_store

STUDY_FILE = "study.yaml"
_QUESTIONS = "questions.jsonl"
_PER_SKILL = 120


def benchmark(seed: int) -> list[Question]:
    """Return the benchmark's questions, with word sets that neither books nor the base's training text use."""
    shuffled = [q for skill in SKILLS for q in questions(skill, _PER_SKILL, held_out=True, seed=seed)]
    random.Random(seed).shuffle(shuffled)
    return shuffled


def is_demo(folder: Path) -> bool:
    """Return whether the folder contains the files that `write_demo` writes."""
    files = [folder / _QUESTIONS, *(folder / "library" / f"{book.name}.txt" for book in BOOKS)]
    return all(path.is_file() for path in files)


def new_demo(runs: Path, name: str, seed: int, *, again: bool) -> Path:
    """Write the demo to its folder in `runs`; return the path of the study file.

    Args:
        runs: folder that holds studies.
        name: name of the study and of its folder.
        seed: seed of the books, the benchmark and the search.
        again: remove an earlier demo of that name first.

    Raises:
        InputError: there is a study of that name that is not to be removed, or a program runs it.
    """
    check_name(name)
    folder = runs / name
    if again and is_demo(folder):
        store = open_store(default_url(folder))
        if name in store.names():
            store.lease(name).refuse_taken()
        store.close()
        shutil.rmtree(folder)
    if (folder / "study.db").exists():
        what = "a demo" if is_demo(folder) else "a study that is no demo"
        raise InputError(
            f"There is {what} in {str(folder)!r} already. Resume it: "
            f"`{resume_command(name, default_url(folder), folder)}`. Start a demo again with --again, or another one "
            "with --name.",
            code="name-taken",
        )
    return write_demo(folder, name, seed)


def write_demo(folder: Path | str, name: str = "demo", seed: int = 0) -> Path:
    """Write a library of eight small books, a benchmark and a study file; return the study file's path.

    Args:
        folder: folder to write to.
        name: name of the study in the file.
        seed: seed of the books, the benchmark and the search.

    Examples:
        >>> write_demo("a-demo").name
        'study.yaml'
    """
    folder = Path(folder)
    library = folder / "library"
    library.mkdir(parents=True, exist_ok=True)
    for book in BOOKS:
        (library / f"{book.name}.txt").write_text(book.text(seed), encoding="utf-8")
    lines = (
        {"skill": q.skill, "question": q.prompt, "choices": list(q.choices), "gold": q.gold} for q in benchmark(seed)
    )
    (folder / _QUESTIONS).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    resources = files("studies.demo")
    (folder / "reasoning.yaml").write_text(resources.joinpath("reasoning.yaml").read_text("utf-8"), encoding="utf-8")
    study = resources.joinpath("study.yaml").read_text("utf-8")
    path = folder / STUDY_FILE
    study = study.replace("name: demo", f'name: "{name}"').replace("seed: 0", f"seed: {seed}")
    path.write_text(study, encoding="utf-8")
    return path
