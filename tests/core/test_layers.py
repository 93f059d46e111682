"""Hidden layers with normalisation, dropout, noise and residuals against reference_layers.py."""

import itertools

import numpy as np
import philox
import pytest
import reference
import reference_layers
from core.problems import as_csr, close
from reference_layers import Spec

from fastmlp import _core

SEED = 0xFEDCBA9876543210
INPUT_DROPOUT, INPUT_NOISE, LAYERS = 0, 1, 2  # streams of the engine's generator
ACTIVATIONS = ["relu", "tanh", "gelu", "prelu", "maxout"]


class Case:
    """A random network with data, for the engine and the oracle alike."""

    def __init__(
        self, rng, sizes, *, normalization=None, residual=False, dropout=0.0, input_dropout=0.0,
        input_noise=0.0, sparse=False, weights=None, n=23, dtype=np.float64, hidden=None,
        output="softmax", pieces=3,
    ):  # fmt: skip
        hidden = tuple(hidden or rng.choice(ACTIVATIONS, len(sizes) - 2))
        self.spec = Spec(tuple(sizes), hidden, normalization, residual, pieces)
        self.dropout = [dropout] * len(hidden)
        self.input_dropout, self.input_noise, self.output = input_dropout, input_noise, output
        self.net = _core.Network(
            sizes, hidden, output, "log_loss" if output == "softmax" else "squared_error", dtype,
            dropout=self.dropout, normalization=normalization, residual=residual,
            input_dropout=input_dropout, input_noise=input_noise, maxout_pieces=pieces,
        )  # fmt: skip
        self.params = reference_layers.random_params(self.spec, rng).astype(dtype)
        X = rng.normal(size=(n, sizes[0]))
        if sparse:
            X *= rng.random(X.shape) < 0.4
        self.dense = np.ascontiguousarray(X, dtype)
        self.X = as_csr(self.dense, [np.int32, np.int64][n % 2]) if sparse else self.dense
        if output == "softmax":
            self.y = rng.integers(0, sizes[-1], n).astype(np.int32)
            self.Y = reference.one_hot(self.y, sizes[-1])
        else:
            self.Y = self.y = rng.normal(size=(n, sizes[-1])).astype(dtype)
        self.weight = None
        if weights is not None:
            self.weight = rng.integers(1, 4, n).astype(dtype)
            if weights == "some zero":
                self.weight[rng.random(n) < 0.4] = 0

    def inputs(self, step=0):
        """What the first layer reads in training."""
        X, rows = self.dense.astype(float), np.arange(len(self.dense))
        if self.input_noise:
            place = SEED, step, INPUT_NOISE
            X = X + self.input_noise * philox.normal(place, rows, X.shape[1])
        return X * philox.mask((SEED, step, INPUT_DROPOUT), rows, X.shape[1], self.input_dropout)

    def masks(self, step=0):
        rows = np.arange(len(self.dense))
        return [
            philox.mask((SEED, step, LAYERS + i), rows, n, p)
            for i, (n, p) in enumerate(zip(self.spec.sizes[1:-1], self.dropout, strict=True))
        ]

    def predicted(self, z):
        return reference.softmax(z) if self.output == "softmax" else z

    def expected_gradient(self, alpha, step=0):
        w = np.ones(len(self.Y)) if self.weight is None else self.weight.astype(float)
        done = reference_layers.forward(
            self.spec, self.params, self.inputs(step), self.masks(step), w
        )
        delta = (self.predicted(done.z) - self.Y) * w[:, None] / w.sum()
        gradient = reference_layers.backward(self.spec, self.params, done, delta, w)
        parts = self.spec.unflatten(self.params.astype(float))
        decay = {k: alpha * v * (k[0] in ("W", "P")) / w.sum() for k, v in parts.items()}
        self.done = done
        return gradient + self.spec.flatten(decay)

    def gradient(self, alpha, **options):
        grad = np.empty(self.net.n_params, self.net.dtype)
        trainer = self.trainer(None, len(self.Y), **options)
        loss = trainer.loss_grad(alpha, grad)
        return loss, grad, trainer

    def trainer(self, solver, batch_size, **options):
        return _core.Trainer(
            self.net, solver, self.params, None, self.X, self.y, self.weight, batch_size,
            seed=SEED, **options,
        )  # fmt: skip


