"""A text begins as the base was trained to begin: the same in training, held-out text and benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from objectives.bases.encoding import TextEncoding, tokenizer_digest
from objectives.data.order import MixStream
from spaces import CorpusMix, scan
from tests.support.bases import BOS, CHAT, byte_tokenizer, write_base
from tests.support.refusals import refused

if TYPE_CHECKING:
    from transformers import PreTrainedModel

pytestmark = pytest.mark.torch

WORDS = "The rabbit looked at its watch, and hurried on to the river and the hills beyond it. "


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[PreTrainedModel, TextEncoding]:
    from objectives.worker import open_base

    opened = open_base(str(write_base(tmp_path_factory.mktemp("base"))))
    return opened.model("float32", "cpu"), opened.encoding()


def test_the_prefix_is_what_the_tokenizer_puts_before_a_text() -> None:
    with_bos, without = byte_tokenizer(), byte_tokenizer(bos=False)
    assert TextEncoding.of(with_bos).shown_prefix == BOS
    assert TextEncoding.of(without).prefix == ()
    assert TextEncoding.of(with_bos, "off").prefix == ()
    assert TextEncoding.of(without, "on").shown_prefix == BOS
    assert TextEncoding.of(without, model_type="gemma3_text").shown_prefix == BOS
    with refused("no-bos-token", field="objective.add_bos_token"):
        TextEncoding.of(byte_tokenizer(special=False), "on")
    assert TextEncoding.of(byte_tokenizer(special=False)).prefix == ()


def test_a_prefix_that_a_template_wrote_is_not_written_twice() -> None:
    encoding = TextEncoding.of(byte_tokenizer())
    assert encoding.encode(f"{BOS}ants") == encoding.encode("ants")


@pytest.mark.parametrize("size", [41, 80, 200])
def test_training_windows_begin_with_it_and_end_within_the_text(size: int) -> None:
    tokens = np.arange(1, size + 1, dtype=np.int32)
    stream = MixStream(CorpusMix.equal(["a"]), {"a": tokens}, 20, 60, seed=1, prefix=(0,))
    windows = stream.batch(0, 60)
    assert windows.shape == (60, 20)
    assert set(windows[:, 0]) == {~0}, "read, and not learned"
    assert ((windows[:, 1:] >= 1) & (windows[:, 1:] <= size)).all()
    assert (np.diff(windows[:, 1:], axis=1) == 1).all()
    assert stream.epochs(60)["a"] == pytest.approx(60 * 19 / size)


def test_a_window_that_begins_with_it_already_keeps_its_length() -> None:
    tokens = np.array([~0, *range(1, 20)] * 3, dtype=np.int32)
    stream = MixStream(CorpusMix.equal(["a"]), {"a": tokens}, 20, 8, seed=1, prefix=(0,))
    for window in stream.batch(0, 8):
        read = np.where(window < 0, ~window, window)
        assert read[0] == 0
        assert read[1] != 0


def test_training_reads_the_windows_that_the_tokenizer_would_make(
    base: tuple[PreTrainedModel, TextEncoding], tmp_path: Path
) -> None:
    from objectives.data.tokens import TokenStore, split

    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "one.txt").write_text(WORDS * 20)
    (tmp_path / "texts" / "two.txt").write_text(WORDS.upper() * 20)
    corpus = scan(tmp_path / "texts")
    encoding = base[1]
    store = TokenStore(encoding, tmp_path / "cache", {})
    stream = MixStream(CorpusMix.equal(["one"]), {"one": store(corpus["one"])}, 64, 4, 0, store.prefix)
    for row in split(stream.batch(0, 4))[0]:
        text = encoding.tokenizer.decode(row[1:])
        assert encoding.tokenizer(text)["input_ids"] == row.tolist()


def _requests(text: str) -> list[Any]:
    from lm_eval.api.instance import Instance

    return [Instance("loglikelihood_rolling", {}, (text,), 0)]


def test_held_out_text_begins_with_it_in_every_window(base: tuple[PreTrainedModel, TextEncoding]) -> None:
    """A text of three windows, each of which the model reads after BOS."""
    import torch

    from objectives.scoring.harness import language_model

    model, encoding = base
    asked = language_model(model, encoding, batch=2)
    text = WORDS * 7
    windows = asked._windows(encoding.plain(text))
    assert len(windows) >= 3
    assert [token for _, answer in windows for token in answer] == encoding.plain(text)
    assert all(context[0] == encoding.prefix[0] for context, _ in windows)
    assert all(len(context) + len(answer) - 1 <= asked.max_length for context, answer in windows)
    by_hand = 0.0
    for context, answer in windows:
        tokens = torch.tensor([[*context, *answer]])
        logs = model(input_ids=tokens).logits[0, len(context) - 1 : -1].log_softmax(dim=-1)
        by_hand += float(logs.gather(-1, torch.tensor(answer)[:, None]).sum())
    assert asked.loglikelihood_rolling(_requests(text)) == pytest.approx([by_hand], abs=1e-2)


def test_questions_keep_it_where_their_beginning_is_cut_off(base: tuple[PreTrainedModel, TextEncoding]) -> None:
    from objectives.scoring.harness import language_model

    asked = language_model(*base, batch=2)
    bos = base[1].prefix[0]
    for prompt in ("ants", WORDS * 10):
        context, answer = asked._encode_pair(prompt, " and")
        cut, kept = asked._pair(None, context, answer)
        assert cut[0] == bos
        assert cut.count(bos) == 1
        assert kept == tuple(answer)
        assert len(cut) + len(kept) <= asked.max_length + 1
    ids, mask = asked.tok_batch_encode(["ants", WORDS * 10], left_truncate_len=40)
    assert ids.shape == (2, 40)
    assert ids[1, 0] == bos
    assert ids[0, mask[0].argmax()] == bos


def test_the_identity_of_a_text_is_the_whole_tokenizer_and_its_template() -> None:
    plain = byte_tokenizer()
    digests = {
        TextEncoding.of(plain).digest,
        TextEncoding.of(plain, "off").digest,
        TextEncoding.of(byte_tokenizer(chat_template=CHAT)).digest,
        TextEncoding.of(byte_tokenizer(chat_template=CHAT.replace("<|end|>", "<|stop|>"))).digest,
        TextEncoding.of(byte_tokenizer(bos=False), "on").digest,
    }
    assert len(digests) == 5
    plain(["ants", "bees and ants"], padding=False, truncation=True, max_length=3)
    assert tokenizer_digest(plain) == tokenizer_digest(byte_tokenizer()), "the last call's truncation is no part of it"


@pytest.mark.parametrize("name", ["chat_template.jinja", "tokenizer.json", "config.json", "model.safetensors"])
def test_a_file_that_changes_after_the_launch_is_named(tmp_path: Path, name: str) -> None:
    """An edited chat template was not seen: two templates in one study."""
    from objectives.worker import open_base

    folder = write_base(tmp_path, tokenizer=byte_tokenizer(chat_template=CHAT))
    before = open_base(str(folder)).fetch()
    path = folder / name
    if name == "model.safetensors":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))
    else:
        old, new = {"tokenizer.json": ('"add_prefix_space":', '"add_prefix_space" :')}.get(name, ("}", "} "))
        path.write_text(path.read_text().replace(old, new, 1) if name != "chat_template.jinja" else CHAT + "!")
    after = open_base(str(folder)).fetch()
    assert before.digest != after.digest
    changed = {row for row, digest in before.rows().items() if after.rows()[row] != digest}
    expected = {"chat_template.jinja": "the base's chat template", "model.safetensors": "the base's weights"}
    assert expected.get(name, "the base") in changed


def test_examples_of_tasks_are_read_inside_the_template_or_outside_it() -> None:
    from objectives.text_to_lora.tasks import Example
    from objectives.text_to_lora.training_task import instruction

    encoding = TextEncoding.of(byte_tokenizer(chat_template=CHAT))
    example = Example("What do bees make?", " Honey.", Path("tasks.yaml"))

    def read(choice: Any) -> str:
        tokens = instruction(example, encoding.inside(choice, "--chat-template"), 200)
        return str(encoding.tokenizer.decode(np.where(tokens < 0, ~tokens, tokens)))

    assert read("auto").startswith(f"{BOS}<|user|>")
    assert read("off") == f"{BOS}What do bees make? Honey.</s>"
    assert encoding.tokenizer.chat_template == CHAT
    with refused("no-chat-template", field="--chat-template"):
        encoding.inside("off", "").inside("on", "--chat-template")
