"""Model card of an exported model: base, texts, training settings and scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from objectives.templating import environment

_LOADING = {
    "adapter": """\
`adapter/` is a peft adapter with its tokenizer:

```python
{imported}from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

base = AutoModelForCausalLM.from_pretrained({loaded}, dtype="{precision}")
model = PeftModel.from_pretrained(base, "adapter")
tokenizer = AutoTokenizer.from_pretrained("adapter")
```
""",
    "merged": """\
`merged/` is the whole model:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("merged", dtype="{precision}")
tokenizer = AutoTokenizer.from_pretrained("merged")
```
""",
    "file": """\
`tuned.safetensors` holds every weight that the stages changed; its header describes them. To apply it to the base:

```console
$ mixtune apply tuned.safetensors --base {base} --out merged-again
```
""",
}

_SHIPPED = "from objectives.bases.tiny import FOLDER  # the small model that mixtune ships\n"

_CARD = """\
---
library_name: peft
base_model: {{ base | tojson }}
tags: [mixtune, {{ methods | join(", ") }}]
---

# {{ study or "A model" }}{% if trial is not none %}, trial {{ trial }}{% endif %}

Tuned from `{{ base }}` by mixtune, in {{ stages | length }} stage{{ "s" if stages | length > 1 else "" }}.
{% if end %}
## Results

Score (`{{ end.metric }}`, higher is better): {{ "%.4f" | format(end.score) }} ± {{ "%.4f" | format(end.stderr) }}, \
{{ "%+.4f" | format(end.gain) }} ± {{ "%.4f" | format(end.gain_stderr) }} above the untouched base \
({{ "%.4f" | format(end.base_score) }}). Each ± is a standard error.
{% if end.qualities %}
| metric | value |
| --- | --- |
{%- for name, value in end.qualities.items() %}
| {{ name }} | {{ "%.6g" | format(value if value | abs > 1e-9 else 0) }} |
{%- endfor %}
{% endif %}
{%- endif %}
{%- for stage in stages %}
## {% if stages | length > 1 %}Stage {{ loop.index }}: {{ stage.stage.split("-", 1)[1] }}{% else %}Training{% endif %}


{{ stage.method }}{% if stage.rank %}, rank {{ stage.rank }}, alpha {{ "%g" | format(stage.alpha) }}{% endif %}, \
layers {{ stage.layers | join(", ") }}{% if stage.targets %} ({{ stage.targets | join(", ") }}){% endif %}; \
{{ "{:,}".format(stage.trainable) }} weights trained on {{ "{:,}".format(stage.tokens) }} tokens at a learning rate of \
{{ "%.3g" | format(stage.learning_rate) }}; \
loss from {{ "%.3f" | format(stage.losses[0][1]) }} to {{ "%.3f" | format(stage.losses[-1][1]) }}.\
{% if stage.end and stages | length > 1 %} Score after the stage: {{ "%.4f" | format(stage.end.score) }} \
({{ "%+.4f" | format(stage.end.gain) }} above the base).{% endif %}

| text | share of the tokens | epochs | sha256 |
| --- | --- | --- | --- |
{%- for text in stage.texts %}
| {{ text.name }} | {{ "{:.1%}".format(text.share) }} | {{ "%.2f" | format(text.epochs) }} | `{{ text.sha256[:12] }}` |
{%- endfor %}

| layer | norm of the change |
| --- | --- |
{%- for layer, norm in stage.change.items() %}
| {{ layer }} | {{ "%.4f" | format(norm) }} |
{%- endfor %}
{% endfor %}
## Loading

{{ loading }}
`provenance.jsonl` has one line per stage: texts with hashes, settings, losses, seeds and versions.
"""


def card(stages: Sequence[dict[str, Any]], forms: Collection[str]) -> str:
    """Return the model card as Markdown with the front matter that model hubs read.

    Args:
        stages: provenance of every stage.
        forms: exported forms, see `FORMS`.
    """
    base, is_local = stages[0]["base"], Path(stages[0]["base"]).is_absolute()
    if is_local:
        base = Path(base).name  # a local path means nothing on another machine
    is_shipped = base == "tiny"
    values = {
        "base": f"PATH/TO/{base}" if is_local else base,
        "precision": stages[0]["precision"],
        "loaded": "FOLDER" if is_shipped else repr(f"PATH/TO/{base}" if is_local else base),
        "imported": _SHIPPED if is_shipped else "",
    }
    return (
        environment(trim=False)
        .from_string(_CARD)
        .render(
            base=base,
            study=stages[0].get("study"),
            trial=stages[0].get("number"),
            methods=sorted({stage["method"] for stage in stages}),
            stages=[{"end": None, **stage} for stage in stages],
            end=stages[0] if "gain" in stages[0] else None,
            loading="\n".join(text.format(**values) for form, text in _LOADING.items() if form in forms),
        )
    )