def check(case, rtol=1e-11, alpha=0.3):
    want = case.expected_gradient(alpha)
    _, got, _ = case.gradient(alpha)
    assert case.net.n_params == case.spec.n_params()
    for (name, layer), w in case.spec.unflatten(want).items():
        g = case.spec.unflatten(got)[name, layer]
        close(g, w, rtol, scale=np.abs(w).max() + 1e-2 * np.abs(want).max())


OPTIONS = {
    "normalization": [None, "batch", "layer"],
    "residual": [False, True],
    "dropout": [0.0, 0.4],
    "sparse": [False, True],
}


@pytest.mark.parametrize("weights", [None, "some zero"])
@pytest.mark.parametrize("values", list(itertools.product(*OPTIONS.values())), ids=str)
def test_gradient(isa, values, weights, rng):
    options = dict(zip(OPTIONS, values, strict=True))
    for sizes in [(5, 1, 3), (7, 7, 9, 9, 4), (20, 18, 2, 33, 3)]:
        check(Case(rng, sizes, weights=weights, input_dropout=0.3 * options["dropout"], **options))


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_gradient_in_float32(isa, normalization, rng):
    for residual, sparse in itertools.product([False, True], repeat=2):
        case = Case(
            rng, (20, 40, 40, 3), normalization=normalization, residual=residual, sparse=sparse,
            dropout=0.2, weights="random", n=64, dtype=np.float32,
        )  # fmt: skip
        check(case, 2e-4)


def test_noise_on_inputs(isa, rng):
    for dropout in (0.0, 0.5):
        case = Case(rng, (9, 8, 3), input_noise=0.7, input_dropout=dropout, residual=True)
        before = case.dense.copy()
        check(case, 1e-9)
        assert np.array_equal(case.dense, before), "X was changed"


def test_noise_needs_dense_rows(rng):
    case = Case(rng, (9, 8, 3), input_noise=0.7, sparse=True)
    with pytest.raises(ValueError):
        case.gradient(0.0)


@pytest.mark.parametrize("normalization", [None, "layer"])
def test_chunks_change_no_mask(isa, normalization, rng):
    """2,100 rows are held 1,024 at a time: a row's masks depend on its place in the whole batch."""
    case = Case(
        rng, (6, 5, 3), normalization=normalization, residual=True, dropout=0.5, input_dropout=0.2,
        n=2100,
    )  # fmt: skip
    check(case, 1e-10)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_predict(isa, normalization, sparse, rng):
    """Nothing dropped, no noise, running statistics; the same from a trainer and without one."""
    for sizes in [(5, 1, 3), (7, 7, 9, 4), (20, 33, 2, 3)]:
        case = Case(
            rng, sizes, normalization=normalization, residual=True, dropout=0.5, sparse=sparse,
            input_dropout=0.5,
        )  # fmt: skip
        net = case.net
        running = rng.uniform(0.5, 2, net.n_running)
        pairs, at = [], 0
        for n in net.columns[:-1] if net.n_running else ():
            pairs.append((running[at : at + n], running[at + n : at + 2 * n]))
            at += 2 * n
        done = reference_layers.forward(case.spec, case.params, case.dense, running=pairs or None)
        got = _core.forward(net, case.params, case.X, raw=True, running=running)
        close(got, done.z, 1e-12)
        for threads in (2, 7):
            again = _core.forward(
                net, case.params, case.X, threads, raw=True, running=running, exact_threads=True
            )
            assert np.array_equal(again, got)
        trainer = case.trainer("adam", 5, running=running)
        assert np.array_equal(trainer.forward(case.X, raw=True), got)


def test_running_statistics(isa, rng):
    case = Case(rng, (5, 6, 9, 3), normalization="batch", weights="some zero", dropout=0.5)
    case.expected_gradient(0.0)
    total = case.weight.astype(float).sum()
    moments = [
        part
        for mean, var in zip(case.done.mean, case.done.var, strict=True)
        for part in (mean[0], var[0] * total / (total - 1))
    ]
    running = rng.uniform(1, 2, case.net.n_running)
    _, _, trainer = case.gradient(0.0, running=running)
    got = np.empty_like(running)
    trainer.read_running(got)
    close(got, np.concatenate(moments), 1e-12)

    trainer = case.trainer("sgd", len(case.Y), running=running)
    trainer.train(None, 0, len(case.Y), step=0, learning_rate=0.1, alpha=0.0)
    trainer.read_running(got)
    close(got, 0.9 * running + 0.1 * np.concatenate(moments), 1e-12)


