from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from spaces import scan
from spaces.corpus import read_file
from tests.support.refusals import refused


def test_every_text_file_is_a_text_in_the_order_of_names(library: Path) -> None:
    (library / "notes.md").write_text("a note")
    corpus = scan(library)
    assert corpus.names == ("alpha", "beta", "delta", "gamma", "notes")
    assert corpus["alpha"].words == 8
    assert corpus["alpha"].pages == 8 / 500
    assert corpus["alpha"].read() == "the first text speaks of ants and bees\n"


def test_sub_folders_are_groups(library: Path) -> None:
    (library / "logic").mkdir()
    (library / "logic" / "one.txt").write_text("first part")
    (library / "logic" / "two.txt").write_text("second part")
    by_file = scan(library)
    assert by_file["logic/one"].group == "logic"
    assert by_file["alpha"].group == ""
    by_group = scan(library, "group")
    assert by_group["logic"].read() == "first part\n\nsecond part"
    assert by_group["logic"].words == 4
    assert "alpha" in by_group.names


def test_files_that_differ_by_suffix_alone_keep_it(library: Path) -> None:
    (library / "alpha.md").write_text("another alpha")
    assert {"alpha.md", "alpha.txt"} <= set(scan(library).names)


def test_other_kinds_and_hidden_files_are_left_out(library: Path) -> None:
    (library / "scan.pdf").write_bytes(b"%PDF")
    (library / ".cache").mkdir()
    (library / ".cache" / "x.txt").write_text("hidden")
    corpus = scan(library)
    assert corpus.ignored == ("scan.pdf",)
    assert len(corpus.texts) == 4


def test_json_lines_are_one_text(library: Path) -> None:
    (library / "lines.jsonl").write_text('{"text": "one"}\n\n{"text": "two", "id": 3}\n')
    assert scan(library)["lines"].read() == "one\n\ntwo"


def test_byte_order_mark_and_windows_line_ends_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffone\r\ntwo".encode())
    assert read_file(path) == "one\ntwo"


def test_fingerprint_follows_names_and_content(library: Path) -> None:
    before = scan(library).fingerprint
    assert scan(library).fingerprint == before
    (library / "alpha.txt").write_text("edited")
    edited = scan(library).fingerprint
    assert edited != before
    (library / "alpha.txt").rename(library / "omega.txt")
    assert scan(library).fingerprint not in (before, edited)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with refused("folder-missing", str(tmp_path / "nowhere"), "space.texts.folder"):
        scan(tmp_path / "nowhere")


def test_a_file_in_place_of_the_folder_is_refused(library: Path) -> None:
    with refused("folder-is-file", str(library / "alpha.txt"), "space.texts.folder"):
        scan(library / "alpha.txt")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with refused("texts-too-few", "2", ".txt"):
        scan(tmp_path)
    (tmp_path / "book.pdf").write_bytes(b"%PDF")
    with refused("texts-too-few", "book.pdf"):
        scan(tmp_path)


def test_a_single_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "only.txt").write_text("one text")
    with refused("texts-too-few", "'only'"):
        scan(tmp_path)


def test_binary_content_names_the_byte(library: Path) -> None:
    (library / "image.txt").write_bytes(b"abc\0def")
    with refused("text-binary", "image.txt", "byte offset 3"):
        scan(library)


def test_an_empty_text_is_refused(library: Path) -> None:
    (library / "blank.txt").write_text(" \n\n")
    with refused("text-empty", "'blank'"):
        scan(library)


def test_texts_with_the_same_content_are_refused(library: Path) -> None:
    (library / "copy.txt").write_bytes((library / "beta.txt").read_bytes())
    with refused("texts-alike", "'beta'", "'copy'"):
        scan(library)


PLAIN = "Caf\u00e9 bees\n\nfly.\n"


