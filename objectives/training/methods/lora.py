"""LoRA (Hu et al., 2021, arXiv 2106.09685): a product of two small matrices, added to each target module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spaces.methods import Method

if TYPE_CHECKING:
    from peft import PeftConfig

    from objectives.training.site import Site
    from spaces import Module, Tuning


def config(tuning: Tuning, site: Site, **options: Any) -> PeftConfig:
    """Return the peft configuration for a site.

    `options`: options of `LoraConfig` in which variants of LoRA differ from it.
    """
    from peft import LoraConfig

    from objectives.bases.layout import renamed_by_peft

    modules, experts = site.linear(tuning.targets), site.experts(tuning.targets)
    renamed = renamed_by_peft(site.model)
    return LoraConfig(
        r=tuning.rank,
        lora_alpha=tuning.alpha,
        lora_dropout=tuning.dropout,
        target_modules=[path for path in modules if path not in renamed],
        target_parameters=[*(f"{path}.weight" for path in modules if path in renamed), *experts] or None,
        fan_in_fan_out=site.transposed,
        bias="none",
        task_type="CAUSAL_LM",
        **options,
    )


def size(tuning: Tuning, module: Module) -> int:
    """Return the number of weights of both matrices: r (d_in + d_out), for each expert if there are experts."""
    return max(1, module.experts) * tuning.rank * (module.inputs + module.outputs)


LORA = Method(low_rank=True, targets=True, config=config, size=size, on_parameters=True)
