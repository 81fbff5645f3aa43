"""What the rating says, in plain sentences, for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Collection

from optuna.trial import TrialState

from objectives.base import copied
from search.designs import DESIGNS
from spaces.errors import listed
from studies.analysis.estimands import Estimand, estimand_of
from studies.analysis.interactions import Interaction
from studies.analysis.ranking import TOP
from studies.analysis.rating import Rating
from studies.analysis.units import Unit
from studies.storage.stored import StoredStudy

_MOST_NAMES = 8
_LIKELY = 0.5
"""Probability from which a text is named among the best."""


def headline(study: StoredStudy, rating: Rating) -> str:
    """Which texts help and which hurt, for somebody who knows no statistics."""
    if why := _no_verdicts(study, rating):
        return why
    helps = [effect.text for effect in rating.effects if effect.verdict == "helps"]
    hurts = [effect.text for effect in reversed(rating.effects) if effect.verdict == "hurts"]
    better = f"{_doing(rating.estimand, helps)} makes the score better"
    worse = f"{_doing(rating.estimand, hurts)} makes {'it' if helps else 'the score'} worse"
    if helps and hurts:
        worse = worse[0].lower() + worse[1:]
    said = "; ".join(sentence for sentence, texts in ((better, helps), (worse, hurts)) if texts)
    rest = len(rating.effects) - len(helps) - len(hurts)
    if not rest:
        return f"{said}."
    return f"{said}. For the {'one other text' if rest == 1 else f'other {rest}'} there is no evidence yet either way."


def _no_verdicts(study: StoredStudy, rating: Rating) -> str:
    """Why no text has a verdict; empty where one has."""
    if not study.varies_texts:
        return "Every trial trained on the same texts (space.texts.choose), so this study does not rate them."
    if not study.rates_texts:
        return (
            "No trial had its texts drawn at random (search.randomized_share is 0), so this study does not rate them."
        )
    blocks, block = _blocks(rating), rating.estimand.block
    if blocks >= rating.estimand.fewest and _all_alike(study):
        return (
            f"Nothing can be told from the {blocks} {block}: all of their trials have the same score, so the questions "
            "are all answered, or none is, whatever the texts. Ask harder or easier ones, or search on a metric that "
            "is finer than accuracy."
        )
    if all(effect.method == "none" for effect in rating.effects):
        return (
            f"There is no rating yet: it needs at least {rating.estimand.fewest} {block} that are finished, and there "
            f"are {blocks}."
        )
    if all(effect.verdict == "no evidence yet" for effect in rating.effects):
        return (
            f"No text has shown an effect yet: {blocks} {block} do not tell any text's effect from chance. More trials "
            "may tell more."
        )
    return ""


def _all_alike(study: StoredStudy) -> bool:
    """Whether all randomized trials have one and the same score."""
    complete = study.ended(TrialState.COMPLETE)
    return len({record.score for record in complete if record.randomized}) == 1


def enough_sentence(study: StoredStudy, rating: Rating, unit: Unit) -> str:
    """Says what the trials so far can detect, and what would decide the next text; empty before there are intervals."""
    smallest = rating.power.smallest
    if not math.isfinite(smallest):
        return ""
    said = (
        f"Is it enough? With {_blocks(rating)} {rating.estimand.block}, 8 of 10 studies would detect an effect of "
        f"{unit.size(smallest)} {unit.effect}."
    )
    wanted = {text: trials for text, trials in trials_to_decide(study, rating).items() if trials is not None}
    if not wanted:
        return said
    text = min(wanted, key=lambda text: wanted[text])
    return (
        f"{said} {text}, the nearest to a verdict, wants about {wanted[text]:,} trials in all, if its effect is what "
        "it seems."
    )


def trials_to_decide(study: StoredStudy, rating: Rating) -> dict[str, int | None]:
    """Text without a verdict to the trials of the whole study that would decide it; None: too many.

    If its effect is what it seems; rounded up, to two digits.
    """
    present = {effect.text: effect.blocks for effect in rating.effects}
    trials = max(len(study.records), study.spec.search.trials)
    found: dict[str, int | None] = {}
    for text, needed in rating.power.blocks.items():
        found[text] = None
        if needed is not None:
            more = (needed - present[text]) * trials_of_a_block(study) / study.spec.search.randomized_share
            found[text] = _two_digits(trials + max(more, 1))
    return found


def trials_of_a_block(study: StoredStudy) -> int:
    """Randomized trials that share settings and seed."""
    return DESIGNS[study.choose]([text.name for text in study.texts], study.spec.seed, None).size


def _two_digits(number: float) -> int:
    digit: int = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / digit) * digit


def _blocks(rating: Rating) -> int:
    """What the effects rest on, the least of all texts."""
    return min(effect.blocks for effect in rating.effects)


def _doing(estimand: Estimand, names: list[str]) -> str:
    return estimand.doing.format(names=_names(names, estimand.joined))


def ranking_sentence(rating: Rating) -> str:
    """The texts that are most likely among the best; empty where nothing is ranked, or hardly more than that many."""
    if len(rating.ranking) <= TOP:
        return ""
    first = sorted(rating.ranking.values(), key=lambda ranked: -ranked.top)
    likely = [ranked for ranked in first[:TOP] if ranked.top >= _LIKELY]
    if not likely:
        return (
            f"By {rating.estimand.ranked_by}, no text is more likely than not among the best {TOP}; "
            f"{first[0].text} comes nearest ({probability(first[0].top)})."
        )
    said = ", ".join(f"{ranked.text} ({probability(ranked.top)})" for ranked in likely)
    return f"By {rating.estimand.ranked_by}, most probably among the best {TOP}: {said}.{_at_odds(rating)}"


def _at_odds(rating: Rating) -> str:
    """Texts that the probabilities put among the best and their effects do not, with the reason; empty for none."""
    best = {effect.text for effect in rating.effects[:TOP]}
    odd = [r.text for r in rating.ranking.values() if r.top >= _LIKELY and r.text not in best]
    if not odd or rating.estimand.rank is not None:
        return ""
    return (
        f" Effects have another order for {_names(odd, 'and')}: they count the randomized trials alone, so that their "
        "intervals hold; the probabilities count all trials, and what the sampler tried says more of the texts that it "
        "liked."
    )


def probability(value: float) -> str:
    """A probability from simulation, never quite 0 or 1."""
    return "> 99%" if value > 0.99 else "< 1%" if value < 0.01 else f"{value:.0%}"


def interactions_sentence(found: list[Interaction], unit: Unit) -> str:
    """Which pairs of texts stand out, if any."""
    out = [pair for pair in found if pair.stands_out]
    if not out:
        return "No two texts are seen to change each other's effect."
    said = [f"{' and '.join(pair.texts)} ({unit.signed(pair.estimate.value)})" for pair in out[:5]]
    return f"Texts that seem to change each other's effect: {listed(said, 5)}."


def boxes_sentence(missing: Collection[str]) -> str:
    """Letters that figures show as boxes, and what to install; empty where there are none."""
    if not missing:
        return ""
    return (
        f"No font on this machine has the letters {listed(sorted(missing), _MOST_NAMES)}: figures show them as boxes, "
        "tables as they are. Install a font that has them (Debian: apt install fonts-noto-cjk) and write the report "
        "again."
    )


def capped_sentence(study: StoredStudy) -> str:
    """Says what a limit of repetition makes of the tokens of a trial; empty where there is none."""
    most = study.spec.space.texts.max_epochs
    if most is None:
        return ""
    return f"No trial reads a text more than {most:g} times, so mixes of little text are trained on less."


def lost_sentence(study: StoredStudy) -> str:
    """Says what failed trials take from the rating; empty where nothing."""
    failed = [r for r in study.records if r.randomized and r.state is TrialState.FAIL]
    if not failed or not study.rates_texts:
        return ""
    return estimand_of(study).lost(failed)


def found_sentences(study: StoredStudy) -> list[str]:
    """A warning for every text that holds questions of the benchmark."""
    return [copied(text.name, text.found) for text in study.texts if text.found]


def _names(names: list[str], joined: str) -> str:
    """Names in a sentence, of many the first."""
    shown = names[:_MOST_NAMES]
    if len(names) > _MOST_NAMES:
        shown.append(f"{len(names) - _MOST_NAMES} more texts")
    return "".join(shown) if len(shown) < 2 else f"{', '.join(shown[:-1])} {joined} {shown[-1]}"
