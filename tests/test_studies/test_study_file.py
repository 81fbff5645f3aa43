from __future__ import annotations

import re
from pathlib import Path

import pytest

from objectives.scoring.spec import BenchmarkSpec
from objectives.spec import FinetuneSpec
from spaces import InputError
from spaces.reading import located
from studies.launch import prepare_launch
from studies.spec import StudySpec
from studies.study_file import parse_study, read_study

GOOD = """\
schema: 1
name: fables
space:
  texts: {folder: books}
  tuning:
    rank: [4, 8]
    targets: [attention, all-linear]
  layers: {min: 1, max: 2}
  learning_rate: {low: 1e-4, high: 1e-2}
objective:
  base: tiny
  tokens: 1000
  scores:
    - kind: benchmark
      tasks: [a.yaml]
search:
  trials: 4
"""


def wrong(old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        parse_study(GOOD.replace(old, new), Path("s.yaml"))
    return str(caught.value)


def test_a_study_file_is_read() -> None:
    spec = parse_study(GOOD, Path("s.yaml"))
    assert spec.name == "fables"
    assert spec.space.tuning.rank == [4, 8]
    assert isinstance(spec.objective, FinetuneSpec)
    assert spec.objective.rungs[-1] == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rank: [4, 8]", "rank: 4"),
        ("rank: [4, 8]", "rank: 8\n    alpha: 16"),
        ("rank: [4, 8]", "rank: {low: 2, high: 8, log: true}\n    alpha: [8, 16]\n    dropout: {low: 0, high: 0.5}"),
        ("rank: [4, 8]", "rank: 8\n    alpha_per_rank: [1, 2]"),
        ("{min: 1, max: 2}", "3"),
        ("{min: 1, max: 2}", "[all, 0-2, 1]"),
        ("{low: 1e-4, high: 1e-2}", "1e-3"),
        ("{folder: books}", "{folder: books, unit: group, choose: [a, b]}"),
        ("- kind: benchmark\n      tasks: [a.yaml]", "- {kind: heldout, files: [b.txt]}"),
        ("trials: 4", "{trials: 9, gpus: 0.5, sampler: gp, pruner: none, randomised: 0}"),
    ],
)
def test_a_study_survives_the_database(old: str, new: str) -> None:
    assert old in GOOD
    spec = parse_study(GOOD.replace(old, new), Path("s.yaml"))
    assert StudySpec.model_validate(spec.to_dict()) == spec
    assert StudySpec.model_validate(spec.to_dict()).fingerprint == spec.fingerprint


def test_the_fingerprint_leaves_out_what_changes_no_score() -> None:
    spec = parse_study(GOOD, Path("s.yaml"))
    assert parse_study(GOOD.replace("trials: 4", "trials: 9"), Path("s.yaml")).fingerprint == spec.fingerprint
    assert parse_study(GOOD.replace("tokens: 1000", "tokens: 2000"), Path("s.yaml")).fingerprint != spec.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ("rank: [4, 8]", "rnk: 4", ["line 6: space.tuning.rnk: there is no field", "Did you mean 'rank'?", "targets"]),
        ("rank: [4, 8]", "rank: four", ["line 6: space.tuning.rank: ", "integer", "got 'four'"]),
        ("rank: [4, 8]", "rank: [4, -8]", ["line 6: space.tuning.rank.1: ", "greater than 0", "got -8"]),
        ("rank: [4, 8]", "rank: [4, 4]", ["line 6: space.tuning.rank: ", "listed twice", "[4, 4]"]),
        ("rank: [4, 8]", "rank: []", ["line 6: space.tuning.rank: ", "at least 1"]),
        ("rank: [4, 8]", "rank: {low: 8, high: 4}", ["low must be less than high, got low 8 and high 4"]),
        ("rank: [4, 8]", "rank: {low: 8, hih: 9}", ["rank.high: this field is required", "Did you mean 'high'?"]),
        ("min: 1", "min: 3", ["line 8: space.layers: min must not exceed max, got min 3 and max 2"]),
        ("min: 1", "mn: 1", ["line 8: space.layers.mn: there is no field", "Did you mean 'min'?"]),
        ("low: 1e-4", "low: 0", ["line 9: space.learning_rate.low: ", "greater than 0", "got 0"]),
        ("rank: [4, 8]", "rank: {low: -4, high: 0}", ["line 6: space.tuning.rank.low: ", "got -4"]),
        (
            "rank: [4, 8]",
            "dropout: {low: 0.5, high: 3}",
            ["line 6: space.tuning.dropout.high: ", "less than 1", "got 3"],
        ),
        ("low: 1e-4", "log: false, low: -1", ["line 9: space.learning_rate.low: ", "greater than 0"]),
        ("low: 1e-4", "low: .nan", ["line 9: space.learning_rate.low: ", "finite"]),
        ("name: fables\n", "", ["line 1: name: this field is required"]),
        ("name: fables", "name: ../x", ["line 2: name: ", "got '../x'"]),
        ("schema: 1", "schema: 2", ["line 1: schema: ", "got 2"]),
        ("kind: benchmark", "kind: bench", ["line 14: ", "one of benchmark, heldout", "Did you mean 'benchmark'?"]),
        ("kind: benchmark", "metric: accuracy", ["line 14: objective.scores.0: say which `kind`"]),
        ("kind: benchmark", "kind: heldout", ["line 15: objective.scores.0.tasks: there is no field", "passage"]),
        ("tasks: [a.yaml]", "task: a", ["scores.0.tasks: this field is required", "Did you mean 'tasks'?"]),
        ("tokens: 1000", "tokens: -5", ["line 12: objective.tokens: ", "greater than 0", "got -5"]),
        ("tokens: 1000", "tokens: 9\n  rungs: [0.5, 0.2]", ["line 13: objective.rungs: ", "increase and end with 1"]),
        ("tokens: 1000", "tokens: 9\n  kind: synth", ["line 10: objective: `kind` must be one of", "'synthetic'?"]),
        ("trials: 4", "trials: many", ["line 17: search.trials: ", "got 'many'"]),
        ("trials: 4", "sampler: tpee", ["line 17: search.sampler: ", "Did you mean 'tpe'?"]),
        ("trials: 4", "pruner: ahsa", ["line 17: search.pruner: must be one of asha", "Did you mean 'asha'?"]),
        ("search:", "serach:", ["line 16: serach: there is no field", "Did you mean 'search'?"]),
        ("rank: [4, 8]", "method: [lora, dorra]", ["space.tuning.method: must be one of lora", "Did you mean 'dora'?"]),
        (
            "rank: [4, 8]",
            "rank: 4\n    rank: 8",
            ["line 7: the field 'space.tuning.rank' stands twice, first on line 6"],
        ),
        ("  texts: {folder: books}\n", "", ["line 3: space.texts: this field is required"]),
        ("folder: books", "folder: books, choose: some", ["line 4: space.texts.choose: ", "'weights', 'one' or 'all'"]),
        ("rank: [4, 8]", "rank: 4\n    alpha: 8\n    alpha_per_rank: 1", ["alpha or alpha_per_rank, not both"]),
        ("name: fables", "name: [", ["this is not YAML"]),
        (GOOD, "- a\n- b\n", ["a study file is a list of `field: value` lines"]),
        (GOOD, "", ["a study file is a list of `field: value` lines"]),
        ("space:", "space: 3\nother:", ["line 3: space: this is a section"]),
    ],
)
def test_every_error_says_where_what_and_what_is_allowed(old: str, new: str, messages: list[str]) -> None:
    text = wrong(old, new)
    for message in messages:
        assert message in text


