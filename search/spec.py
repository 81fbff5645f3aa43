"""The `search:` section of a study file: how the next trial is chosen, and which are stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from search.pruners import PRUNERS
from search.samplers import SAMPLERS, preferred
from search.secondary import SECONDARY_OBJECTIVES
from spaces.choices import Spec
from spaces.errors import UnfitError, listed

AUTO = "auto"


class RaySpec(Spec):
    """The Ray cluster that runs trials."""

    address: str | None = None
    """`auto`: the cluster that this machine belongs to; `HOST:PORT`: that of this head, from one of its machines;
    empty: Ray is started here."""


class ConfirmSpec(Spec):
    """Runs on the questions that the search never saw, when it has ended."""

    best: int = Field(3, ge=0)
    """How many of the best configurations are trained anew; 0: none."""
    seeds: int = Field(3, ge=2)
    """Runs of each, with fresh seeds."""
    each_text: bool = False
    """Also run every text alone, with the best settings."""


class SearchSpec(Spec):
    """Trials, sampler, pruner, and what a trial may use of the machine."""

    former: ClassVar[Mapping[str, str]] = {
        "second": "secondary_objective",
        "prior": "prior_effects",
        "randomised": "randomized_share",
        "reduction": "reduction_factor",
        "failures": "max_consecutive_failures",
        "hours": "timeout_hours",
    }

    trials: int = Field(40, gt=0)
    """Trials to finish, pruned and failed ones included."""
    sampler: str = "auto"
    """`auto`: gp for one objective and up to 128 trials, else tpe (docs/samplers.md)."""
    secondary_objective: str | None = None
    """A second objective beside the score: `retention` (forget little of held-out text), `text_tokens` (few tokens of
    text), `adapter_size` (few trained weights). Pruning looks at the score alone; the report shows the Pareto front."""
    prior_effects: dict[str, float] = Field(default_factory=dict)
    """Text to the effect that it is thought to have, in the score's unit; gp and tpe begin with that opinion and
    forget it as trials complete (`mixtune t2l rank --prior` writes one). Empty: no opinion."""
    pruner: str = "asha"
    randomized_share: float = Field(0.5, ge=0, le=1)
    """Share of the trials whose texts are drawn by coin flips and that are never pruned: the effects of the texts
    are measured on these alone."""
    reduction_factor: int = Field(3, gt=1)
    """asha and hyperband keep one trial in so many at each of their rungs."""
    workers: int | None = Field(None, gt=0)
    """Trials at once; empty: as many as the machine's processors or GPUs allow."""
    cpus: Annotated[float, Field(gt=0)] = 1
    """Processors of a trial."""
    gpus: float | None = Field(None, ge=0)
    """GPUs of a trial, 0.5 puts two trials on one; empty: one where the objective runs on a GPU, else none."""
    max_consecutive_failures: int = Field(3, gt=0)
    """The study stops after so many failures in a row for the same reason."""
    retries: int = Field(2, ge=0)
    """How often a trial goes on elsewhere when the worker that runs it dies; then it has failed."""
    confirm: ConfirmSpec = ConfirmSpec()
    """Runs after the search, beside the untouched base, all texts and a random mix."""
    ray: RaySpec = RaySpec()
    timeout_hours: float | None = Field(None, gt=0)
    """Time for one launch or resume: no trial begins after it, those under way stop at their next rung and go on at
    the next resume. Empty: until all trials are finished."""
    listeners: list[str] = Field(default_factory=list)
    """Who hears of every event beside the terminal: `jsonl` (lines in `events.jsonl`), or what other packages add."""

    @field_validator("sampler")
    @classmethod
    def _sampler(cls, name: str) -> str:
        return SAMPLERS.known(name, AUTO)

    @property
    def sampling(self) -> str:
        """Name of the sampler that is meant."""
        if self.sampler != AUTO:
            return self.sampler
        return preferred(1 if self.secondary_objective is None else 2, self.trials)

    @field_validator("listeners")
    @classmethod
    def _listeners(cls, names: list[str]) -> list[str]:
        if len(set(names)) < len(names):
            raise UnfitError(f"each listener can be named once; got {listed(names)}", code="listener-twice")
        return names

    @field_validator("secondary_objective")
    @classmethod
    def _goal(cls, name: str | None) -> str | None:
        return SECONDARY_OBJECTIVES.known(name) if name is not None else None

    @model_validator(mode="after")
    def _made_for_two_goals(self) -> Self:
        if self.secondary_objective is not None and SAMPLERS[self.sampling].objectives < 2:
            fit = [name for name in SAMPLERS if SAMPLERS[name].objectives > 1]
            raise UnfitError(
                f"the sampler {self.sampling} searches for one objective only; with `secondary_objective`, take one of "
                f"{listed(fit)}",
                code="sampler-one-objective",
            )
        if self.secondary_objective is not None and PRUNERS[self.pruner].objectives < 2:
            fit = [name for name in PRUNERS if PRUNERS[name].objectives > 1]
            raise UnfitError(
                f"the pruner {self.pruner} knows one objective only; with `secondary_objective`, take one of "
                f"{listed(fit)}",
                code="pruner-one-objective",
            )
        return self

    @model_validator(mode="after")
    def _opinion_on_the_score(self) -> Self:
        if self.secondary_objective is not None and self.prior_effects:
            raise UnfitError(
                "a prior is an opinion on the score alone; leave out `prior_effects` or `secondary_objective`",
                code="prior-with-secondary-objective",
            )
        if self.prior_effects and not SAMPLERS[self.sampling].takes_prior:
            fit = [name for name in SAMPLERS if SAMPLERS[name].takes_prior]
            raise UnfitError(
                f"the sampler {self.sampling} takes no prior; take one of {listed(fit)}, or leave out `prior_effects`",
                code="sampler-without-prior",
            )
        return self

    @field_validator("pruner")
    @classmethod
    def _pruner(cls, name: str) -> str:
        return PRUNERS.known(name)
