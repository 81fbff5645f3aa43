"""The `objective:` section of a study file: how a trial becomes a score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from objectives.scoring.spec import ScoreSpec
from spaces.choices import Spec, Switch
from spaces.errors import UnfitError
from spaces.functions import FunctionField

_Share = Annotated[float, Field(gt=0, le=1)]
Precision = Literal["float32", "bfloat16", "4bit"]
PRECISIONS = get_args(Precision)


class FinetuneSpec(Spec):
    """Train an adapter on the mix, and score the adapted model at rungs."""

    former: ClassVar[Mapping[str, str]] = {
        "length": "sequence_length",
        "batch": "batch_size",
        "accumulate": "gradient_accumulation_steps",
        "checkpointing": "gradient_checkpointing",
        "remember": "prefix_cache_gb",
        "warmup": "warmup_steps",
        "clip": "max_grad_norm",
    }

    kind: Literal["finetune"] = "finetune"
    base: str = Field("tiny", min_length=1)
    """`tiny` (shipped), a folder in the Hugging Face layout, or a model name on the hub."""
    trust_remote_code: bool = False
    """Run Python code that comes with the base. See docs/security.md."""
    add_bos_token: Switch = "auto"
    """Whether training windows, held-out text and questions begin with the special tokens that the tokenizer puts
    before a text, usually BOS. `auto`: as the tokenizer of the base does."""
    tokens: int = Field(gt=0)
    """Training tokens of every trial, whatever its mix: texts compete by quality, not by size."""
    rungs: list[_Share] = Field(default=[1 / 3, 2 / 3, 1.0], min_length=1)
    """Shares of `tokens` after which the model is scored; the last must be 1."""
    questions: list[_Share] | None = None
    """Share of the search's questions that is scored at each rung, not decreasing, the last 1; empty: all at every
    rung."""
    sequence_length: int = Field(256, gt=1)
    """Tokens of a training sequence."""
    batch_size: int = Field(8, gt=0)
    """Sequences of a training step."""
    gradient_accumulation_steps: int = Field(1, gt=0)
    """Number of parts in which the sequences of a step are computed in turn: less memory, the same step."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""
    prefix_cache_gb: float = Field(1.0, ge=0)
    """Gigabytes in which a worker caches the outputs of the layers below the lowest trained one, for sequences that it
    reads again; 0: no cache."""
    warmup_steps: int = Field(5, ge=0)
    """Steps of linear warm-up; the learning rate then falls linearly to zero."""
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    """Norm to which the gradient is clipped."""
    precision: Precision = "float32"
    """Precision of the frozen base; adapters are always trained in float32. `4bit` (NF4) needs CUDA and
    bitsandbytes."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    scores: Annotated[list[ScoreSpec], Field(min_length=1)]
    """Scores to measure; the search maximizes the first, the others are recorded."""

    @field_validator("rungs")
    @classmethod
    def _increasing(cls, rungs: list[float]) -> list[float]:
        if sorted(set(rungs)) != rungs or not math.isclose(rungs[-1], 1.0):
            raise UnfitError(f"rungs must increase and end with 1; got {rungs}", code="rungs-not-rising")
        return rungs

    @model_validator(mode="after")
    def _questions_of_every_rung(self) -> Self:
        shares = self.questions
        if shares is not None and (len(shares) != len(self.rungs) or sorted(shares) != shares or shares[-1] < 1):
            raise UnfitError(
                f"questions must give a share for each of the {len(self.rungs)} rungs, not decreasing, the last 1; "
                f"got {shares}",
                code="question-shares",
            )
        return self

    @model_validator(mode="after")
    def _even_parts(self) -> Self:
        if self.batch_size % self.gradient_accumulation_steps:
            raise UnfitError(
                f"gradient_accumulation_steps must divide batch_size, so that all parts are equal; got "
                f"batch_size {self.batch_size}, gradient_accumulation_steps {self.gradient_accumulation_steps}",
                code="accumulate-uneven",
            )
        return self

    @property
    def step_tokens(self) -> int:
        """Tokens of a training step."""
        return self.batch_size * self.sequence_length

    @property
    def steps(self) -> int:
        """Training steps of a trial: its tokens, rounded up to whole steps."""
        return math.ceil(self.tokens / self.step_tokens)

    @property
    def rung_steps(self) -> tuple[int, ...]:
        """Cumulative steps at which the model is scored."""
        return tuple(sorted({max(1, round(share * self.steps)) for share in self.rungs}))

    @property
    def rung_questions(self) -> tuple[float, ...]:
        """Share of the search's questions that is scored at each rung."""
        shares = self.questions or [1.0] * len(self.rungs)
        at = {max(1, round(rung * self.steps)): share for rung, share in zip(self.rungs, shares, strict=True)}
        return tuple(at[step] for step in self.rung_steps)

    @property
    def rung_tokens(self) -> tuple[int, ...]:
        """Cumulative tokens at which the model is scored."""
        return tuple(step * self.step_tokens for step in self.rung_steps)


