"""Types of the public signatures. scikit-learn ships none: what comes from it is Any."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray


class SparseMatrix(Protocol):
    """What SciPy's sparse matrices and arrays have."""

    def tocsr(self) -> Any: ...


class CustomLoss(Protocol):
    """A loss of the user's, see the parameter ``loss``."""

    def loss(self, y: Any, raw: Any, sample_weight: Any) -> ArrayLike: ...

    def gradient(self, y: Any, raw: Any, sample_weight: Any) -> ArrayLike: ...


Array: TypeAlias = NDArray[Any]
Matrix: TypeAlias = ArrayLike | SparseMatrix
Sizes: TypeAlias = int | Sequence[int] | NDArray[np.integer[Any]]
RandomState: TypeAlias = int | np.random.RandomState | None
ClassWeight: TypeAlias = str | Mapping[Any, float] | Sequence[Any] | None
WeightInit: TypeAlias = Callable[[tuple[int, int], np.random.RandomState], ArrayLike]
Schedule: TypeAlias = Callable[[float], float]
Method = TypeVar("Method", bound=Callable[..., Any])
