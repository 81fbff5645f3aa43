"""Log-probabilities of answers against a model that reads each prompt with each answer on its own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.architectures import ARCHITECTURES, random_model
from tests.support.refusals import refused

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from objectives.scoring.likelihood import Pair

pytestmark = pytest.mark.torch

_ODD: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: (kind, {}) for kind in ARCHITECTURES},
    "sliding window": ("mistral", {"sliding_window": 4}),
    "softcapping": ("gemma2", {**ARCHITECTURES["gemma"].fields, "sliding_window": 4, "final_logit_softcapping": 3.0}),
    "linear bias": ("bloom", {"vocab_size": 64, "hidden_size": 16, "n_layer": 3, "n_head": 2}),
    "mixture of experts": ("mixtral", {**ARCHITECTURES["mistral"].fields, "num_local_experts": 2}),
}
_TOKENS = st.lists(st.integers(1, 63), min_size=1, max_size=9).map(tuple)
_PAIRS = st.lists(
    st.tuples(st.sampled_from([(5,), (7, 8, 9), (9, 8, 7, 6, 5, 4, 3, 2, 1)]) | _TOKENS, _TOKENS), min_size=1
)


@cache
def _model(name: str) -> PreTrainedModel:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    kind, fields = _ODD[name]
    if kind in ARCHITECTURES:
        return random_model(kind, **fields)
    torch.manual_seed(0)
    made: PreTrainedModel = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **fields)).eval()
    return made


def _alone(model: PreTrainedModel, pair: Pair) -> tuple[float, bool]:
    import torch

    prompt, answer = pair
    with torch.no_grad():
        scores = model(input_ids=torch.tensor([[*prompt, *answer[:-1]]])).logits[0, len(prompt) - 1 :]
    logs = scores.float().log_softmax(dim=-1)
    nats = sum(float(logs[place, token]) for place, token in enumerate(answer))
    return nats, logs.argmax(dim=-1).tolist() == list(answer)


@pytest.mark.parametrize("name", _ODD)
@given(pairs=_PAIRS, batch=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_answers_are_as_probable_together_as_alone(name: str, pairs: list[Pair], batch: int) -> None:
    from objectives.scoring.likelihood import log_likelihoods, takes_prompts

    model = _model(name)
    assert takes_prompts(model)
    found = log_likelihoods(model, pairs, batch)
    wanted = [_alone(model, pair) for pair in pairs]
    assert np.allclose([nats for nats, _ in found], [nats for nats, _ in wanted], atol=1e-4)
    assert [said for _, said in found] == [said for _, said in wanted]


def test_what_a_model_would_have_said_is_told() -> None:
    from objectives.scoring.likelihood import log_likelihoods

    model = _model("llama")
    prompt = (5, 6, 7)
    said: list[int] = []
    for _ in range(3):
        said.append(max(range(64), key=lambda token: _alone(model, ((*prompt, *said), (token,)))[0]))
    other = (*said[:2], (said[2] + 1) % 64)
    (_, yes), (_, no) = log_likelihoods(model, [(prompt, tuple(said)), (prompt, other)], batch=4)
    assert yes
    assert not no


def test_a_model_without_tokens_apart_reads_pairs_whole() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    from objectives.bases.tiny import TinyBase
    from objectives.scoring.harness import language_model
    from objectives.scoring.likelihood import takes_prompts

    fields = {"hidden_size": 16, "state_size": 4, "num_hidden_layers": 2, "vocab_size": 763}
    config = AutoConfig.for_model("mamba", **fields)
    config.max_position_embeddings = 64
    model = AutoModelForCausalLM.from_config(config).eval()
    assert not takes_prompts(model)
    asked = language_model(model, TinyBase("tiny").encoding(), batch=2)
    found = asked._loglikelihood_tokens([(("", ""), [5, 6], [7, 8]), (("", ""), [5], [9])])
    wanted = [_alone(model, ((5, 6), (7, 8))), _alone(model, ((5,), (9,)))]
    assert np.allclose([nats for nats, _ in found], [nats for nats, _ in wanted], atol=1e-4)


def test_a_model_that_counts_places_otherwise_does_not_read_prompts_first() -> None:
    from transformers import AutoConfig, AutoModelForCausalLM

    from objectives.scoring.likelihood import takes_prompts

    fields = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    config = AutoConfig.for_model("roberta", **fields, num_attention_heads=2, is_decoder=True, pad_token_id=1)
    assert not takes_prompts(AutoModelForCausalLM.from_config(config).eval())


def test_more_answers_than_a_batch_go_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from objectives.scoring import likelihood

    model = _model("llama")
    pairs = [((5, 6, 7), (number, number + 1)) for number in range(1, 12)]
    asked: list[int] = []
    continue_ = likelihood._continue

    def counted(*given: Any) -> Any:
        asked.append(len(given[-1]))
        return continue_(*given)

    monkeypatch.setattr(likelihood, "_continue", counted)
    found = likelihood.log_likelihoods(model, pairs, batch=4)
    assert asked == [4, 4, 3]
    assert np.allclose([nats for nats, _ in found], [_alone(model, pair)[0] for pair in pairs], atol=1e-4)


def test_a_prompt_of_blanks_is_refused() -> None:
    from objectives.bases.tiny import TinyBase
    from objectives.scoring.harness import language_model

    base = TinyBase("tiny")
    asked = language_model(base.model("float32", "cpu"), base.encoding(), batch=2)
    with refused("prompt-blank"):
        asked._loglikelihood_tokens([(("", ""), [], [5])])


def test_scores_over_the_vocabulary_stay_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    from objectives.scoring import likelihood

    model = _model("llama")
    pairs = [((5, 6), tuple(range(1, size))) for size in range(3, 20)]
    whole = likelihood.log_likelihoods(model, pairs, batch=64)
    monkeypatch.setattr(likelihood, "_MOST_NUMBERS", 64 * 20 * 3)
    prompts = [likelihood._Prompt(prompt, (answer,)) for prompt, answer in pairs]
    for chosen in likelihood._batches(prompts, 64, 64):
        longest = max(len(answer) for prompt in chosen for answer in prompt.answers)
        assert len(chosen) == 1 or len(chosen) * longest * 64 <= 64 * 20 * 3
    assert np.allclose([n for n, _ in likelihood.log_likelihoods(model, pairs, 64)], [n for n, _ in whole], atol=1e-5)


def test_answers_that_the_model_cannot_see_are_refused() -> None:
    from objectives.bases.tiny import TinyBase
    from objectives.scoring.harness import language_model

    base = TinyBase("tiny")
    asked = language_model(base.model("float32", "cpu"), base.encoding(), batch=2)
    for answer in ([], [5] * 257):
        with refused("answer-length", "256", f" {len(answer)}"):
            asked._loglikelihood_tokens([(("", ""), [5], answer)])
    (longest,) = asked._loglikelihood_tokens([(("", ""), [5, 6], [5] * 256)])
    assert longest[0] < 0
