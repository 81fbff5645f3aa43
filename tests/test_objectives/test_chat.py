"""Instruction data: through the model's chat template, with the loss on the answers only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from objectives.bases.encoding import TextEncoding
from objectives.spec import FinetuneSpec
from spaces import scan
from spaces.corpus import lines_of
from tests.support import chat_templates as templates
from tests.support.refusals import refused

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.torch

TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</{{ m.role }}>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
FORGETFUL = (
    "{% for m in messages %}{% if loop.last or m.role != 'assistant' %}<{{ m.role }}>{{ m.content }}\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
STRICT = "{{ raise_exception('only two turns') if messages | length > 2 }}" + TEMPLATE

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What do bees make?"},
    {"role": "assistant", "content": "Honey."},
    {"role": "user", "content": "And ants?"},
    {"role": "assistant", "content": "Hills."},
]
PAIR = {"prompt": "What do bees make?", "completion": " Honey."}


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerBase:
    """Layout of the shipped base, which has no template."""
    from objectives.worker import open_base

    return open_base("tiny").tokenizer()


def file_of(folder: Path, *records: Any) -> Path:
    path = folder / "chat.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def examples(tokenizer: PreTrainedTokenizerBase, path: Path) -> list[list[tuple[str, bool]]]:
    from objectives.data.chat import examples_of

    return [example for line in lines_of(path) for example in examples_of(line, tokenizer, path)]


def test_answers_alone_are_learned(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    tokenizer.chat_template = TEMPLATE
    assert examples(tokenizer, file_of(tmp_path, {"messages": TURNS})) == [
        [
            ("<system>Be brief.</system>\n<user>What do bees make?</user>\n<assistant>", False),
            ("Honey.</assistant>\n", True),
            ("<user>And ants?</user>\n<assistant>", False),
            ("Hills.</assistant>\n", True),
        ]
    ]
    assert examples(tokenizer, file_of(tmp_path, PAIR)) == [
        [("<user>What do bees make?</user>\n<assistant>", False), (" Honey.</assistant>\n", True)]
    ]


def test_without_a_template_a_prompt_is_followed_by_its_answer(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    end = tokenizer.eos_token or ""
    assert examples(tokenizer, file_of(tmp_path, PAIR)) == [[("What do bees make?", False), (f" Honey.{end}", True)]]


def test_a_template_that_writes_earlier_turns_otherwise_gets_an_example_for_each_answer(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    tokenizer.chat_template = FORGETFUL
    first, second = examples(tokenizer, file_of(tmp_path, {"messages": TURNS}))
    assert first == [("<system>Be brief.\n<user>What do bees make?\n<assistant>", False), ("Honey.\n", True)]
    assert second == [
        ("<system>Be brief.\n<user>What do bees make?\n<user>And ants?\n<assistant>", False),
        ("Hills.\n", True),
    ]


def test_turns_without_weight_are_read_only(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    tokenizer.chat_template = TEMPLATE
    turns = [*TURNS[:2], {**TURNS[2], "weight": 0}, *TURNS[3:]]
    trl = {"prompt": TURNS[:4], "completion": TURNS[4:]}
    for record in ({"messages": turns}, trl):
        (found,) = examples(tokenizer, file_of(tmp_path, record))
        assert [content for content, learn in found if learn] == ["Hills.</assistant>\n"]
        assert "Honey." in found[0][0]


@pytest.mark.parametrize(("template", "code"), [(None, "no-chat-template"), (STRICT, "template-refuses-turns")])
def test_turns_that_do_not_fit_the_template_are_named_with_their_line(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, template: str | None, code: str
) -> None:
    tokenizer.chat_template = template
    path = file_of(tmp_path, PAIR, {"messages": TURNS})
    with refused(code, *(["only two turns"] if template else []), path=path, line=2, field=""):
        examples(tokenizer, path)


THOUGHT = {"role": "assistant", "reasoning_content": "They have hives.", "content": "Honey."}
INLINE = {"role": "assistant", "content": "<think>\nThey have hives.\n</think>\n\nHoney."}
TOOL = {
    "type": "function",
    "function": {"name": "weigh", "description": "Weigh it.", "parameters": {"type": "object", "properties": {}}},
}
CALL = {"type": "function", "function": {"name": "weigh", "arguments": {"what": "Hönig", "grams": 12.5}}}
CALLED = {"role": "assistant", "content": "", "tool_calls": [CALL]}
ENDS = {
    templates.R1: "<｜end▁of▁sentence｜>",
    templates.QWEN3: "<|im_end|>\n",
    templates.BARE_THINK: "<eos>",
}


@pytest.mark.parametrize(
    ("template", "prompt"),
    [
        (templates.R1, "<｜Assistant｜><think>\n\n</think>\n\n"),
        (templates.QWEN3, "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        (templates.BARE_THINK, "<|assistant|></think>"),
    ],
)
def test_without_reasoning_the_thinking_block_is_empty_and_only_read(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, template: str, prompt: str
) -> None:
    from objectives.data.thinking import prompt_of

    tokenizer.chat_template = template
    found = examples(tokenizer, file_of(tmp_path, {"messages": TURNS}))
    answers = [answer for example in found for answer in zip(example[::2], example[1::2], strict=True)]
    if template == templates.BARE_THINK:  # it writes all turns alike, so they are one example
        ((first, said, more, last),) = found
        answers = [(first, said), ((first[0] + said[0] + more[0], False), last)]
    for ((read, _), (learned, _)), place in zip(answers, (2, 4), strict=True):
        assert read.endswith(prompt)
        assert read == prompt_of(tokenizer, TURNS[:place]), "trained after another prompt than asked with"
        assert learned == TURNS[place]["content"] + ENDS[template]


@pytest.mark.parametrize("answer", [THOUGHT, INLINE])
@pytest.mark.parametrize(
    ("template", "prompt", "learned"),
    [
        (templates.R1, "<｜Assistant｜><think>\n", "They have hives.\n</think>\n\nHoney."),
        (templates.QWEN3, "<|im_start|>assistant\n", "<think>\nThey have hives.\n</think>\n\nHoney."),
        (templates.BARE_THINK, "<|assistant|><think>", "They have hives.</think>Honey."),
    ],
)
def test_reasoning_is_learned_with_its_answer(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, template: str, prompt: str, learned: str, answer: dict[str, Any]
) -> None:
    from objectives.data.thinking import prompt_of

    tokenizer.chat_template = template
    ((read, said),) = examples(tokenizer, file_of(tmp_path, {"messages": [TURNS[1], answer]}))
    assert read[0] == prompt_of(tokenizer, TURNS[1:2], thinking=True)
    assert read[0].endswith(prompt)
    assert said == (learned + ENDS[template], True)


def test_an_empty_thinking_block_within_the_text_is_no_reasoning(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    from objectives.data.thinking import prompt_of

    answer = {"role": "assistant", "content": "<think>\n\n</think>\n\nHoney."}
    for template in (templates.R1, templates.QWEN3, templates.BARE_THINK):
        tokenizer.chat_template = template
        ((read, said),) = examples(tokenizer, file_of(tmp_path, {"messages": [TURNS[1], answer]}))
        assert read[0] == prompt_of(tokenizer, TURNS[1:2])
        assert said[0].strip("\n") == ("Honey." + ENDS[template]).strip("\n")


@pytest.mark.parametrize("template", [templates.CHATML, templates.LLAMA3, templates.GEMMA])
def test_templates_that_write_all_turns_alike_give_one_example(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, template: str
) -> None:
    from objectives.data.thinking import prompt_of

    tokenizer.chat_template = template
    tokenizer.bos_token = "<bos>"
    turns = TURNS[1:]
    (found,) = examples(tokenizer, file_of(tmp_path, {"messages": turns}))
    first, said, more, last = (content for content, _ in found)
    assert [learn for _, learn in found] == [False, True, False, True]
    assert first == prompt_of(tokenizer, turns[:1])
    assert first + said + more == prompt_of(tokenizer, turns[:3])
    assert first + said + more + last == tokenizer.apply_chat_template(turns, tokenize=False)
    assert first.startswith("<bos>") == (template != templates.CHATML)


def test_thoughts_before_calls_of_tools_are_learned_each_once(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    tokenizer.chat_template = templates.QWEN3
    turns = [TURNS[1], {**CALLED, "reasoning": "Let me weigh."}, {"role": "tool", "content": "12 g"}, THOUGHT]
    found = examples(tokenizer, file_of(tmp_path, {"messages": turns, "tools": [TOOL]}))
    learned = [content for example in found for content, learn in example if learn]
    assert [("Let me weigh." in content, "They have hives." in content) for content in learned] == [
        (True, False),
        (False, True),
    ]


def test_an_opened_block_is_closed_for_asking(tokenizer: PreTrainedTokenizerBase) -> None:
    from objectives.data.thinking import prompt_of

    question = [{"role": "user", "content": "Why?"}]
    for start, end in (("<think>\n", "\n</think>\n\n"), ("[THINK]", "[/THINK]"), ("", "")):
        tokenizer.chat_template = "{{ messages[0].content }}{% if add_generation_prompt %}|A|" + start + "{% endif %}"
        assert prompt_of(tokenizer, question) == f"Why?|A|{start}{end}"
        assert prompt_of(tokenizer, question, thinking=True).endswith(f"|A|{start}")


@pytest.mark.parametrize("answer", [THOUGHT, {**THOUGHT, "reasoning": THOUGHT["reasoning_content"]}])
@pytest.mark.parametrize("template", [templates.CHATML, templates.LLAMA3, templates.GEMMA, None])
def test_reasoning_that_the_template_drops_is_refused(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, template: str | None, answer: dict[str, Any]
) -> None:
    tokenizer.chat_template = template
    code = "template-drops-text" if template else "no-chat-template"
    with refused(code, line=2, field="messages.1.reasoning_content"):
        examples(tokenizer, file_of(tmp_path, PAIR, {"messages": [TURNS[1], answer]}))


def test_reasoning_within_the_text_stays_where_the_template_knows_no_reasoning(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    tokenizer.chat_template = templates.CHATML
    ((_, said),) = examples(tokenizer, file_of(tmp_path, {"messages": [TURNS[1], INLINE]}))
    assert said == (f"{INLINE['content']}<|im_end|>\n", True)


def test_a_thinking_block_that_never_ends_is_refused(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    tokenizer.chat_template = templates.R1
    cut = {"role": "assistant", "content": "<think>\nThey have"}
    with refused("thinking-unclosed", line=1, field="messages.1"):
        examples(tokenizer, file_of(tmp_path, {"messages": [TURNS[1], cut]}))


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("template", "arguments"),
    [
        (templates.QWEN3, '"arguments": {"what": "Hönig", "grams": 12.5}}'),
        (templates.LLAMA3, '"parameters": {"what": "Hönig", "grams": 12.5}}'),
        (templates.R1, 'weigh\n{"what": "Hönig", "grams": 12.5}'),
        (templates.PYTHON_CALLS, 'weigh: {"what": "Hönig", "grams": 12.5}'),
    ],
)
def test_tool_calls_are_learned_and_their_results_read(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, template: str, arguments: str, as_json: bool
) -> None:
    tokenizer.chat_template = template
    called: dict[str, Any] = CALLED
    if as_json:
        inner = {"name": "weigh", "arguments": json.dumps(CALL["function"]["arguments"])}  # type: ignore[index]
        called = {**CALLED, "content": None, "tool_calls": [{"type": "function", "function": inner}]}
    turns = [TURNS[1], called, {"role": "tool", "name": "weigh", "content": 'a "jar"'}, TURNS[2]]
    found = examples(tokenizer, file_of(tmp_path, {"messages": turns}))
    learned = [content for example in found for content, learn in example if learn]
    assert len(learned) == 2
    assert arguments in learned[0]
    assert "Honey." in learned[1]
    read = "".join(content for content, learn in found[-1] if not learn)
    assert "jar" in read


def test_tools_are_handed_to_the_template(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    record = {"messages": [TURNS[1], CALLED], "tools": [TOOL]}
    for template in (templates.QWEN3, templates.LLAMA3):
        tokenizer.chat_template = template
        ((read, _),) = examples(tokenizer, file_of(tmp_path, record))
        assert "Weigh it." in read[0]


@pytest.mark.parametrize(
    ("template", "record", "field"),
    [
        (templates.CHATML, {"messages": [TURNS[1], CALLED]}, "messages.1.tool_calls.0"),
        (templates.GEMMA, {"messages": [TURNS[1], CALLED]}, "messages.1.tool_calls.0"),
        (templates.LLAMA3, {"messages": [TURNS[1], {**CALLED, "content": "I weigh it."}]}, "messages.1"),
        (templates.CHATML, {"messages": TURNS, "tools": [TOOL]}, "tools.0"),
        (
            TEMPLATE.replace("m.content", "m.content.replace('Hills', '')"),
            {"messages": [TURNS[1], TURNS[4]]},
            "messages.1",
        ),
        (
            TEMPLATE.replace("{% for m in messages %}", "{% for m in messages if m.role != 'system' %}"),
            {"messages": TURNS},
            "messages.0",
        ),
        (None, {"messages": [TURNS[1], CALLED]}, "messages.1.tool_calls"),
        (None, {**PAIR, "tools": [TOOL]}, "tools"),
    ],
)
def test_what_the_template_drops_is_refused_with_its_field(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path, template: str | None, record: dict[str, Any], field: str
) -> None:
    tokenizer.chat_template = template
    with refused("template-drops-text" if template else "no-chat-template", line=2, field=field):
        examples(tokenizer, file_of(tmp_path, PAIR, record))


def test_an_answer_that_is_written_otherwise_than_asked_for_is_refused(
    tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    tokenizer.chat_template = TEMPLATE.replace("%}<assistant>{%", "%}<model>{%")
    with refused("answer-rewritten", line=1, field="completion"):
        examples(tokenizer, file_of(tmp_path, PAIR))


def test_tokens_tell_what_is_learned(tokenizer: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    from objectives.data.tokens import UNLEARNED, TokenStore, split

    tokenizer.chat_template = TEMPLATE
    folder = tmp_path / "texts"
    folder.mkdir()
    file_of(folder, {"messages": TURNS}, {"text": "Bees and ants."})
    (folder / "plain.txt").write_text("Only words.\n")
    corpus = scan(folder)
    store = TokenStore(TextEncoding(tokenizer), tmp_path / "cache", {})
    stored = np.asarray(store(corpus["chat"]), dtype=np.int64)
    read, learned = split(stored)
    text = tokenizer.decode(read)
    assert (
        text.replace(" ", "")
        == "".join(f"<{turn['role']}>{turn['content']}</{turn['role']}>\n" for turn in TURNS).replace(" ", "")
        + "Beesandants.\n\n"
    )
    answers = tokenizer.decode(learned[learned != UNLEARNED]).replace(" ", "")
    assert answers == "Honey.</assistant>\nHills.</assistant>\nBeesandants.\n\n"
    assert (np.asarray(store(corpus["plain"])) >= 0).all()
    tokenizer.chat_template = TEMPLATE.replace("<", "[")
    other = TokenStore(TextEncoding(tokenizer), tmp_path / "cache", {})
    assert len(other(corpus["chat"])) != 0
    assert not np.array_equal(other(corpus["chat"]), stored), "another template is another array"


def test_a_study_on_instructions_trains_and_a_bad_line_is_refused_before(tmp_path: Path) -> None:
    import objectives
    from spaces import CorpusMix, Stage, TrialConfig, Tuning

    folder = tmp_path / "texts"
    folder.mkdir()
    pairs = [{"prompt": f"the ant met {i} bees, how many?", "completion": f" {i} bees"} for i in range(60)]
    path = file_of(folder, *pairs)
    (folder / "plain.txt").write_text("".join(f"the ant met {i} bees.\n" for i in range(60)))
    heldout = tmp_path / "heldout.txt"
    heldout.write_text("the ant met 3 bees and the bee met 4 ants.\n" * 20)
    fields: dict[str, Any] = {"tokens": 256, "sequence_length": 16, "batch_size": 2}
    spec = FinetuneSpec.model_validate(
        {**fields, "scores": [{"kind": "heldout", "files": [str(heldout)], "holdout": 0}]}
    )
    corpus = scan(folder)
    prepared = objectives.prepare(spec, corpus, tmp_path / "cache")
    tuning = Tuning("lora", 2, 4, 0.0, prepared.layout.presets["attention"])
    stage = Stage("train", CorpusMix.equal(["chat"]), tuning, (), 256, 1e-3)
    rungs = list(
        objectives.build(spec, prepared.corpus, tmp_path / "cache").evaluate(TrialConfig("tiny", 0, (stage,)), tmp_path)
    )
    assert len(rungs) == 3
    assert rungs[-1].qualities["train_loss"] > 0
    own = FinetuneSpec.model_validate({**fields, "scores": [{"kind": "heldout", "text": "chat", "holdout": 0}]})
    with refused("heldout-of-instructions", "'chat'", field="objective.scores"):
        objectives.prepare(own, corpus, tmp_path / "cache")
    path.write_text(path.read_text() + json.dumps({"messages": TURNS}) + "\n")
    with refused("no-chat-template", line=61, field=""):
        objectives.prepare(spec, scan(folder), tmp_path / "cache")
