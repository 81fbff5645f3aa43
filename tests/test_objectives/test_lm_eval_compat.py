"""Private names of lm-eval that `objectives.lm_eval_compat` uses still exist and do what they did."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.architectures import random_model
from tests.support.bases import VOCABULARY, byte_tokenizer
from tests.support.questions import TASK

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.task import Task
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    from objectives.lm_eval_compat import TokenRequest

pytestmark = pytest.mark.torch


def _model(kind: type[HFLM]) -> Any:
    model = random_model("llama", vocab_size=VOCABULARY, max_position_embeddings=256)
    return kind(pretrained=model, tokenizer=byte_tokenizer(), batch_size=2, max_length=256)


def _asked() -> list[Instance]:
    from lm_eval.api.instance import Instance

    return [Instance("loglikelihood", {}, ("an ant ", answer), 0) for answer in ("and", "or")]


@pytest.fixture
def manager(task: Path) -> TaskManager:
    """Knows a task of a tag, a group that holds it, and nothing else."""
    from lm_eval.tasks import TaskManager

    task.write_text(f"{TASK.replace('questions.jsonl', str(task.parent / 'questions.jsonl'))}tag: short\n")
    task.with_name("all.yaml").write_text("group: all\ntask: [small]\n")
    return TaskManager(include_path=[str(task.parent)], include_defaults=False)


def _loaded(manager: TaskManager) -> Task:
    """The task, by way of its group."""
    found: Task = manager.load(["all"])["tasks"]["small"]
    return found


def test_both_steps_of_an_answer_are_open_to_a_subclass() -> None:
    from objectives.lm_eval_compat import TokenModel

    class Own(TokenModel):
        def pair_tokens(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
            return [1, 2], [len(continuation)]

        def pair_log_likelihoods(self, requests: Sequence[TokenRequest]) -> list[tuple[float, bool]]:
            return [(-float(answer[0]), context == [1, 2]) for _, context, answer in requests]

    found = _model(Own).loglikelihood(_asked(), disable_tqdm=True)
    assert found == [(-3.0, True), (-2.0, True)], (
        "lm-eval's `loglikelihood` no longer goes by `_encode_pair` and `_loglikelihood_tokens`: mixtune's own answers "
        "would be passed over"
    )


def test_left_alone_they_are_lm_evals_own() -> None:
    from lm_eval.models.huggingface import HFLM

    from objectives.lm_eval_compat import TokenModel

    ours, theirs = (_model(kind).loglikelihood(_asked(), disable_tqdm=True) for kind in (TokenModel, HFLM))
    assert ours == theirs


def test_a_manager_tells_where_names_stand_and_what_they_hold(manager: TaskManager, task: Path) -> None:
    from objectives.lm_eval_compat import listed_as

    single, group, tag = (listed_as(manager, name) for name in ("small", "all", "short"))
    assert single is not None
    assert group is not None
    assert tag is not None
    assert (single.kind, group.kind, tag.kind) == ("TASK", "GROUP", "TAG")
    assert single.file is not None
    assert single.file.samefile(task)
    assert single.config["doc_to_text"] == "{{q}}"
    assert group.config["task"] == ["small"]
    assert tag.tasks == ("small",)
    assert listed_as(manager, "nothing") is None


def test_a_task_listed_anew_is_the_one_that_its_group_loads(manager: TaskManager) -> None:
    from objectives.lm_eval_compat import listed_as, set_task_config

    before = listed_as(manager, "small")
    assert before is not None
    set_task_config(manager, "small", {**before.config, "doc_to_text": "anew: {{q}}"})
    loaded = _loaded(manager)
    assert loaded.doc_to_text({"q": "an ant"}) == "anew: an ant", "lm-eval loads tasks from elsewhere than `task_index`"


def test_a_task_file_is_read_with_what_it_includes_and_its_functions(task: Path) -> None:
    from objectives.lm_eval_compat import read_task_file

    task.with_name("ants.py").write_text("def count(doc):\n    return 3\n")
    file = task.with_name("other.yaml")
    file.write_text("include: small.yaml\ntask: other\ndoc_to_target: !function ants.count\n")
    found = read_task_file(file)
    assert found["task"] == "other"
    assert found["output_type"] == "multiple_choice"
    assert found["doc_to_target"]({}) == 3


def test_filters_go_over_the_requests_that_are_given(manager: TaskManager) -> None:
    from objectives.lm_eval_compat import filter_answers

    task = _loaded(manager)
    task.build_all_requests(rank=0, world_size=1)
    asked, others = task.instances[:2], task.instances[2:]
    for instance in asked:
        instance.resps = [(-1.5, True)]
    filter_answers(task, asked)
    assert [instance.filtered_resps for instance in asked] == [{"none": (-1.5, True)}] * 2, (
        "lm-eval's filters no longer go over `Task._instances`"
    )
    assert not any(instance.filtered_resps for instance in others)


def test_prompts_are_compiled_in_the_environment_that_is_given(manager: TaskManager) -> None:
    from objectives.lm_eval_compat import compile_prompts_in, prompt_templates

    usual = prompt_templates()
    assert "regex_replace" in usual.filters, "lm-eval's own filters are elsewhere than in `lm_eval.utils.env`"
    task = _loaded(manager)
    try:
        compile_prompts_in(usual.overlay(variable_start_string="<<", variable_end_string=">>"))
        filled = task.doc_to_text({"q": "an ant"}, "{{q}} is <<q>>")
    finally:
        compile_prompts_in(usual)
    assert filled == "{{q}} is an ant", "lm-eval compiles prompts elsewhere than in `lm_eval.utils.env`: no sandbox"


def test_lm_evals_own_metrics_are_known() -> None:
    from objectives.lm_eval_compat import has_metric

    assert has_metric("acc")
    assert has_metric("exact_match")
    assert not has_metric("of_nobody")


def test_requests_are_built_without_a_bar(manager: TaskManager, capfd: pytest.CaptureFixture[str]) -> None:
    import lm_eval.api.task

    from objectives.lm_eval_compat import without_bars

    before = lm_eval.api.task.tqdm
    task = _loaded(manager)
    with without_bars():
        task.build_all_requests(limit=2, rank=0, world_size=1)
        assert list(lm_eval.api.task.tqdm([1])) == [1]
    assert "1/1" not in capfd.readouterr().err, "lm-eval's bar is no longer `lm_eval.api.task.tqdm`"
    assert lm_eval.api.task.tqdm is before
