"""No progress bars and warnings of the libraries among our own lines; to be asked for before they are imported."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any


def quieten_libraries() -> None:
    """Say nothing but what we say; whoever has set these variables keeps them."""
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft)\.")
    warnings.filterwarnings("ignore", message="IProgress not found")  # of tqdm, in notebooks
    warnings.showwarning = _as_note


_shown = warnings.showwarning


def _as_note(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
    """Show a warning of ours as a note, without the line of code that gave it."""
    if category.__name__ == "FormerName":
        sys.stderr.write(f"Note: {message}\n")
    else:
        _shown(message, category, *place, **options)