def trained(case, solver="adam", batch_size=50, epochs=2, **options):
    trainer = case.trainer(solver, batch_size, **options)
    step, losses = 0, []
    for _ in range(epochs):
        position = 0
        while position < len(case.Y):
            position, steps, loss = trainer.train(
                None, position, len(case.Y), step=step, learning_rate=0.01, alpha=0.01
            )
            step += steps
        losses.append(loss)
    params = np.empty(case.net.n_params, case.net.dtype)
    running = np.empty(case.net.n_running, case.net.dtype)
    trainer.read(params)
    trainer.read_running(running)
    return params, running, np.array(losses), step


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_threads_change_no_bit(isa, normalization, sparse, rng):
    case = Case(
        rng, (30, 40, 40, 17, 3), normalization=normalization, residual=True, dropout=0.3,
        input_dropout=0.2, input_noise=0.0 if sparse else 0.1, sparse=sparse, weights="some zero",
        n=160, dtype=np.float32,
    )  # fmt: skip
    want = trained(case)
    for threads in (2, 4, 7):
        got = trained(case, n_threads=threads, exact_threads=True)
        assert all(np.array_equal(g, w) for g, w in zip(got, want, strict=True))
    assert np.isfinite(want[0]).all()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_custom_loss_in_two_calls(normalization, sparse, rng):
    """The caller's squared error, given between the two calls, trains as the engine's."""
    options = {
        "dropout": 0.3, "input_dropout": 0.2, "normalization": normalization, "residual": True,
        "hidden": ["gelu", "tanh"], "input_noise": 0.0 if sparse else 0.1,
    }  # fmt: skip
    sizes, n, batch = (9, 8, 8, 2), 45, 11  # a last mini-batch of one row
    case = Case(rng, sizes, sparse=sparse, output="identity", n=n, weights="random", **options)
    want = trained(case, batch_size=batch)
    del options["hidden"]
    net = _core.Network(
        sizes, ["gelu", "tanh"], "identity", "custom", float,
        **dict(options, dropout=[options["dropout"]] * 2),
    )  # fmt: skip
    for threads in (1, 4):
        answers = np.empty((n, 3))
        trainer = _core.Trainer(
            net, "adam", case.params, None, case.X, answers, case.weight, batch, threads, True,
            seed=SEED,
        )  # fmt: skip
        steps = 0
        for _ in range(2):
            for start in range(0, n, batch):
                rows = slice(start, min(n, start + batch))
                raw = trainer.forward_rows(None, rows.start, rows.stop, steps)
                assert (raw is None) == (rows.stop - start == 1 and normalization == "batch")
                if raw is not None:
                    answers[rows, :-1] = (raw - case.Y[rows]) * case.weight[rows, None]
                    error = 0.5 * ((raw - case.Y[rows]) ** 2).mean(axis=1)
                    answers[rows, -1] = error * case.weight[rows]
                _, done, loss = trainer.train(
                    None, start, rows.stop, step=steps, learning_rate=0.01, alpha=0.01
                )
                steps += done
        params, running = np.empty(net.n_params), np.empty(net.n_running)
        trainer.read(params)
        trainer.read_running(running)
        assert steps == want[3]
        for got, expected in zip((params, running, loss), (*want[:2], want[2][1]), strict=True):
            close(got, expected, 1e-9)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("solver", [*_core.SOLVERS, None])
def test_threads_change_no_bit_in_any_solver(solver, sparse, rng):
    """None: gradients alone. Three epochs of three mini-batches, or of one where steps need it."""
    case = Case(
        rng, (20, 33, 33, 40, 3), normalization="batch", residual=True, dropout=0.3,
        input_dropout=0.2, input_noise=0.0 if sparse else 0.1, sparse=sparse, weights="random",
        n=90, dtype=np.float32, hidden=["relu", "gelu", "tanh"],
    )  # fmt: skip

    def result(**options):
        if solver is None:
            loss, gradient, trainer = case.gradient(0.1, **options)
            running = np.empty(case.net.n_running, np.float32)
            trainer.read_running(running)
            return loss, gradient, running
        batch_size = 90 if _core.SOLVERS[solver].full_batch else 30
        return trained(case, solver, batch_size, epochs=3, **options)

    want = result()
    for threads in (2, 4, 7):
        got = result(n_threads=threads, exact_threads=True)
        assert all(np.array_equal(g, w) for g, w in zip(got, want, strict=True))
    assert all(np.isfinite(w).all() for w in want)


