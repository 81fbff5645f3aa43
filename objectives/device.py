"""The processor, or the card, on which models run."""

from __future__ import annotations

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
_CARD = "random_cuda"
_PROCESSOR = "random"


def choose_device(wanted: str) -> str:
    """The device for `auto`: CUDA, else Apple's, else the processor."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def cards() -> int:
    """Graphics cards that torch can use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def card_memory(device: str) -> int:
    """Bytes of the card's memory; 0 where the device is no card."""
    return int(torch.cuda.get_device_properties(0).total_memory) if device == "cuda" else 0


def most_card_memory() -> int:
    """Bytes that this process has had on the card at most; 0 without one."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def wait_for_card() -> None:
    """Wait until the card has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()


def current_cards() -> list[int]:
    """The card whose random numbers are drawn now, for `torch.random.fork_rng`."""
    return [torch.cuda.current_device()] if torch.cuda.is_available() else []


def random_state(*, on_card: bool) -> dict[str, torch.Tensor]:
    """The state of torch's random numbers, on the processor and, where it takes part, on the card."""
    return {_PROCESSOR: torch.get_rng_state(), **({_CARD: torch.cuda.get_rng_state()} if on_card else {})}


def pop_random_state(tensors: dict[str, torch.Tensor], *, on_card: bool) -> dict[str, torch.Tensor] | None:
    """Take out of `tensors` what `random_state` put in; None where it is not of such a device."""
    found = {name: tensors.pop(name) for name in (_PROCESSOR, _CARD) if name in tensors}
    wanted = {_PROCESSOR, *([_CARD] if on_card else [])}
    return found if found.keys() == wanted else None


def set_random_state(state: dict[str, torch.Tensor]) -> None:
    """Let random numbers go on from a state."""
    torch.set_rng_state(state[_PROCESSOR])
    if _CARD in state:
        torch.cuda.set_rng_state(state[_CARD])
