"""What a study was run with."""

from __future__ import annotations

import platform
from importlib.metadata import version

_PACKAGES = ("mixtune", "optuna", "torch", "transformers", "peft", "ray", "lm-eval", "safetensors", "scikit-learn")


def versions() -> dict[str, str]:
    """Package to version, Python included."""
    return {"python": platform.python_version()} | {package: version(package) for package in _PACKAGES}