class SyntheticSpec(Spec):
    """A closed-form objective with known effects: studies in milliseconds, for tests and calibration."""

    kind: Literal["synthetic"]
    effects: dict[str, float]
    """Effect of each text's presence on the final score, by text name."""
    interactions: dict[str, float] = Field(default_factory=dict)
    """Additional effect of the joint presence of two texts, by their names joined with `*`."""
    base_score: float = 0.25
    """Score of the untouched base."""
    noise: float = Field(0.0, ge=0)
    """Standard deviation of the score over seeds."""
    best_rate: float = Field(1e-3, gt=0)
    """Best learning rate; the score falls by `rate_penalty` for every factor of ten away from it."""
    rate_penalty: float = 0.0
    layers: int = Field(4, gt=0)
    tokens: int = Field(900, gt=0)
    rungs: int = Field(3, gt=0)
    """Number of evenly spaced rungs."""
    seconds: float = Field(0.0, ge=0)
    """Wall time of a rung, in seconds."""
    failures: float = Field(0.0, ge=0, le=1)
    """Share of the trials, chosen by their seeds, that fail with an error."""

    @model_validator(mode="after")
    def _a_token_a_rung(self) -> Self:
        if self.tokens < self.rungs:
            raise UnfitError(
                f"tokens must not be less than rungs; got tokens {self.tokens} and rungs {self.rungs}",
                code="tokens-below-rungs",
            )
        return self


class FunctionSpec(Spec):
    """A Python function that scores a trial: for a training of your own, or for anything else that texts change.

    The function is called as `function(trial)` and returns the trial's score, or yields one score for each rung; higher
    is better. It runs on the workers.
    """

    kind: Literal["function"]
    function: FunctionField
    """`module:name` of a function in an installed package; in Python, the function itself."""
    tokens: int = Field(1_000, gt=0)
    """Budget of a trial, which the function finds in `trial.stages`; its unit is the function's to choose."""
    rungs: int = Field(1, gt=0)
    """Number of scores that the function yields for a trial, at evenly spaced shares of `tokens`."""
    base_score: float = 0.0
    """Score without any text: gains are measured from it."""

    @model_validator(mode="after")
    def _a_token_a_rung(self) -> Self:
        if self.tokens < self.rungs:
            raise UnfitError(
                f"tokens must be at least rungs, got tokens {self.tokens} and rungs {self.rungs}",
                code="tokens-below-rungs",
            )
        return self


def _kind(data: Any) -> str:
    kind = data.get("kind", "finetune") if isinstance(data, dict) else getattr(data, "kind", "finetune")
    return str(kind)


ObjectiveSpec = Annotated[
    Annotated[FinetuneSpec, Tag("finetune")]
    | Annotated[SyntheticSpec, Tag("synthetic")]
    | Annotated[FunctionSpec, Tag("function")],
    Discriminator(_kind),
]
