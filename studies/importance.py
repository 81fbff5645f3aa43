"""Which hyperparameters matter: Optuna's fANOVA over the complete trials.

For texts use `studies.effects`: these shares have no sign and no interval (`docs/design.md`).
"""

from __future__ import annotations

import optuna
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import TrialState

from search.records import TrialRecord
from spaces.dimensions.texts import PREFIX

_FEWEST = 8


def hyperparameter_importances(study: optuna.Study, records: tuple[TrialRecord, ...]) -> dict[str, float]:
    """Share of the score's variance by hyperparameter, the largest first; empty where there are too few trials.

    The texts take part, so that what they explain is not laid on the hyperparameters; they are left out of
    the result (Hutter, Hoos and Leyton-Brown, 2014).
    """
    complete = [record for record in records if record.state is TrialState.COMPLETE]
    if len(complete) < _FEWEST or len({record.score for record in complete}) < 2:
        return {}
    shares = FanovaImportanceEvaluator(seed=0).evaluate(study, target=lambda trial: trial.values[0])
    found = {name: share for name, share in shares.items() if not name.startswith(PREFIX)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))