def test_all_errors_are_told_at_once() -> None:
    text = wrong("trials: 4", "trials: 0\n  sampler: bayes")
    assert len(text.splitlines()) == 2


def test_paths_start_at_the_study_file(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "s.yaml").write_text(GOOD.replace("base: tiny", "base: model"))
    spec = read_study(tmp_path / "s.yaml")
    assert spec.space.texts.folder == tmp_path / "books"
    assert isinstance(spec.objective, FinetuneSpec)
    assert spec.objective.base == str(tmp_path / "model")
    assert isinstance(spec.objective.scores[0], BenchmarkSpec)
    assert spec.objective.scores[0].tasks[0].task == str(tmp_path / "a.yaml")


def test_names_on_the_hub_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(GOOD.replace("base: tiny", "base: org/model").replace("a.yaml", "arc_easy"))
    spec = read_study(tmp_path / "s.yaml")
    assert isinstance(spec.objective, FinetuneSpec)
    assert spec.objective.base == "org/model"
    assert isinstance(spec.objective.scores[0], BenchmarkSpec)
    assert spec.objective.scores[0].tasks[0].task == "arc_easy"


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(GOOD)
    with pytest.raises(InputError, match=r"Did you mean 'study\.yaml'\?"):
        read_study(tmp_path / "studdy.yaml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_bytes(b"name: \xff")
    with pytest.raises(InputError, match="byte offset 6"):
        read_study(tmp_path / "s.yaml")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("texts: {folder: library, choose: [alpah]}", "3: space.texts.choose: there is no text 'alpah'"),
        ("layers: 2-9\n  texts: {folder: library}", "3: space.layers: '2-9' must lie within 0-3"),
    ],
)
def test_what_does_not_fit_texts_or_base_is_told_with_its_line(
    library: Path, tmp_path: Path, section: str, message: str
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"name: small\nspace:\n  {section}\nobjective: {{kind: synthetic, effects: {{}}}}\n")
    with pytest.raises(InputError, match=re.escape(f"study.yaml, line {message}")), located(path):
        prepare_launch(read_study(path), tmp_path / "runs")


@pytest.mark.parametrize(
    ("storage", "expected"),
    [("sqlite:///shared.db", "sqlite:///{}/shared.db"), ("sqlite:////tmp/a.db", "sqlite:////tmp/a.db")],
)
def test_a_database_file_starts_at_the_study_file(tmp_path: Path, storage: str, expected: str) -> None:
    (tmp_path / "study.yaml").write_text(f"{GOOD}storage: {storage}\n")
    assert read_study(tmp_path / "study.yaml").storage == expected.format(tmp_path)


def test_the_shipped_base_is_not_hidden_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "study.yaml").write_text(GOOD)
    objective = read_study(tmp_path / "study.yaml").objective
    assert isinstance(objective, FinetuneSpec)
    assert objective.base == "tiny"