@pytest.mark.parametrize(
    "copy",
    [
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace("\u00e9", "e\u0301").encode(),
        PLAIN.replace("\n", " \t\n").encode() + b"\n\n",
        PLAIN.strip().encode(),
    ],
)
def test_copies_that_look_alike_are_duplicates(library: Path, copy: bytes) -> None:
    (library / "one.txt").write_bytes(PLAIN.encode())
    (library / "two.txt").write_bytes(copy)
    with refused("texts-alike", "'one'", "'two'"):
        scan(library)


def test_texts_that_differ_in_a_word_or_its_indent_are_no_duplicates(library: Path) -> None:
    (library / "one.txt").write_text(PLAIN)
    (library / "two.txt").write_text(PLAIN.replace("fly", "flee"))
    (library / "three.txt").write_text(PLAIN.replace("fly", "  fly"))
    assert {"one", "two", "three"} <= set(scan(library).names)


def test_dialogues_that_are_trained_alike_are_duplicates(library: Path) -> None:
    turns = [{"role": "user", "content": "Who flies?"}, {"role": "assistant", "content": "Bees."}]
    (library / "one.jsonl").write_text(json.dumps({"messages": turns, "id": 1}))
    (library / "two.jsonl").write_text(
        json.dumps({"prompt": "Who flies?", "completion": "Bees."}, indent=None) + "\r\n"
    )
    with refused("texts-alike", "'one'", "'two'"):
        scan(library)
    for other in (
        {"messages": [turns[0], {**turns[1], "reasoning": "They have wings."}]},
        {"messages": [*turns, turns[0], {**turns[1], "weight": 0}]},
        {"text": "Who flies?\nBees."},
    ):
        (library / "two.jsonl").write_text(json.dumps(other))
        assert {"one", "two"} <= set(scan(library).names)


def test_the_hash_of_a_text_is_that_of_its_bytes(library: Path) -> None:
    """Studies that are stored compare it."""
    path = library / "alpha.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo \n")
    assert scan(library)["alpha"].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("{broken", "not-json"),
        ('{"text": "a \\ud800"}', "half-a-character"),
        ("9" * 5000, "not-json"),
        ("[" * 99999, "not-json"),
    ],
)
def test_bad_json_lines_name_the_line(tmp_path: Path, line: str, code: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "fine"}\n' + line)
    with refused(code, path=path, line=2, field=""):
        read_file(path)


def test_instructions_are_read_as_what_stands_in_them(library: Path) -> None:
    turns = [{"role": "user", "content": "Who flies?"}, {"role": "assistant", "content": "Bees."}]
    lines = [{"messages": turns}, {"prompt": "Who walks?", "completion": "Ants."}, {"text": "Plain."}]
    (library / "chat.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    text = scan(library)["chat"]
    assert text.read() == "Who flies?\nBees.\n\nWho walks?\nAnts.\n\nPlain."
    assert text.instructs
    assert not scan(library)["alpha"].instructs


def test_a_sub_folder_stands_for_its_texts(library: Path) -> None:
    (library / "novels").mkdir()
    for name in ("one", "two"):
        (library / "novels" / f"{name}.txt").write_text(f"a novel named {name}\n")
    corpus = scan(library)
    assert corpus.chosen(["alpha", "novels"], "f") == ("alpha", "novels/one", "novels/two")
    with refused("text-twice", "novels/one", field="f"):
        corpus.chosen(["novels/one", "novels"], "f")
    with refused("text-unknown", "'novel'", field="f"):
        corpus.chosen(["novel"], "f")


def test_an_unknown_text_gets_the_nearest_name(library: Path) -> None:
    with refused("text-unknown", "'gama'", "'gamma'"):
        scan(library)["gama"]


def test_a_file_and_a_group_of_one_name_are_refused(library: Path) -> None:
    (library / "alpha").mkdir()
    (library / "alpha" / "one.txt").write_text("another text of the group")
    with refused("text-names-collide", "'alpha'"):
        scan(library, "group")


def test_a_file_name_that_is_not_utf8_is_refused(library: Path) -> None:
    (library / os.fsdecode(b"caf\xe9.txt")).write_text("a text with a name of another time")
    with refused("file-name-undecodable", "caf"):
        scan(library)
