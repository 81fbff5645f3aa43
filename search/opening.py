"""Assembly of searchers, for the trials of a search and for the runs that confirm it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from optuna.distributions import BaseDistribution
from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.trial import TrialState

from search.arms import Arms, Planner
from search.confirmation import ConfirmationQueue, Run
from search.deadline import Deadline
from search.designs import design_of
from search.events import Event
from search.held import HeldSettings, opening_trials
from search.judge import Judge, NeverStops, PrunerJudge
from search.log import TrialLog
from search.prior_effects import prior_trials, prior_view
from search.pruners import build_pruner
from search.queue import Decided, Queue, SearchQueue, never
from search.samplers import build_sampler
from search.searcher import StudySearcher
from search.secondary import View, sampler_view
from search.singles import SinglesFirst
from search.spec import SearchSpec
from search.storage import records
from search.storage.drivers import Driver, LoneDriver
from search.storage.ledger import Ledger
from spaces import Space, TrialConfig
from spaces.dimensions.texts import PREFIX

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

Watch = Callable[[Event], None]


def open_search(
    storage: BaseStorage,
    name: str,
    space: Space,
    spec: SearchSpec,
    rungs: tuple[int, ...],
    seed: int,
    watch: Watch = lambda _: None,
    driver: Driver | None = None,
    *,
    planner: Planner | None = None,
    decided: Decided = never,
    deadline: Deadline | None = None,
) -> StudySearcher:
    """Open an existing Optuna study for searching, and end running trials in it that another program created.

    Args:
        storage: the database.
        name: name of the study in the database.
        space: the search space.
        spec: settings of the search.
        rungs: training tokens, cumulative, at which every trial reports.
        seed: seed of the study.
        watch: called with every event.
        driver: the driver that runs the trials; None if the study cannot have another driver.
        planner: planner of the trials; None for the two arms of a search.
        decided: whether the study needs no further trials, whatever their number.
        deadline: time limit; None for `spec.timeout_hours` from now.
    """
    driver = driver or LoneDriver()
    ledger = Ledger(storage, name, space.distributions)
    sampler = build_sampler(spec.sampling, seed, len(ledger.trials()), len(driver.alive_ids()) - 1)
    pruner = build_pruner(spec.pruner, rungs, spec.reduction_factor)
    ledger.guided_by(sampler, pruner)
    log = TrialLog(ledger, driver, watch, spec.secondary_objective)
    _end_others(space, ledger, log)
    planner = planner or planner_of(space, spec, seed)
    view = partial(_view_of(space, spec, seed), absent=_added(space, ledger))
    queue = SearchQueue(ledger, space, planner, view, spec.trials, decided)
    return _assemble(log, queue, PrunerJudge(ledger, pruner), rungs, deadline or Deadline(spec.timeout_hours), spec)


def _view_of(space: Space, spec: SearchSpec, seed: int) -> View:
    """Return the study as the sampler sees it."""
    if spec.prior_effects:
        return prior_view(spec.sampling, prior_trials(space, spec.prior_effects, seed))
    return sampler_view(spec.sampling, spec.secondary_objective)


def _end_others(space: Space, ledger: Ledger, log: TrialLog) -> None:
    """Fail running trials of other programs, and interrupted ones on texts that were removed from the study."""
    log.end_foreign()
    alive_ids = log.driver.alive_ids()
    for trial in ledger.trials(TrialState.RUNNING):
        if trial.user_attrs.get(records.DRIVER) in alive_ids or records.CONFIG not in trial.user_attrs:
            continue
        config = TrialConfig.from_dict(trial.user_attrs[records.CONFIG])
        if space.searches_texts and not set(config.mix.names) <= set(space.searched):
            log.fail(trial.number, "A text of its mix was removed from the study.")


def _added(space: Space, ledger: Ledger) -> dict[str, BaseDistribution]:
    """Return the parameters of texts that were added after some trials, which therefore do not have them."""
    finished = ledger.trials(*_FINISHED)
    return {
        name: distribution
        for name, distribution in space.distributions.items()
        if name.startswith(PREFIX) and any(name not in trial.params for trial in finished)
    }


def planner_of(space: Space, spec: SearchSpec, seed: int) -> Planner:
    """Return the planner of a search in a space."""
    arms = arms_of(space, spec, seed)
    if not spec.single_texts:
        return arms
    return SinglesFirst(arms, {name: space.alone(name) for name in space.searched}, space.settings, seed)


def arms_of(space: Space, spec: SearchSpec, seed: int) -> Arms:
    """Return the two arms of a search in a space."""
    design = design_of(space, seed)
    if design is None or spec.randomized_settings == "drawn" or not space.settings:
        return Arms(design, spec.randomized_share, seed)
    opening = opening_trials(spec.trials, spec.randomized_share)
    held = HeldSettings(space.settings, design.size, opening)
    return Arms(design, spec.randomized_share, seed, held, opening)


def open_confirmation(
    storage: BaseStorage,
    name: str,
    runs: Sequence[Run],
    failed: Iterable[TrialConfig],
    spec: SearchSpec,
    rungs: tuple[int, ...],
    watch: Watch,
    driver: Driver,
    deadline: Deadline,
) -> StudySearcher:
    """Open the Optuna study of the confirmation runs, none of which is pruned.

    Args:
        storage: the database.
        name: name of the study in the database.
        runs: all confirmation runs of the search.
        failed: configurations of the runs that failed before, which are run once more.
        spec: settings of the search, for the limits on failures and retries.
        rungs: training tokens, cumulative, at which every run reports.
        watch: called with every event.
        driver: the driver that runs the confirmation.
        deadline: time limit.
    """
    ledger = Ledger(storage, name, {})
    ledger.guided_by(RandomSampler(seed=0), NopPruner())  # neither is used
    log = TrialLog(ledger, driver, watch)
    log.end_foreign()
    queue = ConfirmationQueue(ledger, runs, failed)
    return _assemble(log, queue, NeverStops(), rungs, deadline, spec)


def _assemble(
    log: TrialLog,
    queue: Queue,
    judge: Judge,
    rungs: tuple[int, ...],
    deadline: Deadline,
    spec: SearchSpec,
) -> StudySearcher:
    return StudySearcher(
        log, queue, judge, rungs, deadline, failures=spec.max_consecutive_failures, retries=spec.retries
    )
