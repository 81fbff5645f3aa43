from __future__ import annotations

from pathlib import Path

import pytest

from objectives.scoring.spec import BenchmarkSpec
from objectives.spec import FinetuneSpec
from spaces.errors import Fault, FileError
from spaces.yaml.reading import located
from studies.run.launch import prepare_launch
from studies.spec import StudySpec, parse_study, read_study
from tests.support.refusals import refused

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


def wrong(old: str, new: str) -> tuple[Fault, ...]:
    assert old in GOOD
    with pytest.raises(FileError) as caught:
        parse_study(GOOD.replace(old, new), Path("s.yaml"))
    assert str(caught.value).split("\n") == [fault.shown(Path("s.yaml")) for fault in caught.value.faults]
    return caught.value.faults


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
        ("trials: 4", "{trials: 9, gpus: 0.5, sampler: gp, pruner: none, randomized_share: 0}"),
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
    ("old", "new", "faults", "data"),
    [
        ("rank: [4, 8]", "rnk: 4", [(6, "space.tuning.rnk", "extra-forbidden")], ["'rnk'", "'rank'", "targets"]),
        ("rank: [4, 8]", "rank: four", [(6, "space.tuning.rank", "int-parsing")], ["'four'"]),
        ("rank: [4, 8]", "rank: [4, -8]", [(6, "space.tuning.rank.1", "greater-than")], ["0", "-8"]),
        ("rank: [4, 8]", "rank: [4, 4]", [(6, "space.tuning.rank", "value-twice")], ["[4, 4]"]),
        ("rank: [4, 8]", "rank: []", [(6, "space.tuning.rank", "list-empty")], ["1"]),
        ("rank: [4, 8]", "rank: {low: 8, high: 4}", [(6, "space.tuning.rank", "range-empty")], ["8", "4"]),
        (
            "rank: [4, 8]",
            "rank: {low: 8, hih: 9}",
            [(6, "space.tuning.rank.high", "missing"), (6, "space.tuning.rank.hih", "extra-forbidden")],
            ["'hih'", "'high'"],
        ),
        ("min: 1", "min: 3", [(8, "space.layers", "limits-reversed")], ["3", "2"]),
        ("min: 1", "mn: 1", [(8, "space.layers.mn", "extra-forbidden")], ["'mn'", "'min'"]),
        ("low: 1e-4", "low: 0", [(9, "space.learning_rate.low", "greater-than")], ["0"]),
        ("rank: [4, 8]", "rank: {low: -4, high: 0}", [(6, "space.tuning.rank.low", "greater-than-equal")], ["-4"]),
        ("rank: [4, 8]", "dropout: {low: 0.5, high: 3}", [(6, "space.tuning.dropout.high", "less-than")], ["1", "3"]),
        ("low: 1e-4", "log: false, low: -1", [(9, "space.learning_rate.low", "greater-than")], ["0", "-1"]),
        ("low: 1e-4", "low: .nan", [(9, "space.learning_rate.low", "finite-number")], ["nan"]),
        ("name: fables\n", "", [(1, "name", "missing")], []),
        ("name: fables", "name: ../x", [(2, "name", "study-name-malformed")], ["'../x'"]),
        ("schema: 1", "schema: 2", [(1, "schema", "literal-error")], ["2"]),
        (
            "kind: benchmark",
            "kind: bench",
            [(14, "objective.scores.0", "union-tag-invalid")],
            ["benchmark, function, heldout", "'bench'", "'benchmark'"],
        ),
        (
            "kind: benchmark",
            "metric: accuracy",
            [(14, "objective.scores.0", "union-tag-not-found")],
            ["`kind`", "benchmark, function, heldout"],
        ),
        (
            "kind: benchmark",
            "kind: heldout",
            [(15, "objective.scores.0.tasks", "extra-forbidden")],
            ["'tasks'", "passage"],
        ),
        (
            "tasks: [a.yaml]",
            "task: a",
            [(14, "objective.scores.0.tasks", "missing"), (15, "objective.scores.0.task", "extra-forbidden")],
            ["'tasks'"],
        ),
        ("tokens: 1000", "tokens: -5", [(12, "objective.tokens", "greater-than")], ["0", "-5"]),
        (
            "tokens: 1000",
            "tokens: 9\n  rungs: [0.5, 0.2]",
            [(13, "objective.rungs", "rungs-not-rising")],
            ["[0.5, 0.2]"],
        ),
        (
            "tokens: 1000",
            "tokens: 9\n  kind: synth",
            [(10, "objective", "union-tag-invalid")],
            ["`kind`", "'synthetic'"],
        ),
        ("trials: 4", "trials: many", [(17, "search.trials", "int-parsing")], ["'many'"]),
        ("trials: 4", "sampler: tpee", [(17, "search.sampler", "choice-unknown")], ["'tpee'", "'tpe'"]),
        ("trials: 4", "pruner: ahsa", [(17, "search.pruner", "choice-unknown")], ["asha", "'ahsa'", "'asha'"]),
        ("search:", "serach:", [(16, "serach", "extra-forbidden")], ["'serach'", "'search'"]),
        (
            "rank: [4, 8]",
            "method: [lora, dorra]",
            [(6, "space.tuning.method", "choice-unknown")],
            ["lora", "'dorra'", "'dora'"],
        ),
        ("rank: [4, 8]", "rank: 4\n    rank: 8", [(7, "space.tuning.rank", "field-twice")], ["line 6"]),
        ("  texts: {folder: books}\n", "", [(3, "space.texts", "missing")], []),
        (
            "folder: books",
            "folder: books, choose: some",
            [(4, "space.texts.choose", "literal-error")],
            ["'some'", "'weights'", "'one'", "'all'"],
        ),
        (
            "rank: [4, 8]",
            "rank: 4\n    alpha: 8\n    alpha_per_rank: 1",
            [(5, "space.tuning", "alpha-twice")],
            ["alpha", "alpha_per_rank"],
        ),
        ("name: fables", "name: [", [(4, "", "not-yaml")], []),
        (GOOD, "- a\n- b\n", [(0, "", "not-fields")], ["`name: my-study`"]),
        (GOOD, "", [(0, "", "not-fields")], ["`name: my-study`"]),
        ("space:", "space: 3\nother:", [(3, "space", "model-type"), (4, "other", "extra-forbidden")], []),
    ],
)
def test_every_error_says_where_what_and_what_is_allowed(
    old: str, new: str, faults: list[tuple[int, str, str]], data: list[str]
) -> None:
    found = wrong(old, new)
    assert [(fault.line, fault.field, fault.code) for fault in found] == faults
    said = " ".join(fault.says for fault in found)
    assert [word for word in data if word not in said] == []


def test_all_errors_are_told_at_once() -> None:
    found = wrong("trials: 4", "trials: 0\n  sampler: bayes")
    assert [(fault.line, fault.field) for fault in found] == [(17, "search.trials"), (18, "search.sampler")]


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
    with refused("file-unreadable", "studdy.yaml", "'study.yaml'"):
        read_study(tmp_path / "studdy.yaml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_bytes(b"name: \xff")
    with refused("file-undecodable", "s.yaml", "offset 6"):
        read_study(tmp_path / "s.yaml")


@pytest.mark.parametrize(
    ("section", "field", "code", "data"),
    [
        ("texts: {folder: library, choose: [alpah]}", "space.texts.choose", "text-unknown", "'alpah'"),
        ("layers: 2-9\n  texts: {folder: library}", "space.layers", "layers-out-of-range", "0-3"),
    ],
)
def test_what_does_not_fit_texts_or_base_is_told_with_its_line(
    library: Path, tmp_path: Path, section: str, field: str, code: str, data: str
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"name: small\nspace:\n  {section}\nobjective: {{kind: synthetic, effects: {{}}}}\n")
    with refused(code, data, "study.yaml", path=path, line=3, field=field), located(path):
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
