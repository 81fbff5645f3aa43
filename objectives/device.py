"""The device, CPU or GPU, on which models run."""

from __future__ import annotations

import torch

DEVICES = ("auto", "cpu", "cuda", "mps")
_CARD = "random_cuda"
_PROCESSOR = "random"


def choose_device(wanted: str) -> str:
    """Resolve `auto` to CUDA if available, else to MPS, else to the CPU."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def cards() -> int:
    """Number of CUDA GPUs that torch can use."""
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def card_memory(device: str) -> int:
    """Memory of the GPU, in bytes; 0 unless the device is `cuda`."""
    return int(torch.cuda.get_device_properties(0).total_memory) if device == "cuda" else 0


def most_card_memory() -> int:
    """Peak GPU memory of this process, in bytes; 0 without a GPU."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def wait_for_card() -> None:
    """Wait until the GPU has finished its queued work."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    elif torch.backends.mps.is_available():
        torch.mps.synchronize()


def current_cards() -> list[int]:
    """Index of the current GPU, if any, as `torch.random.fork_rng` takes it."""
    return [torch.cuda.current_device()] if torch.cuda.is_available() else []


def random_state(*, on_card: bool) -> dict[str, torch.Tensor]:
    """Return the state of torch's random generators on the CPU and, with `on_card`, on the GPU."""
    return {_PROCESSOR: torch.get_rng_state(), **({_CARD: torch.cuda.get_rng_state()} if on_card else {})}


def pop_random_state(tensors: dict[str, torch.Tensor], *, on_card: bool) -> dict[str, torch.Tensor] | None:
    """Remove the entries of `random_state` from `tensors` and return them; None if they are for another device."""
    state = {name: tensors.pop(name) for name in (_PROCESSOR, _CARD) if name in tensors}
    expected = {_PROCESSOR, *([_CARD] if on_card else [])}
    return state if state.keys() == expected else None


def set_random_state(state: dict[str, torch.Tensor]) -> None:
    """Restore the state of torch's random generators."""
    torch.set_rng_state(state[_PROCESSOR])
    if _CARD in state:
        torch.cuda.set_rng_state(state[_CARD])
