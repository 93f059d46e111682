"""Random networks with random data, for the engine and for the oracle of reference.py alike."""

import numpy as np
import reference
import scipy.sparse as sp
from loss_formulas import ARGS

from fastmlp import _core

PAIRS = [
    ("identity", "squared_error"),
    ("exp", "poisson"),
    ("softmax", "log_loss"),
    ("logistic", "log_loss"),
]
HIDDEN = ["identity", "logistic", "tanh", "relu"]
ELEMENTWISE = list(reference.DERIVATIVES)  # with those, all that are functions of one number
SOLVERS = ["sgd", "adam"]  # those of reference.train_epoch
TOLERANCE = {np.dtype(np.float32): 2e-5, np.dtype(np.float64): 1e-13}


HEADS = [
    (output, loss, args)
    for loss, row in _core.LOSSES.items()
    for output in row.outputs
    for args in ARGS.get(loss, [()])
    if loss != "custom"
]


def random_head(rng, head=None):
    """(number of outputs, arguments of Problem) for one of HEADS and random targets of it."""
    output, loss, args = HEADS[rng.integers(len(HEADS))] if head is None else head
    n, options = int(rng.integers(1, 4)), {"output": output, "loss": loss, "args": args}
    if _core.LOSSES[loss].domain == "probability":
        options["smoothing"] = float(rng.choice([0, 0.2]))
    if output == "softmax":
        options["soft"] = bool(rng.integers(2))
        options["groups"] = [(), (2, 3), (3, 2, 2)][rng.integers(3)]
        return sum(options["groups"]) or n + 1, options
    return n * (_core.LOSSES[loss].outputs_per_target or len(args)), options


class Problem:
    """A network and rows for it.

    Parameters
    ----------
    rng : numpy.random.Generator
    dtype : float32 or float64
    sizes : tuple of int
        Layer sizes, input to output.
    hidden : sequence of str, optional
        Activations, at random if not given.
    output, loss : str
    args, smoothing, groups
        Of the loss, as in `_core.Network`.
    soft : bool, default=False
        Make the targets of softmax probabilities instead of classes.
    n : int, default=37
        Rows.
    weights : None, "random" or "some zero"
    density : float, optional
        Make X sparse.
    index_dtype : int32 or int64
    scale : float, default=1
        Of the weights, in units of Glorot's.
    """

    def __init__(
        self,
        rng,
        dtype,
        sizes,
        output="identity",
        loss="squared_error",
        *,
        args=(),
        smoothing=0.0,
        groups=(),
        soft=False,
        hidden=None,
        n=37,
        weights=None,
        density=None,
        index_dtype=np.int32,
        scale=1,
    ):
        hidden = rng.choice(HIDDEN, len(sizes) - 2) if hidden is None else hidden
        self.sizes, self.hidden, self.dtype = tuple(sizes), [str(h) for h in hidden], dtype
        self.output, self.loss, self.n = output, loss, n
        self.head = {"args": args, "smoothing": smoothing, "groups": groups}
        self.net = _core.Network(
            self.sizes, self.hidden, output, loss, dtype,
            loss_args=args, label_smoothing=smoothing, groups=groups,
        )  # fmt: skip
        legacy = np.random.RandomState(rng.integers(2**31))
        self.params = (reference.init_params(sizes, legacy) * scale).astype(dtype)
        X = rng.normal(size=(n, sizes[0])) * min(1, 2 / np.sqrt(sizes[0]))
        if density is not None:
            X *= rng.random(X.shape) < density
        self.dense = np.ascontiguousarray(X, dtype)
        self.X = self.dense if density is None else as_csr(self.dense, index_dtype)
        self.y = self.Y = None
        self._draw_targets(rng, soft)
        self.weight = None
        if weights is not None:
            self.weight = rng.uniform(0.1, 2, n).astype(dtype)
            if weights == "some zero":
                self.weight[rng.random(n) < 0.4] = 0
                self.weight[0] = 1

    def _draw_targets(self, rng, soft):
        """y for the engine, Y for the oracle: of the loss's domain."""
        shape, groups = (self.n, self.net.n_targets), self.head["groups"] or self.sizes[-1:]
        domain = _core.loss_domain(self.loss, self.head["args"])
        if domain == "probability" and self.output == "softmax" and not soft:
            classes = [rng.integers(0, k, self.n).astype(np.int32) for k in groups]
            self.y = np.stack(classes, axis=1) if len(groups) > 1 else classes[0]
            one_hot = [reference.one_hot(c, k) for c, k in zip(classes, groups, strict=True)]
            self.Y = np.concatenate(one_hot, axis=1)
            return
        Y = {
            "real": lambda: rng.normal(size=shape),
            "nonnegative": lambda: rng.poisson(1.0, shape),
            "positive": lambda: rng.gamma(2.0, size=shape),
            "probability": lambda: (
                np.concatenate([rng.dirichlet(np.ones(k), self.n) for k in groups], axis=1)
                if self.output == "softmax"
                else rng.integers(0, 2, shape)
            ),
        }[domain]()
        self.y = np.ascontiguousarray(Y, self.dtype)
        self.Y = self.y.astype(float)

    @property
    def reference(self):
        """(layer_sizes, hidden, output, loss), as reference.train_epoch takes it."""
        return self.sizes, self.hidden, self.output, self.loss

    def wide(self, *arrays):
        return [None if a is None else np.asarray(a, float) for a in arrays]

    def expected_output(self, params=None, rows=slice(None)):
        params, X = self.wide(self.params if params is None else params, self.dense[rows])
        return reference.forward(params, self.sizes, self.hidden, self.output, X)

    def expected_gradient(self, alpha=0.0):
        """(loss, gradient) of all rows."""
        params, X, weight = self.wide(self.params, self.dense, self.weight)
        return reference.loss_and_gradient(
            params, *self.reference, X, self.Y, weight, alpha,
            eps=np.finfo(self.dtype).eps, **self.head,
        )  # fmt: skip

    def state(self, solver):
        return np.zeros((_core.SOLVERS[solver].n_state, self.net.n_params), self.dtype)

    def trainer(self, solver, batch_size, state=None, **options):
        return _core.Trainer(
            self.net, solver, self.params, state, self.X, self.y, self.weight, batch_size, **options
        )


