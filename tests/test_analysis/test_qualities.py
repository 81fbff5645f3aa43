from __future__ import annotations

from dataclasses import replace

from search.storage.records import TrialRecord
from studies.analysis.qualities import quality_effects
from tests.support.trials import TEXTS, additive, study


def measured(trials: list[TrialRecord]) -> list[TrialRecord]:
    """Trials with two tasks: what alpha gives to one it takes from the other."""
    found = []
    for trial in trials:
        score = trial.rungs[-1].score
        gain = 0.2 * ("alpha" in trial.texts) + 0.01 * score
        qualities = {
            "accuracy/one": gain,
            "bits_per_byte/two": gain,
            "accuracy_stderr": score,
            "text_tokens": score,
            "train_loss": score,
            "same": 1.0,
        }
        found.append(replace(trial, rungs=(replace(trial.rungs[-1], qualities=qualities),)))
    return found


def test_every_quality_has_effects_of_its_own_as_gains() -> None:
    found = quality_effects(measured(study(additive({}, 0.1), 16)), TEXTS)
    assert list(found) == ["accuracy/one", "bits_per_byte/two"]
    verdicts = {name: {effect.text: effect.verdict for effect in effects} for name, effects in found.items()}
    assert verdicts["accuracy/one"]["alpha"] == "helps"
    assert verdicts["bits_per_byte/two"]["alpha"] == "hurts", "more bits are worse"


def test_a_quality_that_some_trials_lack_rests_on_the_others() -> None:
    trials = measured(study(additive({}, 0.1), 16))
    first = replace(trials[0], rungs=(replace(trials[0].rungs[-1], qualities={}),))
    unsure = replace(trials[2], rungs=(replace(trials[2].rungs[-1], qualities={"accuracy/one": float("nan")}),))
    found = quality_effects([first, trials[1], unsure, *trials[3:]], TEXTS)
    assert {effect.blocks for effect in found["accuracy/one"]} == {14}