@pytest.mark.parametrize(
    "options",
    [{"residual": True}, {"input_dropout": 0.4}, {"normalization": "batch", "dropout": 0.3}],
    ids=lambda options: "-".join(options),
)
def test_sparse_rows_train_like_dense_ones(options, rng):
    """Each alone: with a projection or dropped inputs columns cannot wait for their steps."""
    case = Case(rng, (30, 40, 3), sparse=True, n=90, **options)
    params, running, losses, _ = trained(case)
    case.X = case.dense
    for got, want in zip(trained(case), (params, running, losses, 4), strict=True):
        close(got, want, 1e-9)


@pytest.mark.parametrize(("n", "n_threads"), [(23, 1), (150, 1), (150, 3)])  # 150: by parts
def test_each_step_has_its_own_masks(n, n_threads, rng):
    """One step at a time against the oracle's masks of that step."""
    case = Case(
        rng, (6, 30, 3), dropout=0.5, input_dropout=0.3, input_noise=0.2, hidden=["tanh"], n=n
    )
    for step in (0, 1, 2, 1000):
        trainer = case.trainer("sgd", n, n_threads=n_threads, exact_threads=True)
        trainer.train(
            None, 0, n, step=step, learning_rate=1.0, alpha=0.0, momentum=0.0,
            nesterov=False,
        )  # fmt: skip
        after = np.empty(case.net.n_params)
        trainer.read(after)
        close(case.params - after, case.expected_gradient(0.0, step), 1e-9)


def test_weight_is_the_number_of_copies(rng):
    """Full batch, batch statistics included; weight 0 is a row that is not there."""
    case = Case(rng, (6, 9, 3), normalization="batch", residual=True, weights="some zero")
    copies = case.weight.astype(int)
    case.weight = case.weight.astype(float)
    _, want, weighted = case.gradient(0.5)
    case.X, case.y, case.weight = (
        np.repeat(case.dense, copies, axis=0), np.repeat(case.y, copies), None,
    )  # fmt: skip
    case.Y = np.repeat(case.Y, copies, axis=0)
    _, got, repeated = case.gradient(0.5)
    close(got, want, 1e-12)
    running = np.empty((2, case.net.n_running))
    weighted.read_running(running[0])
    repeated.read_running(running[1])
    close(running[0], running[1], 1e-12)


def test_batches_of_one_row_do_no_step(rng):
    case = Case(rng, (4, 5, 3), normalization="batch", n=9)
    assert trained(case, batch_size=4, epochs=1)[3] == 2  # 4 rows, 4 rows, 1 row
    case.weight = np.array([1, 1, 0, 0, 0, 2, 0, 0, 1.0])  # one row in the second
    assert trained(case, batch_size=4, epochs=1)[3] == 1


def test_snapshots_hold_running_statistics(rng):
    case = Case(rng, (4, 5, 3), normalization="batch", n=20)
    for average in (False, True):
        trainer = case.trainer("sgd", 10, average=average)
        before = trainer.snapshot()
        out = trainer.forward(case.X)
        hyper = {"ema_decay": 0.9} if average else {}
        trainer.train(None, 0, 20, step=0, learning_rate=0.1, alpha=0.0, **hyper)
        after = trainer.forward(case.X)
        assert not np.array_equal(after, out)
        params, running = np.empty(case.net.n_params), np.empty(case.net.n_running)
        trainer.read(params)
        trainer.read_running(running)
        alone = _core.forward(case.net, params, case.X, running=running)
        assert np.array_equal(alone, after)
        trainer.restore(before)
        assert np.array_equal(trainer.forward(case.X), out)


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": (0.5,)}, {"dropout": (0.5, 1.0)}, {"dropout": (-0.1, 0)},
        {"dropout": (np.nan, 0)}, {"normalization": "group"}, {"input_dropout": 1.0},
        {"input_noise": -1.0}, {"input_noise": np.inf},
    ],
    ids=str,
)  # fmt: skip
def test_unsound(options):
    with pytest.raises(ValueError):
        _core.Network((3, 4, 4, 2), ["relu"] * 2, "identity", "squared_error", float, **options)