def as_csr(dense, index_dtype=np.int32):
    """The engine's tuple (data, indices, indptr, n_rows)."""
    X = sp.csr_array(dense)
    return X.data, X.indices.astype(index_dtype), X.indptr.astype(index_dtype), X.shape[0]


def train(trainer, order, start, stop, step=0, learning_rate=0.01, alpha=0.0, **hyper):
    """All mini-batches of order[start:stop]; returns (steps done so far, sum of loss * rows)."""
    loss_sum = 0.0
    while start < stop:
        position, steps, loss_sum = trainer.train(
            order, start, stop, step=step, learning_rate=learning_rate, alpha=alpha, **hyper
        )
        assert start < position <= stop
        start, step = position, step + steps
    return step, loss_sum


def read(trainer, solver=None):
    """(params, state) of a trainer."""
    net = trainer.net
    params = np.empty(net.n_params, net.dtype)
    state = None
    if solver is not None:
        state = np.empty((trainer.n_state, net.n_params), net.dtype)
    trainer.read(params, state)
    return params, state


def random_sizes(rng, depth, widest=130):
    """Widths at and around what kernels care about."""
    widths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130]
    return tuple(int(n) for n in rng.choice([w for w in widths if w <= widest], depth + 2))


def some(rng, dtype, count, **options):
    """`count` random problems: four take in every loss and depth, sixteen all pairs of them."""
    for i in range(count):
        output, loss = PAIRS[i % 4]
        yield Problem(rng, dtype, random_sizes(rng, (i + i // 4) % 4), output, loss, **options)


def close(got, want, rtol, scale=None):
    """Largest error relative to the largest value."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    size = np.abs(want).max(initial=0) if scale is None else scale
    assert np.isfinite(got).all()
    error = np.abs(got - want).max(initial=0)
    assert error <= rtol * max(size, 1e-300), f"error {error:.3g}, {rtol * size:.3g} allowed"


def refused(call, *args):
    """Whether the call raises TypeError or ValueError, as for a bad argument it must."""
    try:
        call(*args)
    except (TypeError, ValueError):
        return True
    return False
