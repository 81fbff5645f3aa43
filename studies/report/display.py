"""A study as a notebook shows it: the answer in sentences, the forest plot, the rating."""

from __future__ import annotations

from objectives.templating import environment
from studies.analysis.confirmation import confirmed
from studies.analysis.rating import Rating
from studies.report.pictures import pictures
from studies.report.rating_words import headline, lost_sentence
from studies.report.words import best_sentence, confirmation_sentence
from studies.storage.stored import StoredStudy


def html_of(study: StoredStudy, rating: Rating) -> str:
    """HTML of a study's answer as it is now."""
    rows = confirmed(study)
    said = (headline(study, rating), lost_sentence(study), best_sentence(study), confirmation_sentence(study, rows))
    picture = next((each for each in pictures(study, rating, rows, []) if each.name == "effects"), None)
    unit = rating.unit
    return (
        environment("studies.report", html=True)
        .get_template("display.html.j2")
        .render(
            name=study.spec.name,
            sentences=[sentence for sentence in said if sentence],
            picture=picture,
            rows=[
                (e.text, unit.signed(e.effect), unit.interval(e), unit.sequence(e), e.verdict) for e in rating.effects
            ],
        )
    )
