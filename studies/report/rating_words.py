"""Plain sentences about the rating, for the page and the terminal."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from optuna.trial import TrialState

from objectives.base import copied
from search.designs import DESIGNS
from search.storage.records import TrialRecord
from spaces.dimensions.texts import PREFIX
from spaces.errors import listed
from studies.analysis.estimands import Estimand, estimand_of
from studies.analysis.interactions import Interaction
from studies.analysis.ranking import TOP
from studies.analysis.rating import Rating
from studies.analysis.stopping import stopped_early
from studies.analysis.units import Unit
from studies.storage.stored import StoredStudy

_MOST_NAMES = 8
_LIKELY = 0.5
"""Minimum probability for naming a text among the best."""


def headline(study: StoredStudy, rating: Rating) -> str:
    """Say which texts help and which hurt, for readers without knowledge of statistics."""
    if reason := _no_verdicts(study, rating):
        return reason
    helps = [effect.text for effect in rating.effects if effect.verdict == "helps"]
    hurts = [effect.text for effect in reversed(rating.effects) if effect.verdict == "hurts"]
    better = f"{_doing(rating.estimand, helps)} makes the score better"
    worse = f"{_doing(rating.estimand, hurts)} makes {'it' if helps else 'the score'} worse"
    if helps and hurts:
        worse = worse[0].lower() + worse[1:]
    sentence = "; ".join(clause for clause, texts in ((better, helps), (worse, hurts)) if texts)
    rest = len(rating.effects) - len(helps) - len(hurts)
    if not rest:
        return f"{sentence}."
    others = "one other text" if rest == 1 else f"other {rest}"
    return f"{sentence}. For the {others} there is no evidence yet either way."


def _no_verdicts(study: StoredStudy, rating: Rating) -> str:
    """Say why no text has a verdict; empty if one has."""
    if not study.varies_texts:
        return "Every trial trained on the same texts (space.texts.choose), so this study does not rate them."
    if not study.rates_texts:
        return (
            "No trial had its texts drawn at random (search.randomized_share is 0), so this study does not rate them."
        )
    blocks, block = _blocks(rating), rating.estimand.block
    if blocks >= rating.estimand.fewest and _all_scores_equal(study):
        return (
            f"The {blocks} {block} show no differences: all of their trials have the same score, so the questions are "
            "all answered, or none is, whatever the texts. Use harder or easier questions, or search on a metric that "
            "is finer than accuracy."
        )
    if all(effect.method == "none" for effect in rating.effects):
        return (
            f"There is no rating yet: it needs at least {rating.estimand.fewest} finished {block}, and there "
            f"are {blocks}."
        )
    if all(effect.verdict == "no evidence yet" for effect in rating.effects):
        return (
            f"No text shows an effect yet: {blocks} {block} do not distinguish any text's effect from chance. More "
            "trials may."
        )
    return ""


def _all_scores_equal(study: StoredStudy) -> bool:
    """Return whether all randomized trials have the same score."""
    complete = study.ended(TrialState.COMPLETE)
    return len({record.score for record in complete if record.randomized}) == 1


def enough_sentence(study: StoredStudy, rating: Rating, unit: Unit) -> str:
    """Say what the trials so far can detect, and what would decide the next text; empty if there are no intervals."""
    smallest = rating.power.smallest
    if not any(math.isfinite(effect.low) for effect in rating.effects):
        return ""
    detected = (
        f"8 of 10 studies would detect an effect of {unit.size(smallest)} {unit.effect}."
        if math.isfinite(smallest)
        else "no study would detect the effects of all texts, however large."
    )
    sentence = f"Are the trials enough? With {_blocks(rating)} {rating.estimand.block}, {detected}"
    needed = {text: trials for text, trials in trials_to_decide(study, rating).items() if trials is not None}
    if not needed:
        return sentence
    text = min(needed, key=lambda text: needed[text])
    return (
        f"{sentence} {text}, the closest to a verdict, needs about {needed[text]:,} trials in total, if its effect is "
        "as estimated."
    )


def settings_sentence(records: Sequence[TrialRecord]) -> str:
    """Say at which settings effects were measured; empty if no settings were searched.

    Args:
        records: trials of the study.
    """
    randomized = [record for record in records if record.randomized]
    searched = any(not name.startswith(PREFIX) for record in randomized for name in record.params)
    origins = sorted({record.settings_of for record in randomized if record.settings_of is not None})
    if not searched:
        return ""
    if not origins:
        return "Effects are averaged over the settings that the sampler drew for the randomized trials."
    trials = f"trial{'s' if len(origins) > 1 else ''} {listed(map(str, origins))}"
    best = f"the settings of the best trial so far ({trials})"
    held = sum(record.settings_of is not None for record in randomized)
    if held < len(randomized):
        return f"{held} of {len(randomized)} randomized trials have {best}; the effects are averages over all of them."
    return f"Randomized trials have {best}, so effects are those at settings in use."


def trials_to_decide(study: StoredStudy, rating: Rating) -> dict[str, int | None]:
    """Return the total trials of the study that would decide each text without a verdict; None: too many.

    Assumes that effects are as estimated; rounded up to two digits.
    """
    present = {effect.text: effect.blocks for effect in rating.effects}
    trials = len(study.records)
    if not stopped_early(study):
        trials = max(trials, study.spec.search.trials)
    totals: dict[str, int | None] = {}
    for text, needed in rating.power.blocks.items():
        totals[text] = None
        if needed is not None:
            more = (needed - present[text]) * trials_of_a_block(study) / study.spec.search.randomized_share
            totals[text] = _two_digits(trials + max(more, 1))
    return totals


def trials_of_a_block(study: StoredStudy) -> int:
    """Return the number of randomized trials that share settings and seed."""
    return DESIGNS[study.choose](study.present, study.spec.seed, None).size


def _two_digits(number: float) -> int:
    digit: int = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / digit) * digit


def _blocks(rating: Rating) -> int:
    """Return the smallest number of blocks on which any text's interval is based, or any effect if there is none."""
    rated = [effect for effect in rating.effects if math.isfinite(effect.estimate.stderr)] or rating.effects
    return min(effect.blocks for effect in rated)


