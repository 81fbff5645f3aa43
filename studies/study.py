"""A study from Python: create or open it, run it, read its results. The command line calls nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from spaces import InputError
from spaces.errors import listed
from studies.api.results import StudyResults
from studies.api.tools import RUNS
from studies.spec import bound, functions_of, named
from studies.storage import finding
from studies.storage.store import Store

if TYPE_CHECKING:
    from search.events import Event
    from spaces.functions import UserFunction
    from studies.api.given import StudyFields
    from studies.run.execution import Outcome
    from studies.run.interrupts import Stop
    from studies.run.launch import Ready
    from studies.run.status import Status
    from studies.spec import StudySpec

Backend = Literal["ray", "local"]


class Study(StudyResults):
    """A search over texts and settings: its specification, its trials in a database, and what they say.

    Make one with `Study.create`, open an existing one with `open_study`. Every method reads the database again, so that
    results are up to date while another program runs the study.

    Examples:
        >>> study = Study.create(texts="library", objective=count_words, name="words", trials=12)
        >>> study.run(backend="local").ending
        <Ending.FINISHED: 'every trial has ended'>
        >>> study.effects().columns[:4].tolist()
        ['text', 'group', 'pages', 'tokens']
    """

    def __init__(
        self,
        store: Store,
        name: str,
        folder: Path,
        functions: Mapping[str, UserFunction],
        ready: Ready | None = None,
        origin: tuple[object, Mapping[str, Any]] = (None, {}),
    ) -> None:
        """Use `Study.create` or `open_study` instead."""
        super().__init__(store, name, folder)
        self._functions = functions
        self._ready = ready
        self._origin = origin
        self._snapshot = self._now() if ready is not None else None
        self._request: tuple[int | None, StudySpec | Path | str | None, bool] = (None, None, False)

    @classmethod
    def create(
        cls,
        spec: StudySpec | Mapping[str, Any] | Path | str | None = None,
        *,
        runs: Path | str = RUNS,
        **fields: Unpack[StudyFields],
    ) -> Self:
        """Check a new study and store it; nothing is trained yet.

        Args:
            spec: a study file, its data, or None to start from the defaults of `mixtune init`.
            runs: folder that holds studies; the study gets a folder of its own in it.
            fields: values that replace those of `spec`, such as `texts`, `base`, `tasks`, `objective` and `trials`;
                see `StudyFields`.

        Raises:
            InputError: a value cannot be used, or a study of this name exists.

        Examples:
            >>> study = Study.create(texts="library", objective=count_words, name="created", trials=12)
            >>> study.status().total
            12
        """
        from studies.api.given import located_in, spec_of

        made = spec_of(spec, fields)  # a mistake in a file is reported before heavy imports
        from studies.run.launch import prepare_launch

        with located_in(spec, fields):
            ready = prepare_launch(made, Path(runs))
        return cls(ready.store, made.name, ready.folder, functions_of(made), ready, (spec, fields))

    @property
    def spec(self) -> StudySpec:
        """The study's specification as it is stored."""
        return bound(self._stored().spec, self._functions)

    @property
    def rungs(self) -> tuple[int, ...]:
        """Training tokens, cumulative, at which every trial is scored.

        Raises:
            InputError: the study cannot be run; see `check`.
        """
        self.check()
        assert self._ready is not None
        return self._ready.rungs

    def status(self) -> Status:
        """How far the study is, of the trials that it will have after `check`."""
        status = super().status()
        return replace(status, total=self._ready.spec.search.trials) if self._ready is not None else status

    def check(
        self, trials: int | None = None, spec: StudySpec | Path | str | None = None, *, allow: bool = False
    ) -> tuple[str, ...]:
        """Check everything that further trials need, without running any; return notes for the user.

        Args:
            trials: new number of trials of the whole study.
            spec: a changed study file to continue with.
            allow: accept changes in it that leave scores comparable, and texts that were added or removed.

        Raises:
            InputError: the study cannot be run: its texts, base or tasks are missing or have changed, for example.
        """
        from studies.api.given import spec_of
        from studies.run.launch import resumable
        from studies.storage.store import open_store

        if self._ready is None or trials is not None or spec is not None:
            file = spec_of(spec, {}) if spec is not None else None
            found = finding.Found(open_store(self.url), self._stored(), self.folder)
            self._ready = resumable(found, trials, file, allow=allow, functions=self._functions)
            self._snapshot, self._request = self._now(), (trials, spec, allow)
        return self._ready.notes

    def _now(self) -> object:
        """Parts of the stored study that another program changes when it runs or updates it."""
        study = self._stored()
        return len(study.records), study.spec.to_dict()

    def run(self, backend: Backend = "ray", on_event: Callable[[Event], None] = lambda _: None) -> Outcome:
        """Run trials until the study has all of them, then confirm the best ones; Ctrl-C stops in order.

        Args:
            backend: `ray` runs trials side by side; `local` one after the other in this process.
            on_event: called with every event of the run, in this process.

        Returns:
            Why the run ended. Everything that was computed is stored, whatever the reason.

        Raises:
            InputError: the study cannot be run, or another program runs it.
        """
        from studies.api.given import located_in
        from studies.run.runners import runner_of

        if self._ready is not None and self._snapshot != self._now():
            self._ready = None  # it was run elsewhere since it was checked
            trials, spec, allow = self._request
            self.check(trials, spec, allow=allow)
        self.check()
        ready, self._ready = self._ready, None
        assert ready is not None
        with located_in(*self._origin):
            return ready.run(runner_of(backend, ready), on_event)

    def resume(
        self,
        trials: int | None = None,
        backend: Backend = "ray",
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> Outcome:
        """Continue the study, with more trials if `trials` is given; arguments and result are those of `run`."""
        self.check(trials)
        return self.run(backend, on_event)

    @contextmanager
    def stoppable(self) -> Iterator[Stop]:
        """Within the block, SIGINT, SIGTERM and SIGHUP stop a run in order; a second one ends the process."""
        from studies.run.interrupts import stoppable

        with stoppable(self.resume_command) as stop:
            yield stop

    def __repr__(self) -> str:
        return f"Study({self.name!r}, url={self.url!r})"


def open_study(
    where: Path | str,
    *,
    name: str | None = None,
    runs: Path | str = RUNS,
    storage: str | None = None,
    objective: Callable[..., Any] | None = None,
    scorers: Sequence[Callable[..., Any]] = (),
) -> Study:
    """Open an existing study by its name, its folder, or the URL of its database.

    Args:
        where: the name of a study in `runs`, a study's folder (a `Path`, or text with a `/`), or a database URL.
        name: the study's name, if a URL names a database of several.
        runs: folder that holds studies.
        storage: URL of the database, if the study's folder does not know it.
        objective: the study's own objective, if it is a function that cannot be imported.
        scorers: its own scorers, likewise.

    Raises:
        InputError: there is no such study; the message lists those that exist.

    Examples:
        >>> open_study("demo", runs=runs).status().finished
        True
    """
    functions = named([*scorers, *([objective] if objective is not None else [])])
    if isinstance(where, str) and "://" in where:
        storage, where = where, name or finding.only_name(where)
    if isinstance(where, Path) or ("://" not in where and "/" in where and finding.is_folder(Path(where))):
        found = finding.find_in(Path(where), name)
    else:
        found = finding.find(where, Path(runs), storage, reading=True)
    _refuse_unused(functions, found.study.spec)
    return Study(found.store, found.study.spec.name, found.folder, functions)


def _refuse_unused(functions: Mapping[str, UserFunction], spec: StudySpec) -> None:
    called = functions_of(spec)
    if unused := functions.keys() - called.keys():
        raise InputError(
            f"The study {spec.name!r} calls {listed(called)}, and not {listed(sorted(unused))}. Give the functions "
            "that it was created with.",
            code="function-unused",
        )


def list_studies(runs: Path | str = RUNS) -> list[str]:
    """Names of the studies in a folder of studies.

    Examples:
        >>> list_studies(runs)
        ['demo']
    """
    return finding.names_in(Path(runs))
