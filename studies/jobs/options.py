"""Options of commands about models, checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from objectives.scoring.spec import ScenesSpec
from spaces import InputError
from spaces.choices import SWITCHES
from spaces.errors import did_you_mean, listed
from studies.jobs.text_to_lora.options import Options
from studies.storage.finding import find


def checked_device(device: str) -> str:
    """A device by its name.

    Raises:
        InputError: there is no device of that name, or no card.
    """
    from objectives.device import DEVICES, cards

    if device not in DEVICES:
        raise InputError(
            f"--device must be one of {listed(DEVICES)}; got {device!r}.{did_you_mean(device, DEVICES)}",
            code="option-unknown",
        )
    if device == "cuda" and not cards():
        raise InputError(
            "--device cuda needs a graphics card that torch can use, and there is none. Leave it out.", code="no-gpu"
        )
    return device


def scenes_spec(files: Sequence[str], limit: int | None, chat_template: str, threshold: float) -> ScenesSpec:
    """The scenes that a model is scored on.

    Raises:
        InputError: `chat_template` is none of the choices.
    """
    if chat_template not in SWITCHES:
        raise InputError(
            f"--chat-template must be one of {listed(SWITCHES)}; got {chat_template!r}.", code="option-unknown"
        )
    fields = {"files": list(files), "limit": limit, "threshold": threshold, "chat_template": chat_template}
    return ScenesSpec.model_validate({"kind": "scenes", **fields})


def train_on_named_study(
    console: Console, name: str, runs: Path, storage: str | None, out: Path | None, options: Options
) -> None:
    """Train a hypernetwork on an existing study; `out`: the folder to write, in the study's folder if not given.

    Raises:
        InputError: there is no such study, it has too little to learn from, or `out` is taken.
    """
    from studies.jobs.text_to_lora.training import train_on_study
    from studies.jobs.text_to_lora.using import FOLDER

    _, study, folder = find(name, runs, storage, reading=True)
    train_on_study(console, study, folder, out or folder / FOLDER, options)
