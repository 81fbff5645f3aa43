"""Writes the demo to disk: books, benchmark, study file."""

from __future__ import annotations

import json
import random
from importlib.resources import files
from pathlib import Path

from studies.demo.books import BOOKS
from studies.demo.skills import SKILLS, Question, questions

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


def write_demo(folder: Path, name: str, seed: int) -> Path:
    """Write the library, the benchmark and a study file that uses them; return the study file's path."""
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