def _doing(estimand: Estimand, names: list[str]) -> str:
    return estimand.doing.format(names=_names(names, estimand.joined))


def ranking_sentence(rating: Rating) -> str:
    """Say which texts are most likely among the best; empty if no more than `TOP` texts are ranked."""
    if len(rating.ranking) <= TOP:
        return ""
    first = sorted(rating.ranking.values(), key=lambda ranked: -ranked.top)
    likely = [ranked for ranked in first[:TOP] if ranked.top >= _LIKELY]
    if not likely:
        return (
            f"Based on {rating.estimand.ranked_by}, no text is more likely than not among the best {TOP}; "
            f"{first[0].text} comes closest ({probability(first[0].top)})."
        )
    names = ", ".join(f"{ranked.text} ({probability(ranked.top)})" for ranked in likely)
    return f"Based on {rating.estimand.ranked_by}, most likely among the best {TOP}: {names}.{_order_note(rating)}"


def _order_note(rating: Rating) -> str:
    """Say which texts are among the best by probability but not by effect, and why; empty if there are none."""
    best = {effect.text for effect in rating.effects[:TOP]}
    odd = [r.text for r in rating.ranking.values() if r.top >= _LIKELY and r.text not in best]
    if not odd or rating.estimand.rank is not None:
        return ""
    return (
        f" Effects have another order for {_names(odd, 'and')}: they use the randomized trials only, so that their "
        "intervals are valid; the probabilities use all trials, including the sampler's, which tried some texts more "
        "often."
    )


def probability(value: float) -> str:
    """Format a simulated probability, never as 0% or 100%."""
    return "> 99%" if value > 0.99 else "< 1%" if value < 0.01 else f"{value:.0%}"


def interactions_sentence(interactions: list[Interaction], unit: Unit) -> str:
    """Say which pairs of texts stand out, if any."""
    out = [pair for pair in interactions if pair.stands_out]
    if not out:
        return "There is no evidence that any two texts change each other's effect."
    pairs = [f"{' and '.join(pair.texts)} ({unit.signed(pair.estimate.value)})" for pair in out[:5]]
    return f"Texts that seem to change each other's effect: {listed(pairs, 5)}."


def boxes_sentence(missing: Collection[str]) -> str:
    """Say which characters figures show as boxes, and what to install; empty if there are none."""
    if not missing:
        return ""
    return (
        f"No font on this machine has the characters {listed(sorted(missing), _MOST_NAMES)}: figures show them as "
        "boxes, tables show them correctly. Install a font that has them (Debian: apt install fonts-noto-cjk) and "
        "write the report again."
    )


def capped_sentence(study: StoredStudy) -> str:
    """Say how a repetition limit affects the tokens of a trial; empty if there is no limit."""
    most = study.spec.space.texts.max_epochs
    if most is None:
        return ""
    return f"No trial reads a text more than {most:g} times, so mixes of short texts train on fewer tokens."


def lost_sentence(study: StoredStudy) -> str:
    """Say what the rating loses to failed trials; empty if nothing."""
    failed = [r for r in study.records if r.randomized and r.state is TrialState.FAIL]
    if not failed or not study.rates_texts:
        return ""
    return estimand_of(study).lost(failed)


def changed_texts_sentence(study: StoredStudy) -> str:
    """Say which texts were added to the study or removed from it after its launch; empty if none."""
    later = [f"{text.name} was added after trial {text.since - 1}" for text in study.texts if text.since]
    removed = [f"{text.name} was removed" for text in study.texts if text.removed]
    if not later and not removed:
        return ""
    return f"Texts have changed: {listed([*later, *removed])}. Effects rest on the trials that could draw the text."


def found_sentences(study: StoredStudy) -> list[str]:
    """Return a warning for every text that contains questions of the benchmark."""
    return [copied(text.name, text.found) for text in study.texts if text.found]


def _names(names: list[str], joined: str) -> str:
    """Join names for a sentence; a long list is shortened."""
    shown = names[:_MOST_NAMES]
    if len(names) > _MOST_NAMES:
        shown.append(f"{len(names) - _MOST_NAMES} more texts")
    return "".join(shown) if len(shown) < 2 else f"{', '.join(shown[:-1])} {joined} {shown[-1]}"
