"""A Gaussian process kernel on a subset of the input columns, which scikit-learn does not have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel


class Columns(Kernel):  # type: ignore[misc]  # scikit-learn has no types
    """Apply another kernel to the columns `first:end` (`end` excluded)."""

    def __init__(self, kernel: Kernel, first: int, end: int) -> None:
        self.kernel = kernel
        self.first = first
        self.end = end

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        params = {"kernel": self.kernel, "first": self.first, "end": self.end}
        return params | ({f"kernel__{k}": v for k, v in self.kernel.get_params().items()} if deep else {})

    @property
    def hyperparameters(self) -> list[Hyperparameter]:
        own = self.kernel.hyperparameters
        return [Hyperparameter(f"kernel__{h.name}", h.value_type, h.bounds, h.n_elements, h.fixed) for h in own]

    @property
    def theta(self) -> NDArray[np.float64]:
        theta: NDArray[np.float64] = self.kernel.theta
        return theta

    @theta.setter
    def theta(self, theta: NDArray[np.float64]) -> None:
        self.kernel.theta = theta

    @property
    def bounds(self) -> NDArray[np.float64]:
        bounds: NDArray[np.float64] = self.kernel.bounds
        return bounds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Columns) and (self.kernel, self.first, self.end) == (
            other.kernel,
            other.first,
            other.end,
        )

    def __hash__(self) -> int:
        return hash((self.first, self.end))

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:  # noqa: N803  scikit-learn's names
        return self.kernel(self._select(X), None if Y is None else self._select(Y), eval_gradient)

    def diag(self, X: Any) -> Any:  # noqa: N803
        return self.kernel.diag(self._select(X))

    def is_stationary(self) -> bool:
        return bool(self.kernel.is_stationary())

    def _select(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        return inputs[:, self.first : self.end]
