"""Puts a searcher together: for the trials of a search, and for the runs that confirm it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from optuna.pruners import NopPruner
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage

from search.arms import Arms, Planner
from search.confirmation import ConfirmationQueue, Run
from search.deadline import Deadline
from search.designs import design_of
from search.events import Event
from search.judge import Judge, NeverStops, PrunerJudge
from search.log import TrialLog
from search.prior_effects import imagined, with_prior
from search.pruners import build_pruner
from search.queue import Queue, SearchQueue
from search.samplers import build_sampler
from search.searcher import StudySearcher
from search.secondary import sampled
from search.spec import SearchSpec
from search.storage.drivers import Driver, LoneDriver
from search.storage.ledger import Ledger
from spaces import Space, TrialConfig

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
    deadline: Deadline | None = None,
) -> StudySearcher:
    """Open an existing Optuna study for searching; trials in it that another program began are ended.

    Args:
        storage: the database.
        name: of the study in it.
        space: what to search.
        spec: how.
        rungs: cumulative tokens at which every trial reports.
        seed: of the study.
        watch: hears of everything that happens.
        driver: who searches; None where nobody else can.
        planner: decides what trials are about; None for the two arms of a search.
        deadline: when to stop; None: after the hours of `spec`.
    """
    driver = driver or LoneDriver()
    ledger = Ledger(storage, name, space.distributions)
    sampler = build_sampler(spec.sampling, seed, len(ledger.trials()), len(driver.alive_ids()) - 1)
    view = with_prior(spec.sampling, imagined(space, spec.prior_effects, seed)) if spec.prior_effects else None
    pruner = build_pruner(spec.pruner, rungs, spec.reduction_factor)
    ledger.guided_by(sampler, pruner)
    log = TrialLog(ledger, driver, watch, spec.secondary_objective)
    log.end_foreign()
    planner = planner or Arms(design_of(space, seed), spec.randomized_share, seed)
    queue = SearchQueue(ledger, space, planner, view or sampled(spec.sampling, spec.secondary_objective), spec.trials)
    return _put_together(log, queue, PrunerJudge(ledger, pruner), rungs, deadline or Deadline(spec.timeout_hours), spec)


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
    """Open the Optuna study that holds the runs of a confirmation: all of them go to their end.

    Args:
        storage: the database.
        name: of the study in it.
        runs: all that confirm the search.
        failed: configurations of those that failed before; they are run once more.
        spec: of the search: how many failures and lost workers are borne.
        rungs: cumulative tokens at which every run reports.
        watch: hears of everything that happens.
        driver: who runs them.
        deadline: when to stop.
    """
    ledger = Ledger(storage, name, {})
    ledger.guided_by(RandomSampler(seed=0), NopPruner())  # neither is asked anything
    log = TrialLog(ledger, driver, watch)
    log.end_foreign()
    queue = ConfirmationQueue(ledger, runs, failed)
    return _put_together(log, queue, NeverStops(), rungs, deadline, spec)


def _put_together(
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
