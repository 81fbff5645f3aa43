"""The `search:` section of a study file: how trials are chosen, pruned and run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from search.pruners import PRUNERS
from search.samplers import SAMPLERS, preferred
from search.secondary import SECONDARY_OBJECTIVES
from spaces.choices import Spec
from spaces.errors import UnfitError, listed

AUTO = "auto"


class RaySpec(Spec):
    """Settings of the Ray cluster that runs trials."""

    address: str | None = None
    """`auto`: the cluster that this machine belongs to; `HOST:PORT`: the cluster with this head node, from one of its
    machines; empty: Ray is started on this machine."""


class ConfirmSpec(Spec):
    """Confirmation runs on held-out questions, after the search."""

    best: int = Field(3, ge=0)
    """Number of the best configurations that are trained again; 0: none."""
    seeds: int = Field(3, ge=2)
    """Number of runs of each configuration, with fresh seeds."""
    each_text: bool = False
    """Also run every text alone, with the best settings."""


class SearchSpec(Spec):
    """Settings of the search: trials, sampler, pruner, and the resources of a trial."""

    former: ClassVar[Mapping[str, str]] = {
        "second": "secondary_objective",
        "prior": "prior_effects",
        "randomised": "randomized_share",
        "reduction": "reduction_factor",
        "failures": "max_consecutive_failures",
        "hours": "timeout_hours",
    }

    trials: int = Field(40, gt=0)
    """Number of trials to finish, including pruned and failed ones."""
    stop: Literal["at_trials", "when_decided"] = "at_trials"
    """`at_trials`: after `trials`; `when_decided`: once every text has a verdict or is shown to be negligible, and
    after `trials` at the latest (docs/how-to/stop-when-decided.md)."""
    negligible_effect: float | None = Field(None, gt=0)
    """With `stop: when_decided`, a text is also decided if its effect is shown to be smaller than this in either
    direction, in the score's unit. Empty: only a verdict decides a text."""
    sampler: str = "auto"
    """`auto`: mixture for one objective and up to 128 trials, else tpe (docs/samplers.md)."""
    secondary_objective: str | None = None
    """A second objective in addition to the score: `retention` (forget little of held-out text), `text_tokens` (few
    tokens of text), `adapter_size` (few trained weights). Pruning uses only the score; the report shows the Pareto
    front."""
    prior_effects: dict[str, float] = Field(default_factory=dict)
    """Texts to their expected effects, in the score's unit; mixture, gp and tpe start from these and forget them as
    trials complete (`mixtune t2l rank --prior` writes them). Empty: no prior."""
    pruner: str = "asha"
    randomized_share: float = Field(0.5, ge=0, le=1)
    """Share of the trials that are randomized: their texts are drawn at random and they are never pruned. The effects
    of the texts are measured only on these trials."""
    randomized_settings: Literal["held", "drawn"] = "held"
    """Settings (rank, targets, learning rate, ...) of the randomized trials. `held`: those of the best trial so far,
    looked up again after every 16 randomized trials; the study opens with guided trials that look for them. `drawn`:
    drawn by the sampler for every pair, so that effects are averaged over settings."""
    single_texts: bool = False
    """Begin with one trial of every text by itself, all with the same settings and seed and none of them pruned: a
    first answer, and one adapter per text. They come in addition to the two arms."""
    reduction_factor: int = Field(3, gt=1)
    """asha and hyperband keep one in `reduction_factor` trials at each of their rungs."""
    workers: int | None = Field(None, gt=0)
    """Number of concurrent trials; empty: as many as the machine's processors or GPUs allow."""
    cpus: Annotated[float, Field(gt=0)] = 1
    """Number of processors per trial."""
    gpus: float | None = Field(None, ge=0)
    """Number of GPUs per trial; 0.5 puts two trials on one GPU. Empty: 1 if the objective runs on a GPU, else 0."""
    max_consecutive_failures: int = Field(3, gt=0)
    """Number of consecutive failures for the same reason after which the study stops."""
    retries: int = Field(2, ge=0)
    """How often a trial resumes on another worker when its worker dies, before the trial fails."""
    confirm: ConfirmSpec = ConfirmSpec()
    """Runs after the search: its best configurations, the untouched base, all texts and a random mix."""
    ray: RaySpec = RaySpec()
    timeout_hours: float | None = Field(None, gt=0)
    """Time limit of one launch or resume, in hours: after it, no trial starts, and running trials pause at their next
    rung until the next resume. Empty: no limit."""
    listeners: list[str] = Field(default_factory=list)
    """Listeners to all events, in addition to the terminal: `jsonl` (lines in `events.jsonl`), or those of other
    packages."""

    @field_validator("sampler")
    @classmethod
    def _sampler(cls, name: str) -> str:
        return SAMPLERS.known(name, AUTO)

    @property
    def stops_when_decided(self) -> bool:
        """Whether the study may stop before `trials`, because every text is decided."""
        return self.stop == "when_decided"

    @property
    def sampling(self) -> str:
        """Name of the sampler, with `auto` resolved."""
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
    def _secondary_objective(cls, name: str | None) -> str | None:
        return SECONDARY_OBJECTIVES.known(name) if name is not None else None

    @model_validator(mode="after")
    def _check_two_objectives(self) -> Self:
        if self.secondary_objective is not None and SAMPLERS[self.sampling].objectives < 2:
            fit = [name for name in SAMPLERS if SAMPLERS[name].objectives > 1]
            raise UnfitError(
                f"the sampler {self.sampling} supports only one objective; with `secondary_objective`, use one of "
                f"{listed(fit)}",
                code="sampler-one-objective",
            )
        if self.secondary_objective is not None and PRUNERS[self.pruner].objectives < 2:
            fit = [name for name in PRUNERS if PRUNERS[name].objectives > 1]
            raise UnfitError(
                f"the pruner {self.pruner} supports only one objective; with `secondary_objective`, use one of "
                f"{listed(fit)}",
                code="pruner-one-objective",
            )
        return self

    @model_validator(mode="after")
    def _check_negligible_effect(self) -> Self:
        if self.negligible_effect is not None and not self.stops_when_decided:
            raise UnfitError(
                "`negligible_effect` only says when a study stops; add `stop: when_decided`, or leave it out",
                code="negligible-without-stop",
            )
        return self

    @model_validator(mode="after")
    def _check_prior_effects(self) -> Self:
        if self.secondary_objective is not None and self.prior_effects:
            raise UnfitError(
                "prior effects apply to the score only; leave out `prior_effects` or `secondary_objective`",
                code="prior-with-secondary-objective",
            )
        if self.prior_effects and not SAMPLERS[self.sampling].takes_prior:
            fit = [name for name in SAMPLERS if SAMPLERS[name].takes_prior]
            raise UnfitError(
                f"the sampler {self.sampling} does not support a prior; use one of {listed(fit)}, or leave out "
                "`prior_effects`",
                code="sampler-without-prior",
            )
        return self

    @field_validator("pruner")
    @classmethod
    def _pruner(cls, name: str) -> str:
        return PRUNERS.known(name)
