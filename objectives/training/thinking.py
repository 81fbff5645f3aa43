"""Placeholder until the branch of the texts is merged."""

from __future__ import annotations

from typing import Any


def prompt_of(tokenizer: Any, turns: Any, tools: Any = None, thinking: bool = False) -> str:
    return str(
        tokenizer.apply_chat_template(
            turns, tools=tools, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
        )
    )
