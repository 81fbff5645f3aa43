"""Small chat templates with the features of real ones that decide what is trained and asked."""

from __future__ import annotations

CHATML = (
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Roles as they come; neither tools nor reasoning."""

LLAMA3 = (
    "{{ bos_token }}"
    "{% if tools %}<|start_header_id|>system<|end_header_id|>\n\n"
    "{% for tool in tools %}{{ tool | tojson(indent=2) }}\n{% endfor %}<|eot_id|>{% endif %}"
    "{% for turn in messages %}"
    "<|start_header_id|>{{ 'ipython' if turn.role == 'tool' else turn.role }}<|end_header_id|>\n\n"
    "{% if turn.tool_calls %}"
    "{% if turn.tool_calls | length > 1 %}{{ raise_exception('one call at a time') }}{% endif %}"
    "{% set call = turn.tool_calls[0].function %}"
    '{"name": "{{ call.name }}", "parameters": {{ call.arguments | tojson }}}<|eot_id|>'
    "{% elif turn.role == 'tool' %}{{ {'output': turn.content} | tojson }}<|eot_id|>"
    "{% else %}{{ turn.content | trim }}<|eot_id|>{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
"""Begins with BOS, trims, writes one tool call instead of text, and results of tools as JSON."""

GEMMA = (
    "{{ bos_token }}{% for turn in messages %}"
    "{% if turn.role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}"
    "{% if (turn.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must take turns') }}{% endif %}"
    "<start_of_turn>{{ 'model' if turn.role == 'assistant' else turn.role }}\n{{ turn.content | trim }}<end_of_turn>\n"
    "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
"""Begins with BOS; the answers are those of `model`; no system turn."""

QWEN3 = (
    "{% if tools %}<|im_start|>system\n<tools>\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}</tools>"
    "<|im_end|>\n{% endif %}"
    "{% set at = namespace(question=-1) %}"
    "{% for turn in messages %}{% if turn.role == 'user' %}{% set at.question = loop.index0 %}{% endif %}{% endfor %}"
    "{% for turn in messages %}"
    "{% if turn.role == 'assistant' %}"
    "{% set said = turn.content %}{% set thought = turn.reasoning_content | default('') %}"
    "{% if not thought and '</think>' in said %}"
    "{% set thought = said.split('</think>')[0].split('<think>')[-1] %}"
    "{% set said = said.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "<|im_start|>assistant\n"
    "{% if loop.index0 > at.question and (loop.last or thought) %}"
    "<think>\n{{ thought.strip('\n') }}\n</think>\n\n{{ said.lstrip('\n') }}"
    "{% else %}{{ said }}{% endif %}"
    "{% for call in turn.tool_calls or [] %}"
    '{% if said or not loop.first %}\n{% endif %}<tool_call>\n{"name": "{{ call.function.name }}", "arguments": '
    "{% if call.function.arguments is string %}{{ call.function.arguments }}"
    "{% else %}{{ call.function.arguments | tojson }}{% endif %}}\n</tool_call>"
    "{% endfor %}<|im_end|>\n"
    "{% elif turn.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ turn.content }}\n</tool_response><|im_end|>\n"
    "{% else %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""Shows a thinking block, empty or not, in the last answer only; asks with an empty one where thinking is off."""

R1 = (
    "{{ bos_token }}{% for turn in messages %}"
    "{% if turn.role == 'system' %}{{ turn.content }}"
    "{% elif turn.role == 'user' %}<｜User｜>{{ turn.content }}"
    "{% elif turn.tool_calls %}<｜Assistant｜>{{ turn.content }}"
    "{% for call in turn.tool_calls %}<｜call｜>{{ call.function.name + '\n' + call.function.arguments }}<｜end｜>"
    "{% endfor %}<｜end▁of▁sentence｜>"
    "{% elif turn.role == 'tool' %}<｜output｜>{{ turn.content }}<｜end｜>"
    "{% else %}<｜Assistant｜>{{ turn.content.split('</think>')[-1] }}<｜end▁of▁sentence｜>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<｜Assistant｜><think>\n{% endif %}"
)
"""Asks with an open thinking block, which it drops from every answer; joins arguments of calls as text."""

BARE_THINK = (
    "{% for turn in messages %}<|{{ turn.role }}|>"
    "{% if turn.role == 'assistant' %}</think>{{ turn.content.split('</think>')[-1] }}<eos>"
    "{% else %}{{ turn.content }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{{ '<think>' if thinking else '</think>' }}{% endif %}"
)
"""Opens the block without a line of its own, and writes only its end where thinking is off."""

PYTHON_CALLS = (
    "{% for turn in messages %}<{{ turn.role }}>{{ turn.content }}"
    "{% for call in turn.tool_calls or [] %}{{ call.function.name }}: {{ call.function.arguments }}{% endfor %}</s>"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)
"""Prints arguments of tool calls as they come, so objects would be written as Python writes them."""
