"""Dialogues as training examples: in the model's chat template, with the loss on the answers only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import TemplateError
from numpy.typing import NDArray

from objectives.data.dropped import check_answer, check_context
from objectives.data.thinking import is_left_open, opened, prompt_of, rendered, split_reasoning, without_block
from spaces.corpus.dialogues import ANSWERS, SYSTEM, Turn, without_system
from spaces.corpus.lines import Line
from spaces.errors import FieldError, LineError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Part = tuple[str, bool]
"""A piece of text, and whether its tokens are in the loss."""
RULES = 2
"""Version of the rules that turn a line into tokens; part of the key of cached tokens."""
Example = list[Part]
"""The pieces of one training example."""


@dataclass(frozen=True, slots=True)
class _Dialogue:
    """A line, prepared for one chat template."""

    turns: tuple[Turn, ...]
    messages: list[dict[str, Any]]
    tools: tuple[Mapping[str, Any], ...]
    tokenizer: PreTrainedTokenizerBase

    def answer(self, place: int) -> tuple[str, str]:
        """Return the prompt before an answer, and the answer as it is learned.

        Raises:
            FieldError: the template drops a part of the answer or of the turns before it.
        """
        turn = self.turns[place]
        if is_left_open(turn.content):
            raise FieldError(
                turn.place,
                "this answer opens a thinking block and does not close it. Fix or remove the line.",
                code="thinking-unclosed",
            )
        inline, _ = split_reasoning(turn.content)
        reasoning = turn.reasoning or inline
        thinking = bool(reasoning)
        prompt = prompt_of(self.tokenizer, self.messages[:place], self.tools, thinking=thinking)
        whole = rendered(
            self.tokenizer, self.messages[: place + 1], self.tools, thinking=thinking, generation_prompt=False
        )
        follows = whole.startswith(prompt)
        answer = whole[len(prompt) :] if follows else _rejoined(prompt, whole, reasoning, turn.place)
        check_context(prompt, self.turns[:place], self.tools)
        check_answer(answer, turn)
        return prompt, answer


def examples_of(line: Line, tokenizer: PreTrainedTokenizerBase, path: Path) -> list[Example]:
    """Turn a dialogue into training examples in the model's chat template.

    A dialogue is one example if its template writes earlier turns as it writes the last; otherwise each answer is an
    example of its own, after everything before it. If the template does not support a system turn, its text goes before
    the first question, as in scoring. Every answer follows the same prompt as in scoring. A model without a chat
    template reads the prompt, then the answer, then the end-of-text token.

    Raises:
        LineError: the turns do not fit the model's template, the template drops a part of them, or there is none.
    """
    try:
        if tokenizer.chat_template is None:
            return [_without_template(line, tokenizer)]
        try:
            return _templated(line, tokenizer)
        except TemplateError:
            if line.messages[0].role not in SYSTEM:
                raise
            return _templated(replace(line, messages=without_system(line.messages)), tokenizer)
    except FieldError as error:
        raise LineError(path, line.number, error.field, error.reason, code=error.code) from error
    except (TemplateError, ValueError, TypeError) as error:
        roles = [turn.role for turn in line.messages]
        raise LineError(
            path,
            line.number,
            "",
            f"the turns {roles} do not fit the chat template of the base: {error}. Fix or remove the line.",
            code="template-refuses-turns",
        ) from error


def encoded(example: Example, tokenizer: PreTrainedTokenizerBase) -> NDArray[np.int32]:
    """Tokens of an example, shape (tokens,); a token that is read but not learned is stored as its complement, ~token.

    The text is tokenized as a whole, so its tokens are the same as in scoring. A token that contains characters of an
    answer is learned.
    """
    text = "".join(content for content, _ in example)
    ends = np.cumsum([len(content) for content, _ in example])
    spans = [(int(end) - len(content), int(end)) for end, (content, learn) in zip(ends, example, strict=True) if learn]
    align = _by_offsets if getattr(tokenizer, "is_fast", False) else _by_prefixes
    ids, learned = align(text, spans, tokenizer)
    tokens = np.asarray(ids, dtype=np.int32)
    return np.where(learned, tokens, ~tokens)


def _by_offsets(
    text: str, spans: Sequence[tuple[int, int]], tokenizer: PreTrainedTokenizerBase
) -> tuple[list[int], NDArray[np.bool_]]:
    encoding = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    first, last = np.asarray(encoding["offset_mapping"], dtype=np.int64).reshape(-1, 2).T
    before = np.maximum.accumulate(np.concatenate([[0], last]))[:-1]
    # a token without characters, such as whitespace that the tokenizer trims, gets those since the last token
    empty = first == last
    first = np.where(empty, np.minimum(first, before), first)
    last = np.where(empty, np.maximum(last, before + 1), last).clip(max=len(text))
    answers = np.zeros(len(text) + 1, dtype=np.int64)
    for begin, stop in spans:
        answers[begin + 1 : stop + 1] = 1
    upto = answers.cumsum()  # characters of answers before each position
    return list(encoding["input_ids"]), upto[last] > upto[first]


def _by_prefixes(
    text: str, spans: Sequence[tuple[int, int]], tokenizer: PreTrainedTokenizerBase
) -> tuple[list[int], NDArray[np.bool_]]:
    """Align tokens for tokenizers without offsets: a piece begins where the tokens of the text before it end.

    lm-eval separates an answer from its question in the same way.
    """
    ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    learned = np.zeros(len(ids), dtype=bool)
    for begin, stop in spans:
        first, _ = _shared(ids, text[:begin], tokenizer)
        last, whole = _shared(ids, text[:stop], tokenizer)
        learned[first : last + (not whole)] = True  # a token across the boundary contains a part of the answer
    return ids, learned


def _shared(ids: Sequence[int], text: str, tokenizer: PreTrainedTokenizerBase) -> tuple[int, bool]:
    """Number of leading tokens that a prefix of the text shares, and whether they are all tokens of the prefix."""
    own = tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
    count = next((place for place, (one, other) in enumerate(zip(own, ids, strict=False)) if one != other), None)
    count = min(len(own), len(ids)) if count is None else count
    return count, count == len(own)


def _without_template(line: Line, tokenizer: PreTrainedTokenizerBase) -> Example:
    special = next((turn for turn in line.messages if turn.calls or turn.reasoning), None)
    if line.tools or special:
        field = f"{special.place}.{'tool_calls' if special.calls else 'reasoning_content'}" if special else "tools"
        raise FieldError(
            field,
            "the base has no chat template, which tools and reasoning need. "
            "Use a base with a template, or remove the line.",
            code="no-chat-template",
        )
    if [turn.role for turn in line.messages] != ["user", ANSWERS]:
        raise FieldError(
            "",
            "the base has no chat template, so it cannot read turns with roles. Give lines with `prompt` and "
            "`completion`, or use a base with a template.",
            code="no-chat-template",
        )
    prompt, answer = line.messages
    return [(prompt.content, False), (answer.content + str(tokenizer.eos_token or ""), True)]


def _templated(line: Line, tokenizer: PreTrainedTokenizerBase) -> list[Example]:
    """Examples of a dialogue; arguments of tool calls are JSON text if the template cannot write objects."""
    try:
        return list(_joined(_answers(line, tokenizer, objects=True)))
    except TypeError:
        if not any(turn.calls for turn in line.messages):
            raise
        return list(_joined(_answers(line, tokenizer, objects=False)))


def _answers(line: Line, tokenizer: PreTrainedTokenizerBase, *, objects: bool) -> Iterator[tuple[str, str]]:
    messages = [turn.message(objects=objects) for turn in line.messages]
    dialogue = _Dialogue(line.messages, messages, line.tools, tokenizer)
    for place, turn in enumerate(line.messages):
        if turn.is_learned:
            yield dialogue.answer(place)


def _joined(answers: Iterator[tuple[str, str]]) -> Iterator[Example]:
    """Join answers into one example as long as each prompt continues the text up to the previous answer."""
    example: Example = []
    read = ""
    for prompt, answer in answers:
        if example and prompt.startswith(read):
            example.append((prompt[len(read) :], False))
        else:
            if example:
                yield example
            example = [(prompt, False)]
        example.append((answer, True))
        read = prompt + answer
    yield example


def _rejoined(prompt: str, whole: str, reasoning: str, place: str) -> str:
    """Return an answer that the template writes with another thinking block than the prompt's, or with none.

    Raises:
        FieldError: the answer does not follow the prompt.
    """
    head = without_block(prompt)
    if not whole.startswith(head):
        raise FieldError(
            place,
            "the chat template of the base writes this answer so that it does not follow its prompt. Fix or remove the "
            "line.",
            code="answer-rewritten",
        )
    _, answer = split_reasoning(whole[len(head) :])
    answer = answer.lstrip("\n")  # newlines at the end of a block
    block = opened(prompt)
    return answer if block is None else block.closing(reasoning) + answer
