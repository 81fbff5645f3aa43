"""The built wheel in an empty environment: it installs, imports, answers, runs a study and is typed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_STUDY = """
import mixtune
def objective(trial):
    return float("ants" in trial.mix.names)
study = mixtune.Study.create(texts="texts", objective=objective, name="w", trials=8)
print(study.run("local").ending.name, mixtune.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nothing of the checkout in it; what mixtune depends on is borrowed from this one."""
    place = tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", str(place / "venv")], check=True, timeout=300)
    made = place / "venv" / "bin" / "python"
    install = [str(made), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, timeout=300)
    ours = next(path for path in map(Path, sys.path) if path.name == "site-packages")
    packages = next((place / "venv" / "lib").glob("python*/site-packages"))
    borrowed = packages / "borrowed"
    borrowed.mkdir()
    for path in ours.iterdir():
        if not path.name.lower().startswith(("mixtune", "_mixtune", "__editable__")):
            (borrowed / path.name).symlink_to(path)
    (packages / "borrowed.pth").write_text(str(borrowed))
    return made


def call(python: Path, folder: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(python), *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_holds_the_packages_and_their_markers_and_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"mixtune", "objectives", "search", "spaces", "studies"}
    assert [top for top in sorted(tops) if f"{top}/py.typed" not in names] == []
    assert not [name for name in names if "scenes/making" in name]


def test_the_command_answers(python: Path, tmp_path: Path) -> None:
    version = call(python, tmp_path, "-m", "mixtune", "--version")
    assert version.startswith("mixtune ")
    script = python.parent / "mixtune"
    assert subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout == version
    assert "--install-completion" in call(python, tmp_path, "-m", "mixtune", "--help")


def test_a_study_runs_with_it(python: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    for name in ("ants", "bees", "cats"):
        (tmp_path / "texts" / f"{name}.txt").write_text(" ".join(f"{name}{n}" for n in range(500)))
    (tmp_path / "study.py").write_text(_STUDY)
    printed = call(python, tmp_path, "study.py")
    assert printed.startswith("FINISHED")
    assert str(ROOT) not in printed


def test_a_type_checker_reads_its_types(python: Path, tmp_path: Path) -> None:
    code = tmp_path / "typed.py"
    code.write_text("import mixtune\nreveal_type(mixtune.open_study('x').status().total)\n")
    command = [sys.executable, "-m", "mypy", "--python-executable", str(python), "--follow-imports=silent", str(code)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert 'Revealed type is "int"' in done.stdout.replace("builtins.", ""), done.stdout + done.stderr
