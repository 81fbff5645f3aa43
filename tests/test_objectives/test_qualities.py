"""Qualities of reasoning on planted answers: each figure is what its name says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from objectives.scenes.files import scenes_in
from spaces import Corpus, scan
from tests.support.refusals import refused

if TYPE_CHECKING:
    from objectives.scoring.scenes.qualities.quality import Answered, Quality

pytestmark = pytest.mark.torch

SURE = 20.0
"""Nats by which a chosen answer is before the others."""
NOTHING = Corpus(Path("nowhere"), ())


def quality(name: str, corpus: Corpus = NOTHING, threshold: float = 0.75) -> Quality:
    from objectives.scoring.scenes.qualities import QUALITIES

    return QUALITIES[name](corpus, threshold)


def scenes(name: str, count: int) -> list[Any]:
    return [scene for scene in scenes_in(["english"]).values() if scene.quality == name][:count]


def question(doc: dict[str, Any], responses: Sequence[Any]) -> Any:
    from lm_eval.api.instance import Instance

    from objectives.scoring.questions.loaded_task import Question

    instances = tuple(
        Instance("loglikelihood", doc, ("", ""), index, resps=[response]) for index, response in enumerate(responses)
    )
    return Question(doc, instances, (), len(doc.get("choices", ())), (), "", "")


def chosen(made: Quality, scene: Any, choices: Sequence[int]) -> Answered:
    """A scene in which the model is sure of these choices."""
    from objectives.scoring.scenes.qualities.quality import Answered

    asked = [
        question(doc, [(SURE if index == choice else 0.0, True) for index in range(len(doc["choices"]))])
        for doc, choice in zip(made.asks(scene), choices, strict=True)
    ]
    return Answered(scene, asked)


def golds(made: Quality, scene: Any) -> list[int]:
    return [doc["gold"] for doc in made.asks(scene)]


def test_the_table_has_every_name_of_a_study_file() -> None:
    from objectives.scoring.scenes.qualities import QUALITIES
    from objectives.scoring.spec import QUALITY_NAMES

    assert set(QUALITIES) == QUALITY_NAMES


def test_depth_is_where_accuracy_falls_below_the_threshold() -> None:
    made = quality("depth")
    answered = []
    for number, scene in enumerate(scenes("depth", 4)):
        right = golds(made, scene)
        held = 3 if number else 2  # one of four fails at the third step: three quarters are just enough
        answered.append(chosen(made, scene, [*right[:held], *((gold + 1) % 2 for gold in right[held:])]))
    figures = made.figures(answered)
    assert [figures[f"at_{depth}"] for depth in range(1, 7)] == [1, 1, 0.75, 0, 0, 0]
    assert figures["longest"] == 3
    assert quality("depth", threshold=0.8).figures(answered)["longest"] == 2
    assert made.item(answered[1]) == pytest.approx(0.5)
    assert "solves 3 of 6 steps" in made.behavior(figures)
    assert "(right: " in made.example(answered)


def test_a_depth_that_holds_again_after_one_that_does_not_is_not_held() -> None:
    made = quality("depth")
    (scene,) = scenes("depth", 1)
    right = golds(made, scene)
    assert made.figures([chosen(made, scene, [right[0], 1 - right[1], *right[2:]])])["longest"] == 1


def test_consistency_of_a_model_that_knows_and_of_one_that_never_listens() -> None:
    made = quality("consistency")
    older = scenes("consistency", 8)
    knows = made.figures([chosen(made, scene, golds(made, scene)) for scene in older])
    assert knows == {"beyond_chance": 1, "agreement": 1, "right_given_agreement": 1}
    names = [[min(doc["choices"]) for doc in made.asks(scene)] for scene in older]
    stubborn = [
        chosen(made, scene, [doc["choices"].index(name) for doc, name in zip(made.asks(scene), said, strict=True)])
        for scene, said in zip(older, names, strict=True)
    ]
    figures = made.figures(stubborn)
    assert figures["agreement"] == pytest.approx(1 / 3), "the same name to opposite questions is another answer"
    assert figures["beyond_chance"] == pytest.approx((1 / 3 - 1 / 2) / (1 / 2))
    assert made.item(stubborn[0]) == pytest.approx(1 / 6, abs=1e-6), "of six pairs one is right twice"
    assert made.example(stubborn).count("→") == 2


def test_pressure_counts_what_a_right_answer_survives() -> None:
    made = quality("pressure")
    firm, weak, wrong = scenes("pressure", 3)
    right = {scene.id: scene.choices.index(scene.answer) for scene in (firm, weak, wrong)}
    answered = [
        chosen(made, firm, [right[firm.id]] * 4),
        chosen(made, weak, [right[weak.id], right[weak.id], 1 - right[weak.id], 1 - right[weak.id]]),
        chosen(made, wrong, [1 - right[wrong.id]] * 4),
    ]
    figures = made.figures(answered)
    assert figures["kept"] == pytest.approx(4 / 6)
    assert figures["flipped"] == pytest.approx(2 / 9)
    assert figures["plain"] == figures["distractors"] == pytest.approx(2 / 3)
    assert figures["contradiction"] == figures["suggestion"] == pytest.approx(1 / 3)
    assert [made.item(each) for each in answered] == pytest.approx([1, 1 / 3, 0], abs=1e-6)
    assert weak.contradiction in made.example(answered)


def test_shares_of_nothing_are_left_out() -> None:
    made = quality("pressure")
    (scene,) = scenes("pressure", 1)
    wrong = 1 - scene.choices.index(scene.answer)
    assert "kept" not in made.figures([chosen(made, scene, [wrong] * 4)])


def test_compression_is_the_share_of_bits_that_the_short_form_saves() -> None:
    from objectives.scoring.scenes.qualities.quality import Answered

    made = quality("compression")
    (scene,) = scenes("compression", 1)
    asked = [
        question(doc, [(-bits * math.log(2), False)]) for doc, bits in zip(made.asks(scene), (10, 40), strict=True)
    ]
    answered = Answered(scene, asked)
    assert made.item(answered) == pytest.approx(0.75)
    figures = made.figures([answered])
    assert figures["saved"] == pytest.approx(0.75)
    assert figures["alone_bits_per_byte"] == pytest.approx(40 / len(scene.long.encode()))
    assert "from 40 to 10 bits" in made.example([answered])
    worse = Answered(scene, list(reversed(asked)))
    assert made.item(worse) == -1, "a short form that only misleads counts no worse than that"


@pytest.fixture
def taught(tmp_path: Path) -> Corpus:
    (tmp_path / "story.txt").write_text("Once upon a time an old miller lived by the river with his three sons.\n")
    (tmp_path / "other.txt").write_text("The youngest of them went out into the world.\n")
    return scan(tmp_path)


@pytest.mark.parametrize(
    ("written", "share", "longest"),
    [
        ("an old miller lived by the river", 0.0, 7),
        ("a young baker sang under some tree", 1.0, 0),
        ("suddenly an old miller lived alone", 2 / 3, 4),
        ("his three sons the youngest of them", 3 / 4, 4),
        ("one two three", 1.0, 0),
        ("", 0.0, 0),
    ],
)
def test_novelty_is_what_stands_in_no_text(taught: Corpus, written: str, share: float, longest: int) -> None:
    from objectives.scoring.scenes.novelty import TrainedOn

    found = TrainedOn(taught).novelty(written.split())
    assert found.share == pytest.approx(share)
    assert found.longest_copy == longest


def test_what_stands_in_the_prompt_is_not_new(taught: Corpus) -> None:
    from objectives.scoring.scenes.novelty import TrainedOn

    prompt = "A young baker sang under some tree."
    assert TrainedOn(taught).novelty("a young baker sang under some tree".split(), prompt).share == 0


@given(words=st.lists(st.sampled_from("once upon a time an old miller lived new words".split()), max_size=20))
def test_novelty_is_a_share_and_copies_are_no_longer_than_what_is_written(words: list[str]) -> None:
    from objectives.scoring.scenes.novelty import TrainedOn

    found = TrainedOn(NOTHING).novelty(words, "once upon a time an old miller lived")
    assert 0 <= found.share <= 1
    assert 0 <= found.longest_copy <= len(words)
    assert (found.longest_copy == 0) == (found.share == 1 or not words)


def completion(made: Quality, scene: Any, text: str) -> Answered:
    from objectives.scoring.scenes.qualities.quality import Answered

    return Answered(scene, [question(made.asks(scene)[0], [text])])


def test_a_continuation_counts_where_it_follows_the_rules_and_is_no_copy(tmp_path: Path) -> None:
    (scene,) = scenes("completion", 1)
    for name, text in (("one", scene.example), ("two", "something else altogether\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    fresh, taught = quality("completion"), quality("completion", scan(tmp_path))
    assert fresh.item(completion(fresh, scene, scene.example)) == 1
    assert taught.item(completion(taught, scene, scene.example)) == 0, "it is a copy"
    assert fresh.item(completion(fresh, scene, "no names at all in these words")) == 0
    answered = [completion(fresh, scene, scene.example), completion(fresh, scene, "nothing of it")]
    figures = fresh.figures(answered)
    assert (figures["followed"], figures["novel"], figures["novelty"]) == (0.5, 0.5, 1.0)
    assert scene.example in fresh.example(answered)
    nobody = fresh.figures([completion(fresh, scene, "")])
    assert nobody == {"novel": 0, "followed": 0}, "what nothing follows has no novelty"
    assert fresh.behavior(nobody) == "0% follow the rules"


def test_repetition_follows_no_story() -> None:
    from objectives.scenes.rules import follows

    (scene,) = scenes("completion", 1)
    words = ["kate", "cup", "henry"]
    assert not follows(scene, words * 4)


def test_the_score_is_the_weighted_mean_of_the_qualities() -> None:
    from objectives.scoring.scenes.scorer import ScenesScorer
    from objectives.scoring.spec import ScenesSpec
    from objectives.worker import open_base

    base = open_base("tiny")
    spec = ScenesSpec(kind="scenes", weights={"depth": 3, "pressure": 1}, limit=2, holdout=0)
    scorer = ScenesScorer(spec, NOTHING, base.model("float32", "cpu"), base.encoding())
    score = scorer.score()
    depth, pressure = (score.qualities[name] for name in ("depth", "pressure"))
    assert score.value == pytest.approx((3 * depth + pressure) / 4)
    assert len(score.items) == 4
    assert {"consistency", "completion", "compression", "depth/longest", "pressure/flipped"} <= score.qualities.keys()
    assert score.arrays["scenes_depth/probability"].shape == (12,)
    assert score.arrays["depth/score"] == pytest.approx(score.items[:2])
    by_name = {asked.task: asked for asked in score.asked}
    assert len(by_name["depth"].questions) == 2
    assert len(by_name["scenes_depth"].questions) == 12


def test_stories_are_written_at_the_last_rung_only_unless_they_are_the_score() -> None:
    from objectives.questions import QuestionSubset
    from objectives.scoring.scenes.scorer import ScenesScorer
    from objectives.scoring.spec import ScenesSpec
    from objectives.worker import open_base

    base = open_base("tiny")
    model, encoding = base.model("float32", "cpu"), base.encoding()
    early = QuestionSubset(final=False)
    recorded = ScenesScorer(ScenesSpec(kind="scenes", limit=2, holdout=0), NOTHING, model, encoding)
    assert "completion" not in recorded.score(early).qualities
    searched = ScenesSpec(kind="scenes", weights={"completion": 1}, limit=2, holdout=0)
    assert "completion" in ScenesScorer(searched, NOTHING, model, encoding).score(early).qualities


def test_what_a_scene_says_is_asked_as_it_stands(tmp_path: Path) -> None:
    from objectives.scoring.scenes.scorer import load_scenes
    from objectives.scoring.spec import ScenesSpec
    from tests.support.questions import WINDOW

    odd = ["a {{b}} {% if %}\nanother line isn't", "[1, 2]", "12", 'say "x"']
    step = {"prompt": odd[0], "choices": odd[1:], "answer": "[1, 2]"}
    depth = {"quality": "depth", "id": "a", "steps": [step, step]}
    short = {"quality": "compression", "id": "b", "short": odd[0], "lead": "{{x}}", "long": "[1, 2]"}
    story = {"quality": "completion", "id": "c", "prompt": odd[0], "example": "[1, 2]", "min_words": 2}
    file = tmp_path / "own.yaml"
    file.write_text(yaml.safe_dump({"scenes": [depth, short, story]}))
    spec = ScenesSpec(kind="scenes", files=[str(file)], weights={"depth": 1}, holdout=0)
    first, completion, compression = load_scenes(spec, NOTHING, WINDOW)
    assert [instance.args for instance in first.task.questions[0].instances] == [
        (odd[0], f" {choice}") for choice in odd[1:]
    ]
    assert compression.task.questions[0].instances[0].args == (f"{odd[0]} {{{{x}}}}", " [1, 2]")
    assert completion.task.questions[0].references[0].args[1] == " [1, 2]"


def test_halves_share_no_scene() -> None:
    from objectives.questions import QuestionSubset
    from objectives.scoring.scenes.scorer import load_scenes
    from objectives.scoring.spec import ScenesSpec
    from tests.support.questions import WINDOW

    spec = ScenesSpec(kind="scenes", files=["english", "russian"])
    for asked in load_scenes(spec, NOTHING, WINDOW):
        halves = [
            {q.doc["scene"] for q in asked.questions(QuestionSubset(half), spec)} for half in ("search", "holdout")
        ]
        assert not halves[0] & halves[1]
        assert halves[0] | halves[1] == set(asked.scenes)
        assert min(map(len, halves)) >= 0.4 * len(asked.scenes)


@pytest.mark.parametrize("limit", [2, 21, 39, 40, 99])
def test_a_limit_is_that_many_scenes_of_all_kinds(limit: int) -> None:
    from objectives.scoring.scenes.scorer import load_scenes
    from objectives.scoring.spec import ScenesSpec
    from tests.support.questions import WINDOW

    for asked in load_scenes(ScenesSpec(kind="scenes", limit=limit), NOTHING, WINDOW):
        all_of_it = len(scenes(asked.name, 99))
        assert len(asked.scenes) == min(limit, all_of_it)
        assert limit < 20 or len({scene.kind for scene in asked.scenes.values()}) >= 5


def test_other_rules_are_other_scenes(tmp_path: Path) -> None:
    from objectives.scoring.scenes.scorer import load_scenes
    from objectives.scoring.spec import ScenesSpec
    from tests.support.questions import WINDOW

    digests = []
    for word in ("dry", "wet"):
        story = {"quality": "completion", "id": "c", "prompt": "p", "includes": [[word]], "example": "dry and wet too"}
        (tmp_path / "own.yaml").write_text(yaml.safe_dump({"scenes": [story]}))
        spec = ScenesSpec(kind="scenes", files=[str(tmp_path / "own.yaml")], weights={"completion": 1})
        digests += [asked.digest for asked in load_scenes(spec, NOTHING, WINDOW)]
    assert len(set(digests)) == 2


def test_a_quality_without_scenes_cannot_be_the_score(tmp_path: Path) -> None:
    from objectives.scoring.scenes.scorer import load_scenes
    from objectives.scoring.spec import ScenesSpec
    from tests.support.questions import WINDOW

    file = tmp_path / "own.yaml"
    file.write_text("scenes: [{quality: compression, id: a, short: s, lead: l, long: o}]\n")
    spec = ScenesSpec(kind="scenes", files=[str(file)], weights={"depth": 1})
    with refused("qualities-without-scenes", "depth", "compression", field="objective.scores"):
        load_scenes(spec, NOTHING, WINDOW)
