"""Facts about how a study was run, as pairs of name and value."""

from __future__ import annotations

from collections.abc import Iterator

from objectives.spec import FinetuneSpec
from studies.analysis.pareto import front, secondary_value
from studies.analysis.pareto import unit as secondary_unit
from studies.analysis.units import duration
from studies.report.standing import counts
from studies.report.tables import arms_table, phase_seconds
from studies.storage.places import resume_command
from studies.storage.stored import StoredStudy


def facts(study: StoredStudy) -> Iterator[tuple[str, str]]:
    """Yield trials, objective, time, versions, hashes and the resume command as pairs of name and value."""
    spec = study.spec
    yield "trials", _counted(counts(study.records))
    for arm, arm_counts in arms_table(study):
        yield f"trials with {arm}", _counted(arm_counts)
    yield "sampler and pruner", f"{spec.search.sampling}, {spec.search.pruner}"
    yield from _objective(study)
    yield from _time(study)
    if best := front(study):
        rows = (f"trial {r.number} ({r.score or 0.0:.3f}, {secondary_value(study, r):g})" for r in best)
        yield f"Pareto front (score, {secondary_unit(study)})", ", ".join(rows)
    yield "started", study.created.strftime("%Y-%m-%d %H:%M")
    yield "versions", ", ".join(f"{package} {version}" for package, version in study.versions.items()) or "not stored"
    yield "seed", str(spec.seed)
    yield "fingerprint of the study", spec.fingerprint
    yield from study.reading.items()
    for name, digest in study.inputs.items():
        if name not in study.reading:
            yield f"hash of {name}", digest
    again = resume_command(spec.name, study.url, study.folder)
    yield "resume or add trials", f"{again} --trials {2 * spec.search.trials}"


def _objective(study: StoredStudy) -> Iterator[tuple[str, str]]:
    objective = study.spec.objective
    if isinstance(objective, FinetuneSpec):
        yield "base model", objective.base
        yield "training tokens per trial", f"{objective.rung_tokens[-1]:,}"
        yield "scored on", ", ".join(title for score in objective.scores for title in score.titles)


def _time(study: StoredStudy) -> Iterator[tuple[str, str]]:
    phases: dict[str, float] = {}
    for record in study.records:
        for phase, seconds in phase_seconds(record).items():
            phases[phase] = phases.get(phase, 0.0) + seconds
    total = sum(phases.values())
    if total:
        shares = ", ".join(f"{phase} {seconds / total:.0%}" for phase, seconds in phases.items())
        yield "total time of all trials", f"{duration(total)}: {shares}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "none"
