"""Other tools' answers on the same trials: estimators of the importance of texts, from all complete ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.importance import BaseImportanceEvaluator, FanovaImportanceEvaluator, PedAnovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV

from search.storage.records import TrialRecord
from spaces.dimensions.texts import PREFIX
from studies.analysis.effects import text_effects
from studies.analysis.ranking import rank_texts

Values = NDArray[np.float64]
"""One number a text, in the order of the texts."""


def ranking(records: Sequence[TrialRecord], texts: Sequence[str]) -> Values:
    """Ours, from all trials."""
    found = {ranked.text: ranked.effect for ranked in rank_texts(records, texts)}
    return np.array([found[text] for text in texts])


def headline(records: Sequence[TrialRecord], texts: Sequence[str]) -> Values:
    """Ours, from the randomized trials alone."""
    found = {effect.text: effect.effect for effect in text_effects(records, texts)}
    return np.array([found[text] for text in texts])


def difference_in_means(records: Sequence[TrialRecord], texts: Sequence[str]) -> Values:
    """Mean score with the text less that without it; pyDVL's estimate by maximum sample reuse (Wang and Jia, 2023)."""
    mixes, scores = _complete(records, texts)
    sides = [(scores[column > 0], scores[column == 0]) for column in mixes.T]
    return np.array([with_.mean() - without.mean() if len(with_) and len(without) else 0 for with_, without in sides])


def least_squares(records: Sequence[TrialRecord], texts: Sequence[str]) -> Values:
    """Regression of the score on all texts, whatever the arm."""
    mixes, scores = _complete(records, texts)
    return np.asarray(np.linalg.lstsq(np.column_stack([mixes, np.ones(len(scores))]), scores, rcond=None)[0][:-1])


def lasso(records: Sequence[TrialRecord], texts: Sequence[str]) -> Values:
    """A cross-validated lasso on the texts: AME (Lin et al., 2022; in pyDVL), datamodels (Ilyas et al., 2022)."""
    mixes, scores = _complete(records, texts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(LassoCV(cv=5, random_state=0).fit(mixes, scores).coef_)


def faithful_banzhaf(records: Sequence[TrialRecord], texts: Sequence[str]) -> Values:
    """shapiq's regression for the faithful Banzhaf index (Tsai et al., 2023), of first order, the base included."""
    from shapiq.approximator.regression import RegressionFBII

    mixes, scores = _complete(records, texts)
    estimator = RegressionFBII(len(texts), max_order=1)
    sampled = SimpleNamespace(
        coalitions_matrix=np.vstack([np.zeros(len(texts)), mixes]).astype(bool),
        sampling_adjustment_weights=np.ones(len(scores) + 1),
    )
    vars(estimator)["_sampler"] = sampled  # its own would choose other subsets than the trials had
    weights = np.ones(len(texts) + 1)
    return np.asarray(estimator.regression_routine(weights, np.concatenate([[0.0], scores]), "FBII")[1:])


def _complete(records: Sequence[TrialRecord], texts: Sequence[str]) -> tuple[Values, Values]:
    """Mixes, shape (trials, texts), of 0 and 1, and scores of the complete trials."""
    complete = [record for record in records if record.state is TrialState.COMPLETE]
    mixes = np.array([[float(text in record.texts) for text in texts] for record in complete])
    return mixes, np.array([record.rungs[-1].score for record in complete])


SIGNED: Mapping[str, Callable[[Sequence[TrialRecord], Sequence[str]], Values]] = {
    "mixtune, all trials": ranking,
    "mixtune, randomized": headline,
    "difference in means": difference_in_means,
    "least squares": least_squares,
    "lasso (AME)": lasso,
    **({"shapiq FBII": faithful_banzhaf} if find_spec("shapiq") else {}),
}
"""Name of an estimator to what computes signed values."""

UNSIGNED: Mapping[str, Callable[[], BaseImportanceEvaluator]] = {
    "PED-ANOVA": PedAnovaImportanceEvaluator,
    "fANOVA": lambda: FanovaImportanceEvaluator(seed=0),
}
"""Name of an evaluator of Optuna's to what builds it; importances have no sign."""


def importances(name: str, trials: Sequence[FrozenTrial], texts: Sequence[str]) -> Values:
    """Importances of the texts by Optuna."""
    study = optuna.create_study(direction="maximize")
    study.add_trials(list(trials))
    found = UNSIGNED[name]().evaluate(study)
    return np.array([float(found.get(PREFIX + text, 0.0)) for text in texts])
