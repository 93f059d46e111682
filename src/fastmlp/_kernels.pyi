"""Types of _kernels.pyx, the door of tests and benchmarks to the kernels."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import disjoint_base

_Array: TypeAlias = NDArray[Any]
_Place: TypeAlias = tuple[int, int, int]  # seed, step, stream

ACTIVATIONS: dict[str, int]
OUTPUTS: dict[str, int]
LOSSES: dict[str, int]
RULES: list[str]
MATH: dict[str, int]

def available() -> list[str]: ...
def fma_peak(
    n_threads: int = ..., dtype: DTypeLike = ..., seconds: float = ..., isa: str | None = ...
) -> float: ...

@disjoint_base
class Table:
    isa: str
    dtype: np.dtype[Any]
    def __init__(self, isa: str, dtype: DTypeLike) -> None: ...
    @property
    def lanes(self) -> int: ...
    @property
    def nr(self) -> int: ...
    @property
    def mr(self) -> int: ...
    @property
    def narrow_max(self) -> int: ...
    def slots(self) -> list[bool]: ...
    def forward(
        self, X: _Array, w: _Array, act: str, out: _Array, n: int | None = None
    ) -> None: ...
    def forward_flat(self, X: _Array, w: _Array, bias: _Array, act: str, out: _Array) -> None: ...
    def forward_narrow(self, X: _Array, w: _Array, act: str, out: _Array) -> None: ...
    def forward_sparse(self, X: Any, index: _Array, w: _Array, act: str, out: _Array) -> None: ...
    def backward(
        self, dz: _Array, wt: _Array, act: str, a: _Array, dz_in: _Array, n_in: int | None = None
    ) -> None: ...
    def backward_narrow(
        self, dz: _Array, w: _Array, act: str, a: _Array, dz_in: _Array
    ) -> None: ...
    def grad(
        self,
        X: _Array,
        k0: int,
        k1: int,
        dz: _Array,
        accumulate: bool,
        g: _Array,
        n: int | None = None,
    ) -> None: ...
    def grad_narrow(
        self, X: _Array, k0: int, k1: int, dz: _Array, accumulate: bool, g: _Array
    ) -> None: ...
    def grad_sparse(
        self,
        X: tuple[_Array, _Array, _Array],
        k0: int,
        k1: int,
        dz: _Array,
        accumulate: bool,
        g: _Array,
    ) -> None: ...
    def grad_bias(self, dz: _Array, accumulate: bool, g: _Array) -> None: ...
    def act_forward(self, act: str, a: _Array) -> None: ...
    def act_backward(self, act: str, a: _Array, d: _Array | None) -> None: ...
    def act_store(self, act: str, a: _Array, d: _Array | None) -> None: ...
    def prelu(
        self, slopes: _Array, a: _Array, d: _Array | None = ..., e: _Array | None = ...
    ) -> None: ...
    def prelu_backward(self, slopes: _Array, e: _Array, dz: _Array) -> None: ...
    def maxout(self, n: int, a: _Array, d: _Array | None = ..., e: _Array | None = ...) -> None: ...
    def maxout_backward(self, n: int, e: _Array, dz: _Array) -> None: ...
    def dropout(
        self, place: _Place, row: int, p: float, act: str, a: _Array, d: _Array | None = ...
    ) -> None: ...
    def dropout_entries(
        self, place: _Place, row: int, p: float, columns: _Array, x: _Array, out: _Array
    ) -> None: ...
    def noise(self, place: _Place, row: int, sigma: float, a: _Array) -> None: ...
    def layer_norm(
        self,
        n: int,
        z: _Array,
        gamma: _Array,
        beta: _Array,
        eps: float,
        y: _Array,
        rstd: _Array | None = ...,
    ) -> None: ...
    def layer_norm_backward(
        self, n: int, dy: _Array, zhat: _Array, gamma: _Array, rstd: _Array | None, dz: _Array
    ) -> None: ...
    def batch_stats(
        self,
        z: _Array,
        weight: _Array | None,
        total: float,
        momentum: float,
        mean: _Array,
        var: _Array,
        running_mean: _Array,
        running_var: _Array,
    ) -> None: ...
    def batch_norm(
        self,
        z: _Array,
        mean: _Array,
        var: _Array,
        eps: float,
        gamma: _Array,
        beta: _Array,
        y: _Array,
    ) -> None: ...
    def batch_norm_backward(
        self,
        dy: _Array,
        zhat: _Array,
        weight: _Array | None,
        total: float,
        dgamma: _Array,
        dbeta: _Array,
        var: _Array,
        eps: float,
        gamma: _Array,
        dz: _Array,
    ) -> None: ...
    def norm_sums(
        self, dy: _Array, zhat: _Array, accumulate: bool, dgamma: _Array, dbeta: _Array
    ) -> None: ...
    def add(self, x: _Array, a: _Array) -> None: ...
    def add_rows(self, x: _Array, a: _Array) -> None: ...
    def add_sparse(self, X: Any, index: _Array, a: _Array) -> None: ...
    def loss(
        self,
        output: str,
        loss: str,
        z: _Array,
        index: _Array,
        dense: _Array | None,
        classes: _Array | None,
        weight: _Array | None,
        loss_rows: _Array,
        *,
        args: Sequence[float] = ...,
        smoothing: float = ...,
        groups: Sequence[int] | None = ...,
    ) -> None: ...
    def output(
        self,
        output: str,
        z: _Array,
        out: _Array,
        *,
        raw: bool = ...,
        groups: Sequence[int] | None = ...,
    ) -> None: ...
    def rule(
        self,
        rule: str,
        g: _Array,
        w: _Array,
        *state: _Array,
        scale: float = ...,
        alpha: float = ...,
        learning_rate: float = ...,
        momentum: float = ...,
        nesterov: bool = ...,
        beta_1: float = ...,
        beta_2: float = ...,
        epsilon: float = ...,
        rho: float = ...,
        step: float = ...,
        step_gradient: float = ...,
        root: float = ...,
        mix: float = ...,
        decay: float = ...,
        threshold: float = ...,
        more: _Array | None = ...,
    ) -> float: ...
    def gradient_squares(
        self, g: _Array, w: _Array, *, scale: float = ..., alpha: float = ...
    ) -> float: ...
    def average(self, w: _Array, e: _Array, mix: float) -> None: ...
    def combine(self, a: float, x: _Array, b: float, y: _Array | None, out: _Array) -> None: ...
    def cap_columns(self, w: _Array, limit: float) -> None: ...
    def cap_row(self, w: _Array, limit: float) -> None: ...
    def transpose(self, src: _Array, dst: _Array) -> None: ...
    def sum(self, x: _Array) -> float: ...
    def finite(self, x: _Array) -> bool: ...
    def math(self, op: str, x: _Array, y: _Array) -> None: ...
    def fma_peak(self, n: int) -> float: ...
