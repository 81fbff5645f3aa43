"""No progress bars and warnings of the libraries among our own lines; to be asked for before they are imported."""

from __future__ import annotations

import os
import warnings


def quieten_libraries() -> None:
    """Say nothing but what we say; whoever has set these variables keeps them."""
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"(transformers|peft)\.")
    warnings.filterwarnings("ignore", message="IProgress not found")  # of tqdm, in notebooks
