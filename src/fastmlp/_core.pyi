"""Types of _core.pyx, which has the documentation."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import disjoint_base

_Array: TypeAlias = NDArray[Any]
_CSR: TypeAlias = tuple[_Array, _Array, _Array, int]  # data, indices, indptr, n_rows
_Rows: TypeAlias = _Array | _CSR

class Solver(NamedTuple):
    code: int
    n_state: int
    takes: tuple[str, ...]
    averages: bool
    full_batch: bool

class Activation(NamedTuple):
    code: int
    stored: bool
    slopes: bool
    pieces: bool

class Loss(NamedTuple):
    code: int
    output: str
    outputs: tuple[str, ...]
    n_args: int
    outputs_per_target: int
    domain: Literal["real", "nonnegative", "positive", "probability"]

SOLVERS: dict[str, Solver]
OUTPUTS: dict[str, int]
LOSSES: dict[str, Loss]
ACTIVATIONS: dict[str, Activation]

def loss_domain(loss: str, args: tuple[float, ...]) -> str: ...
def isa_name() -> str: ...
def available_isas() -> list[str]: ...
def set_isa(name: str) -> None: ...
def kernel_table(isa: str, dtype: DTypeLike) -> int: ...
def build_info() -> dict[str, Any]: ...
def max_threads() -> int: ...
def in_parallel() -> bool: ...

@disjoint_base
class Network:
    layer_sizes: tuple[int, ...]
    activations: tuple[str, ...]
    columns: tuple[int, ...]
    output: str
    loss: str
    dtype: np.dtype[Any]
    n_params: int
    n_running: int
    is_random: bool
    n_features: int
    n_outputs: int
    n_targets: int
    loss_args: tuple[float, ...]
    groups: tuple[int, ...]
    def __init__(
        self,
        layer_sizes: Sequence[int],
        activations: Sequence[str],
        output: str,
        loss: str,
        dtype: DTypeLike,
        *,
        loss_args: Sequence[float] = ...,
        label_smoothing: float = ...,
        groups: Sequence[int] = ...,
        maxout_pieces: int = ...,
        dropout: Sequence[float] = ...,
        normalization: Literal["batch", "layer"] | None = ...,
        residual: bool = ...,
        input_dropout: float = ...,
        input_noise: float = ...,
    ) -> None: ...

def new_running(net: Network) -> _Array: ...
def forward(
    net: Network,
    params: _Array,
    X: _Rows,
    n_threads: int = ...,
    out: _Array | None = ...,
    raw: bool = ...,
    exact_threads: bool = ...,
    running: _Array | None = ...,
) -> _Array: ...
def all_finite(array: NDArray[Any]) -> bool: ...
def is_ready(X: object, n_features: int = 0, dtype: np.dtype[Any] | None = None) -> bool: ...
def holds(attributes: dict[str, Any], shown: dict[str, tuple[Any, ...]]) -> bool: ...
def with_complement(p: _Array) -> _Array: ...
def uniform(
    random_state: np.random.RandomState, low: float, high: float, out: NDArray[np.floating]
) -> None: ...
def shuffle(random_state: np.random.RandomState, order: NDArray[np.intp]) -> None: ...

@disjoint_base
class Trainer:
    net: Network
    batch_size: int
    rate_sum: float
    n_state: int
    def __init__(
        self,
        net: Network,
        solver: str | None,
        params: _Array,
        state: _Array | None,
        X: _Rows,
        y: _Array,
        sample_weight: _Array | None,
        batch_size: int,
        n_threads: int = ...,
        exact_threads: bool = ...,
        *,
        average: bool = ...,
        clip: bool = ...,
        running: _Array | None = ...,
        seed: int = ...,
    ) -> None: ...
    def bind(self, X: _Rows, y: _Array, sample_weight: _Array | None) -> None: ...
    def release(self) -> None: ...
    def fits(self, net: Network, batch_size: int, n_threads: int) -> bool: ...
    def write_running(self, running: _Array) -> None: ...
    def read_running(self, running: _Array) -> None: ...
    def write(self, params: _Array, state: _Array | None = ...) -> None: ...
    def read(self, params: _Array, state: _Array | None = ...) -> None: ...
    def train(
        self,
        order: NDArray[np.intp] | None,
        start: int,
        stop: int,
        *,
        step: int,
        learning_rate: float,
        alpha: float,
        momentum: float = ...,
        nesterov: bool = ...,
        beta_1: float = ...,
        beta_2: float = ...,
        epsilon: float = ...,
        rho: float = ...,
        weight_decay: float = ...,
        l1: float = ...,
        max_norm: float = ...,
        gradient_clip: float = ...,
        ema_decay: float = ...,
        rates: NDArray[np.float64] | None = ...,
    ) -> tuple[int, int, float]: ...
    def forward_rows(
        self, order: NDArray[np.intp] | None, start: int, stop: int, step: int = ...
    ) -> _Array | None: ...
    def loss_grad(self, alpha: float, grad: _Array) -> float: ...
    def forward(self, X: _Rows, raw: bool = ...) -> _Array: ...
    def snapshot(self) -> bytes: ...
    def restore(self, snapshot: bytes) -> None: ...
    def weights_finite(self) -> bool: ...

def loss_grad(
    net: Network,
    params: _Array,
    X: _Rows,
    y: _Array,
    sample_weight: _Array | None,
    alpha: float,
    grad: _Array,
    n_threads: int = ...,
    seed: int = ...,
) -> float: ...
