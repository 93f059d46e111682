"""The engine against the oracle of reference.py: forward, gradient, training, its bookkeeping."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import reference
from core.problems import PAIRS, Problem, as_csr, close, random_sizes, read, refused, train

from fastmlp import _core

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-13}
SOLVERS = ["sgd", "adam"]


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def some(rng, dtype, count, **options):
    """`count` random problems: four take in every loss and depth, sixteen all pairs of them."""
    for i in range(count):
        output, loss = PAIRS[i % 4]
        yield Problem(rng, dtype, random_sizes(rng, (i + i // 4) % 4), output, loss, **options)


# ----------------------------------------------------------------------------------------- forward


def test_forward(isa, dtype, rng):
    for n in (1, 2, 37, 300):
        for p in some(rng, dtype, 16, n=n):
            want = p.expected_output()
            close(_core.forward(p.net, p.params, p.X), want, 10 * TOLERANCE[dtype])
            out = np.full_like(want, np.nan, dtype)
            assert _core.forward(p.net, p.params, p.X, out=out) is out
            close(out, want, 10 * TOLERANCE[dtype])
            close(p.trainer("sgd", 5).forward(p.X), want, 10 * TOLERANCE[dtype])


def test_forward_raw(isa, dtype, rng):
    """Outputs before the output activation."""
    for p in some(rng, dtype, 8):
        params, X = p.wide(p.params, p.dense)
        want = reference.forward(params, p.sizes, p.hidden, "identity", X)
        close(_core.forward(p.net, p.params, p.X, raw=True), want, 10 * TOLERANCE[dtype])
        close(p.trainer("sgd", 5).forward(p.X, raw=True), want, 10 * TOLERANCE[dtype])


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_forward_sparse(isa, dtype, index_dtype, rng):
    for density in (0, 0.1, 1):
        for p in some(rng, dtype, 8, density=density, index_dtype=index_dtype):
            want = p.expected_output()
            close(_core.forward(p.net, p.params, p.X), want, 10 * TOLERANCE[dtype])
            close(p.trainer("sgd", 5).forward(p.X), want, 10 * TOLERANCE[dtype])


def test_forward_of_no_rows(isa, dtype, rng):
    for p in some(rng, dtype, 4, n=0):
        assert _core.forward(p.net, p.params, p.X).shape == (0, p.sizes[-1])
        assert p.trainer("adam", 5).forward(p.X).shape == (0, p.sizes[-1])
        X = as_csr(p.dense)
        assert _core.forward(p.net, p.params, X).shape == (0, p.sizes[-1])


def test_every_width(isa, rng):
    """All widths from 1 to 130 in every place of the network."""
    for width in range(1, 131):
        for sizes in [(width, 3, 2), (3, width, 2), (3, 5, width)]:
            p = Problem(rng, np.float32, sizes, n=5)
            want_loss, want = p.expected_gradient(0.1)
            gradient = np.empty_like(p.params)
            loss = _core.loss_grad(p.net, p.params, p.X, p.y, None, 0.1, gradient)
            close(loss, want_loss, 1e-5)
            close(gradient, want, 1e-5)
            close(_core.forward(p.net, p.params, p.X), p.expected_output(), 1e-5)


# ---------------------------------------------------------------------------------- loss, gradient


@pytest.mark.parametrize("weights", [None, "random", "some zero"])
@pytest.mark.parametrize("density", [None, 0.2])
def test_loss_and_gradient(isa, dtype, weights, density, rng):
    """More rows than one chunk among them."""
    for n in (1, 37, 2500):
        for p in some(rng, dtype, 8, n=n, weights=weights, density=density):
            want_loss, want = p.expected_gradient(0.3)
            gradient = np.full_like(p.params, np.nan)
            loss = _core.loss_grad(p.net, p.params, p.X, p.y, p.weight, 0.3, gradient)
            close(loss, want_loss, 100 * TOLERANCE[dtype])
            close(gradient, want, 100 * TOLERANCE[dtype])


def test_loss_grad_twice(dtype, rng):
    """A trainer can be asked again, with other weights too."""
    p = Problem(rng, dtype, (5, 9, 3), "softmax", "log_loss", n=1500)
    t = p.trainer(None, p.n)
    first, second, other = (np.empty_like(p.params) for _ in range(3))
    loss = t.loss_grad(0.1, first)
    t.write(p.params * 2)
    t.loss_grad(0.1, other)
    t.write(p.params)
    assert t.loss_grad(0.1, second) == loss
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_dense_targets_of_softmax(dtype, rng):
    """One-hot rows or class indices."""
    p = Problem(rng, dtype, (5, 9, 3), "softmax", "log_loss", weights="random")
    results = []
    for y in (p.y, np.ascontiguousarray(p.Y, dtype)):
        gradient = np.empty_like(p.params)
        loss = _core.loss_grad(p.net, p.params, p.X, y, p.weight, 0.1, gradient)
        results.append((loss, gradient))
    assert results[0][0] == results[1][0]
    assert np.array_equal(results[0][1], results[1][1])


# ---------------------------------------------------------------------------------------- training


def expected_training(p, solver, order, batch_size, epochs=1, **options):
    """(params, state, loss of the last epoch, steps) of the oracle."""
    params, X, weight = p.wide(p.params, p.dense, p.weight)
    params, state, t = params.copy(), p.state(solver).astype(float), 0
    for _ in range(epochs):
        t, loss = reference.train_epoch(
            params, state, p.reference, solver, X, p.Y, order, batch_size,
            t=t, sample_weight=weight, **options,
        )  # fmt: skip
    return params, state, loss, t


def check_training(p, solver, batch_size, order, rtol, **options):
    rows = np.arange(p.n) if order is None else order
    params, state, loss, t = expected_training(p, solver, rows, batch_size, 2, **options)
    trainer = p.trainer(solver, batch_size, p.state(solver))
    step = 0
    for _ in range(2):
        step, loss_sum = train(trainer, order, 0, len(rows), step, **options)
    got, got_state = read(trainer, solver)
    assert step == t
    close(loss_sum / len(rows), loss, rtol)
    close(got, params, rtol)
    for g, w in zip(got_state, state, strict=True):
        close(g, w, rtol)


HYPER = {
    "sgd": [
        {"learning_rate": 0.003, "alpha": 0.1},
        {"learning_rate": 0.01, "momentum": 0.5, "nesterov": False},
        {"learning_rate": 0.01, "momentum": 0.0, "alpha": 0.01, "nesterov": False},
    ],
    "adam": [
        {"learning_rate": 0.003, "alpha": 0.1},
        {"learning_rate": 0.003, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    ],
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("batch_size", [1, 8, 20, 37])
def test_training(isa, solver, batch_size, rng):
    """Two epochs in float64 over depths, losses, weights, orders; the last batch is short."""
    for i, hyper in itertools.product(range(4), HYPER[solver]):
        weights = [None, "random", "some zero"][i % 3]
        for p in some(rng, np.float64, 4, weights=weights, scale=0.5):
            order = None if i == 3 else rng.permutation(p.n)
            check_training(p, solver, batch_size, order, 1e-8, **hyper)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_training_on_sparse_rows(isa, solver, index_dtype, rng):
    for i, p in enumerate(some(rng, np.float64, 16, density=0.2, index_dtype=index_dtype)):
        order = None if i % 3 == 0 else rng.permutation(p.n)
        check_training(p, solver, (1, 10, 37)[i % 3], order, 1e-8, **HYPER[solver][0])


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("density", [None, 0.2])
@pytest.mark.parametrize("n", [1025, 2500])
def test_steps_of_several_chunks(isa, solver, density, n, rng):
    """Mini-batches of more rows than are held at once."""
    for p in some(rng, np.float64, 4, n=n, weights="random", density=density):
        check_training(p, solver, 2100, rng.permutation(n), 1e-8, **HYPER[solver][0])


@pytest.mark.parametrize("solver", SOLVERS)
def test_training_in_float32(isa, solver, rng):
    """As float64, but for rounding; a large epsilon keeps adam from magnifying it."""
    hyper = {"learning_rate": 0.003, "alpha": 0.1}
    if solver == "adam":
        hyper["epsilon"] = 0.1
    for i, p in enumerate(some(rng, np.float32, 16, weights="random", scale=0.5)):
        check_training(p, solver, (1, 8, 37)[i % 3], rng.permutation(p.n), 1e-4, **hyper)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("batch_size", [1, 4, 30])
def test_learning_rate_zero_changes_nothing(isa, dtype, solver, batch_size, rng):
    for p in some(rng, dtype, 8):
        t = p.trainer(solver, batch_size)
        train(t, None, 0, p.n, learning_rate=0.0, alpha=0.5)
        assert np.array_equal(read(t)[0], p.params)


@pytest.mark.parametrize("solver", SOLVERS)
def test_order_none_is_the_rows_in_sequence(dtype, solver, rng):
    p = Problem(rng, dtype, (5, 20, 3), "softmax", "log_loss", weights="random")
    results = []
    for order in (None, np.arange(p.n)):
        t = p.trainer(solver, 8)
        results.append((train(t, order, 0, p.n), read(t, solver)))
    assert results[0][0] == results[1][0]
    assert all(np.array_equal(a, b) for a, b in zip(results[0][1], results[1][1], strict=True))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("density", [None, 0.3])
def test_many_small_calls_equal_one(isa, dtype, solver, density, rng):
    """Bitwise: how the caller cuts an epoch into calls makes no difference."""
    p = Problem(rng, dtype, (9, 33, 2), "logistic", "log_loss", n=101, density=density)
    order, batch = rng.permutation(p.n), 10
    whole, pieces = p.trainer(solver, batch), p.trainer(solver, batch)
    _, loss = train(whole, order, 0, p.n, alpha=0.1)
    step = 0
    for start in range(0, p.n, 2 * batch):
        stop = min(start + 2 * batch, p.n)
        step, loss_sum = train(pieces, order, start, stop, step, alpha=0.1)
    assert step == 11
    assert loss == loss_sum
    for a, b in zip(read(whole, solver), read(pieces, solver), strict=True):
        assert np.array_equal(a, b)


def test_order_may_be_part_of_the_rows(rng):
    """order[start:stop] alone is trained on."""
    p = Problem(rng, np.float64, (4, 6, 1), weights="random", n=30)
    order = rng.permutation(30)
    t = p.trainer("sgd", 4)
    train(t, order, 8, 20)
    params, _, _, steps = expected_training(p, "sgd", order[8:20], 4, learning_rate=0.01)
    assert steps == 3
    close(read(t)[0], params, 1e-10)


def test_rows_may_come_again(rng):
    """A bootstrap as order: rows count as often as they come."""
    p = Problem(rng, np.float64, (4, 6, 1), n=8)
    order = rng.integers(0, 8, 40)
    params, _, _, _ = expected_training(p, "adam", order, 20, learning_rate=0.01)
    t = p.trainer("adam", 20)
    train(t, order, 0, 40)
    close(read(t)[0], params, 1e-10)


def test_sparse_rows_may_come_again():
    """Or are refused; but they never overrun the memory laid out for the entries of a batch. In a
    process of its own, as it could die."""
    code = """
import numpy as np
from fastmlp import _core
net = _core.Network((500, 8, 1), ["relu"], "identity", "squared_error", np.float64)
X = np.ones(500), np.arange(500, dtype=np.int32), np.array([0, 500], np.int32), 1
results = []
for batch, order in [(1000, np.zeros(1000, int)), (1, np.zeros(1, int))]:
    params = np.full(net.n_params, 1e-3)
    t = _core.Trainer(net, "sgd", params, None, X, np.ones((1, 1)), None, batch)
    try:
        t.train(order, 0, batch, step=0, learning_rate=0.1, alpha=0.0)
    except ValueError:
        assert batch > 1
        continue
    t.read(params)
    results.append(params)
assert len(results) == 1 or np.allclose(*results, rtol=1e-9)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.parametrize("solver", SOLVERS)
def test_batches_of_weight_zero_do_no_step(isa, dtype, solver, rng):
    p = Problem(rng, dtype, (4, 6, 2), n=24, weights="random")
    p.weight[8:16] = 0
    t, shorter = p.trainer(solver, 4), p.trainer(solver, 4)
    steps, loss = train(t, None, 0, 24, alpha=0.1)
    assert steps == 4
    rows = np.r_[0:8, 16:24]
    steps, other = train(shorter, rows, 0, 16, alpha=0.1)
    assert steps == 4
    assert np.isclose(loss / 24, other / 16, rtol=1e-14)  # the mean is that without these rows
    for a, b in zip(read(t, solver), read(shorter, solver), strict=True):
        assert np.array_equal(a, b)
    p.weight[:] = 0
    before = read(t)[0]
    assert train(t, None, 0, 24) == (0, 0.0)
    assert np.array_equal(read(t)[0], before)


def test_a_call_is_about_50_milliseconds(rng):
    """A long epoch comes back between mini-batches, for Ctrl-C and callbacks."""
    p = Problem(rng, np.float32, (64, 512, 512, 10), "softmax", "log_loss", n=4000)
    t = p.trainer("sgd", 100)
    position, steps, _ = t.train(None, 0, p.n, step=0, learning_rate=1e-3, alpha=0.0)
    assert 0 < position < p.n
    assert position % 100 == 0
    assert steps == position // 100
    position, steps, _ = t.train(None, 3950, p.n, step=steps, learning_rate=1e-3, alpha=0.0)
    assert (position, steps) == (p.n, 1)


def test_nothing_to_do(rng):
    p = Problem(rng, np.float64, (4, 6, 2))
    t = p.trainer("sgd", 4)
    assert t.train(None, 5, 5, step=0, learning_rate=0.1, alpha=0.0) == (5, 0, 0.0)
    assert np.array_equal(read(t)[0], p.params)


# ----------------------------------------------------------------------------- reading and writing


@pytest.mark.parametrize("solver", SOLVERS)
def test_read_gives_back_what_was_written(isa, dtype, solver, rng):
    for p in some(rng, dtype, 32, density=None):
        for X in (p.dense, as_csr(p.dense)):
            p.X = X
            state = rng.normal(size=p.state(solver).shape).astype(dtype)
            t = p.trainer(solver, 5, state)
            params, got = read(t, solver)
            assert np.array_equal(params, p.params)
            assert np.array_equal(got, state)
            t.write(-p.params, 2 * state)
            params, got = read(t, solver)
            assert np.array_equal(params, -p.params)
            assert np.array_equal(got, 2 * state)


@pytest.mark.parametrize("solver", SOLVERS)
def test_training_goes_on_from_a_state(isa, dtype, solver, rng):
    """Reading out and starting anew in between makes no difference, bit for bit."""
    p = Problem(rng, dtype, (9, 33, 2), "exp", "poisson", n=40)
    whole, first = p.trainer(solver, 10), p.trainer(solver, 10)
    train(whole, None, 0, 40, alpha=0.1)
    step, _ = train(first, None, 0, 20, alpha=0.1)
    p.params, state = read(first, solver)
    second = p.trainer(solver, 10, state)
    train(second, None, 20, 40, step, alpha=0.1)
    for a, b in zip(read(whole, solver), read(second, solver), strict=True):
        assert np.array_equal(a, b)


def test_parameters_are_copied_in(rng):
    p = Problem(rng, np.float64, (3, 4, 1))
    before, state = p.params.copy(), p.state("sgd")
    t = p.trainer("sgd", 5, state)
    train(t, None, 0, p.n)
    assert np.array_equal(p.params, before)
    assert not state.any()


@pytest.mark.parametrize("solver", SOLVERS)
def test_snapshot_and_restore(isa, dtype, solver, rng):
    """The weights come back, those of the backward pass too; the moments stay."""
    for p in some(rng, dtype, 8):
        t = p.trainer(solver, 5)
        train(t, None, 0, 20)
        params, state = read(t, solver)
        snapshot = t.snapshot()
        train(t, None, 0, 20, alpha=0.1)  # which moves what has no gradient, as one class of one
        assert not np.array_equal(read(t)[0], params)
        moved = read(t, solver)[1]
        t.restore(snapshot)
        assert np.array_equal(read(t)[0], params)
        assert np.array_equal(read(t, solver)[1], moved)
        p.params = params
        again = p.trainer(solver, 5, moved)
        for trainer in (t, again):
            train(trainer, None, 0, 20, alpha=0.1)
        for a, b in zip(read(t, solver), read(again, solver), strict=True):
            assert np.array_equal(a, b)
        t.write(params, state)
        assert np.array_equal(read(t, solver)[1], state)


def test_restore_of_something_else(rng):
    p = Problem(rng, np.float64, (3, 4, 1))
    t = p.trainer("sgd", 5)
    with pytest.raises(ValueError, match="snapshot"):
        t.restore(t.snapshot()[:-1])
    with pytest.raises(TypeError):
        t.restore(p.params)


def test_weights_finite(isa, dtype, rng):
    for p in some(rng, dtype, 8):
        t = p.trainer("sgd", 5)
        assert t.weights_finite()
        for at in (0, p.net.n_params // 2, p.net.n_params - 1):
            for bad in (np.nan, np.inf, -np.inf):
                params = p.params.copy()
                params[at] = bad
                t.write(params)
                assert not t.weights_finite()
        t.write(p.params)
        assert t.weights_finite()


def test_good_weights_after_bad_ones(isa, dtype, rng):
    """Training that ran off leaves nothing behind once the weights are replaced."""
    for p in some(rng, dtype, 16, n=20):
        t = p.trainer("sgd", 20)
        state, snapshot = p.state("sgd"), t.snapshot()
        for put_back in ("write", "restore"):
            t.write(np.full_like(p.params, np.finfo(dtype).max))
            train(t, None, 0, 20, learning_rate=1e30)
            assert not t.weights_finite()
            t.write(p.params, state)
            if put_back == "restore":
                t.restore(snapshot)
            assert t.weights_finite()
            close(t.forward(p.X), p.expected_output(), 10 * TOLERANCE[dtype])
            train(t, None, 0, 20)
            assert t.weights_finite()


# ------------------------------------------------------------------------------------- descriptions


def test_network_tells_its_sizes():
    net = _core.Network([3, 4, 2], ["tanh"], "softmax", "log_loss", np.float32)
    assert net.n_params == 3 * 4 + 4 * 2 + 4 + 2
    assert (net.n_features, net.n_outputs, net.layer_sizes) == (3, 2, (3, 4, 2))
    assert (net.activations, net.output, net.loss) == (("tanh",), "softmax", "log_loss")
    assert net.dtype == np.float32


@pytest.mark.parametrize(
    ("sizes", "hidden", "output", "loss", "error"),
    [
        ((3, 0, 2), ["relu"], "softmax", "log_loss", ValueError),
        ((3, -1, 2), ["relu"], "softmax", "log_loss", ValueError),
        ((0, 2), [], "softmax", "log_loss", ValueError),
        ((3,), [], "softmax", "log_loss", ValueError),
        ((3, 4, 2), [], "softmax", "log_loss", ValueError),
        ((3, 2), ["relu"], "softmax", "log_loss", ValueError),
        ((3, 2), [], "softmax", "squared_error", ValueError),
        ((3, 2), [], "identity", "log_loss", ValueError),
        ((3, 2), [], "identity", "poisson", ValueError),
        ((3, 2), [], "exp", "log_loss", ValueError),
        ((2**62, 4), [], "identity", "squared_error", MemoryError),
        ((2**40, 2**40, 1), ["relu"], "identity", "squared_error", MemoryError),
        ((3, 4, 2), ["swoosh"], "softmax", "log_loss", ValueError),
        ((3, 2), [], "softplus", "log_loss", (KeyError, ValueError)),
    ],
)
def test_unsound_networks(sizes, hidden, output, loss, error):
    with pytest.raises(error):
        _core.Network(sizes, hidden, output, loss, np.float64)


@pytest.mark.parametrize("dtype", [np.float16, np.int32, ">f8"])
def test_unsound_dtypes(dtype):
    with pytest.raises((TypeError, ValueError)):
        _core.Network((3, 2), [], "identity", "squared_error", dtype)


def test_a_network_too_big_for_the_machine():
    """MemoryError names the bytes."""
    net = _core.Network((2**20, 2**24, 1), ["relu"], "identity", "squared_error", np.float64)
    assert net.n_params > 2**44
    params = np.lib.stride_tricks.as_strided(np.zeros(1), (1,), (8,))
    with pytest.raises(ValueError, match="params"):
        _core.forward(net, params, np.zeros((1, 2**20)))


# ---------------------------------------------------------------------------------- bad arguments


def problem(rng, **options):
    options = {"n": 6, "weights": "random"} | options
    return Problem(rng, np.float64, (3, 4, 2), "softmax", "log_loss", **options)


def bad_versions(array):
    """The array, wrong in every way an array can be: (name, array)."""
    unaligned = np.frombuffer(bytearray(array.nbytes + 1), np.uint8)[1:]
    unaligned[:] = np.ascontiguousarray(array).view(np.uint8).ravel()
    yield "dtype", array.astype(np.float32 if array.dtype == np.float64 else np.float64)
    yield "integers", array.astype(np.int16)
    yield "complex", array.astype(complex)
    yield "objects", array.astype(object)
    yield "byte order", array.astype(array.dtype.newbyteorder())
    yield "dimensions", array[None]
    yield "unaligned", unaligned.view(array.dtype).reshape(array.shape)
    yield "strided", np.repeat(array, 2, axis=-1)[..., ::2]
    yield "short", array[..., :-1].copy()
    yield "long", np.concatenate([array, array], axis=-1)
    yield "no array", "a string"
    yield "None", None
    if array.ndim == 2:
        yield "Fortran", np.asfortranarray(array)


def test_bad_arrays(rng):
    """Each is answered by TypeError or ValueError, and the trainer lives on."""
    p = problem(rng)
    gradient, out = np.zeros_like(p.params), np.zeros((p.n, 2))
    state = p.state("adam")
    t = p.trainer("adam", 3)
    g = p.trainer(None, p.n)

    def constructor(name):
        def call(array):
            arrays = {"params": p.params, "state": state, "X": p.X, "y": p.y, "weight": p.weight}
            _core.Trainer(p.net, "adam", *(arrays | {name: array}).values(), 3)

        return call

    calls = {
        "forward params": (p.params, lambda a: _core.forward(p.net, a, p.X)),
        "forward X": (p.X, lambda a: _core.forward(p.net, p.params, a)),
        "forward out": (out, lambda a: _core.forward(p.net, p.params, p.X, out=a)),
        "loss_grad grad": (gradient, lambda a: g.loss_grad(0.1, a)),
        "params": (p.params, constructor("params")),
        "state": (state, constructor("state")),
        "X": (p.X, constructor("X")),
        "weight": (p.weight, constructor("weight")),
        "write params": (p.params, lambda a: t.write(a)),
        "write state": (state, lambda a: t.write(p.params, a)),
        "read params": (gradient, lambda a: t.read(a)),
        "read state": (state, lambda a: t.read(gradient, a)),
        "trainer forward": (p.X, lambda a: t.forward(a)),
    }
    optional = {"forward out", "state", "weight", "write state", "read state"}
    for where, (array, call) in calls.items():
        for how, bad in bad_versions(array):
            if how == "None" and where in optional:
                continue
            assert refused(call, bad), f"{where}: {how} went through"
    # fewer or more rows
    for where in ("state", "write state", "read state"):
        for rows in (1, 3):
            bad = np.zeros((rows, p.net.n_params))
            assert refused(calls[where][1], bad), f"{where}: {rows} rows went through"
    for rows in (p.n - 1, p.n + 1):
        assert refused(calls["forward out"][1], np.zeros((rows, 2)))
    assert np.array_equal(read(t)[0], p.params)
    train(t, None, 0, p.n)


def test_bad_targets(rng):
    p = problem(rng)

    def trainer(y):
        return _core.Trainer(p.net, "sgd", p.params, None, p.X, y, p.weight, 3)

    for how, bad in bad_versions(p.y):
        if not isinstance(bad, np.ndarray):
            continue  # its number of dimensions decides
        assert refused(trainer, bad), f"{how} went through"
    for bad in (p.Y[:-1], p.Y[:, :1], p.Y.astype(np.float32), p.y.astype(np.int64)):
        assert refused(trainer, np.ascontiguousarray(bad))
    other = Problem(rng, np.float64, (3, 4, 2), "logistic", "log_loss", n=6)
    arguments = other.net, "sgd", other.params, None, other.X
    assert refused(_core.Trainer, *arguments, p.y, None, 3)


@pytest.mark.parametrize("bad", [-1, 2, 2**31 - 1, -(2**31)])
def test_class_index_out_of_range(rng, bad):
    """Found before anything is trained."""
    p = problem(rng)
    p.y[4] = bad
    t = p.trainer("sgd", 3)
    with pytest.raises(ValueError):
        t.train(None, 0, 6, step=0, learning_rate=0.1, alpha=0.0)
    assert np.array_equal(read(t)[0], p.params)
    with pytest.raises(ValueError):
        p.trainer(None, 6).loss_grad(0.0, np.empty_like(p.params))
    t.train(None, 0, 3, step=0, learning_rate=0.1, alpha=0.0)


@pytest.mark.parametrize("density", [None, 0.5])
def test_bad_orders(rng, density):
    p = problem(rng, density=density)
    t = p.trainer("sgd", 3)
    rows = np.arange(6)

    def call(order, start, stop):
        return t.train(order, start, stop, step=0, learning_rate=0.1, alpha=0.0)

    for order, start, stop in [
        (np.array([0, 1, 6]), 0, 3),
        (np.array([0, -1, 2]), 0, 3),
        (np.array([0, 2**62, 2]), 0, 3),
        (rows, 0, 7),
        (rows, -1, 3),
        (rows, 4, 3),
        (None, 0, 7),
        (None, -3, 3),
        (None, 5, 2),
        (rows.astype(np.int32), 0, 6),
        (rows.astype(float), 0, 6),
        (rows[None], 0, 1),
        (np.repeat(rows, 2)[::2], 0, 6),
        ("abc", 0, 3),
    ]:
        assert refused(call, order, start, stop), f"{order} went through"
    assert np.array_equal(read(t)[0], p.params)
    assert call(rows, 0, 6)[:2] == (6, 2)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_bad_csr(rng, index_dtype):
    """Nothing out of range is ever followed."""
    p = problem(rng, density=1, index_dtype=index_dtype)
    data, indices, indptr, n = p.X

    def changed(array, at, value):
        array = array.copy()
        array[at] = value
        return array

    for bad in [
        (data, changed(indices, 4, 3), indptr, n),
        (data, changed(indices, 4, -1), indptr, n),
        (data, changed(indices, 17, np.iinfo(index_dtype).max), indptr, n),
        (data, indices, changed(indptr, 0, 1), n),
        (data, indices, changed(indptr, 0, -1), n),
        (data, indices, changed(indptr, 2, 100), n),
        (data, indices, changed(indptr, 2, -5), n),
        (data, indices, changed(indptr, n, 100), n),
        (data, indices, changed(indptr, n, np.iinfo(index_dtype).max), n),
        (data, indices, indptr, n + 1),
        (data, indices, indptr, n - 1),
        (data, indices, indptr, -1),
        (data, indices, indptr[:0], -1),
        (data[:-1], indices, indptr, n),
        (data.astype(np.float32), indices, indptr, n),
        (data, indices.astype(float), indptr, n),
        (data, indices.astype(np.int16), indptr, n),
        (data, indices, indptr.astype(np.int64 if index_dtype == np.int32 else np.int32), n),
        (data, indices.astype(indices.dtype.newbyteorder()), indptr, n),
        (data, np.repeat(indices, 2)[::2], indptr, n),
        (data, indices, indptr),
        (data, indices, indptr, "n"),
    ]:
        for call in [
            lambda X: _core.forward(p.net, p.params, X),
            lambda X: _core.Trainer(p.net, "sgd", p.params, None, X, p.y, p.weight, 3),
            p.trainer("sgd", 3).forward,
        ]:
            assert refused(call, bad)


def test_dense_and_sparse_do_not_mix(rng):
    p = problem(rng)
    assert refused(p.trainer("sgd", 3).forward, as_csr(p.dense))
    p.X = as_csr(p.dense)
    assert refused(p.trainer("sgd", 3).forward, p.dense)


def test_read_only_arrays(isa, rng):
    """Are read, never written."""
    p = problem(rng)
    for array in (p.params, p.X, p.y, p.weight):
        array.flags.writeable = False
    _core.forward(p.net, p.params, p.X)
    order = np.arange(6)
    order.flags.writeable = False
    t = p.trainer("adam", 3)
    train(t, order, 0, 6)
    out = np.empty((6, 2))
    out.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        _core.forward(p.net, p.params, p.X, out=out)
    with pytest.raises((ValueError, BufferError)):
        t.read(p.params)
    with pytest.raises((ValueError, BufferError)):
        p.trainer(None, 6).loss_grad(0.0, p.params)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_bad_batch_size(rng, batch_size):
    with pytest.raises(ValueError):
        problem(rng).trainer("sgd", batch_size)


def test_batch_size_beyond_memory(rng):
    """Names the bytes, or works: rows are held by the chunk."""
    p = problem(rng)
    t = p.trainer("sgd", 2**40)
    assert train(t, None, 0, 6)[0] == 1


@pytest.mark.parametrize("n_threads", [0, -1])
def test_bad_n_threads(rng, n_threads):
    p = problem(rng)
    with pytest.raises(ValueError):
        p.trainer("sgd", 3, n_threads=n_threads)
    with pytest.raises(ValueError):
        _core.forward(p.net, p.params, p.X, n_threads=n_threads)


def test_gradients_and_solvers_are_different_trainers(rng):
    p = problem(rng)
    with pytest.raises(ValueError):
        p.trainer("sgd", 6).loss_grad(0.0, np.empty_like(p.params))
    with pytest.raises(ValueError):
        p.trainer(None, 6).train(None, 0, 6, step=0, learning_rate=0.1, alpha=0.0)
    with pytest.raises(ValueError):
        p.trainer(None, 5).loss_grad(0.0, np.empty_like(p.params))
    with pytest.raises((KeyError, ValueError)):
        p.trainer("lbfgs", 6)


def test_unknown_isa():
    with pytest.raises(ValueError, match="generic"):
        _core.set_isa("avx1024")


# ---------------------------------------------------------------------------------- custom losses


def custom_trainer(rng):
    """A trainer whose loss is the caller's, its rows and its targets."""
    net = _core.Network((3, 4, 2), ["tanh"], "identity", "custom", np.float64)
    X, answers = rng.normal(size=(20, 3)), np.zeros((20, 3))
    params = rng.normal(size=net.n_params)
    return _core.Trainer(net, "sgd", params, None, X, answers, None, 8), X, answers


def test_a_custom_loss_needs_its_forward_pass(rng):
    t, X, answers = custom_trainer(rng)
    order = rng.permutation(20)

    def step(start, stop):
        return t.train(order, start, stop, step=0, learning_rate=0.1, alpha=0)

    with pytest.raises(ValueError, match="out of range"):
        step(0, 8)
    raw = t.forward_rows(order, 0, 8)
    assert np.array_equal(raw, t.forward(X[order[:8]]))
    answers[order[:8]] = np.c_[raw, (raw**2).sum(axis=1) / 2]
    with pytest.raises(ValueError, match="out of range"):
        step(0, 7)
    position, steps, loss_sum = step(0, 8)
    assert (position, steps) == (8, 1)
    assert np.isclose(loss_sum, (raw**2).sum() / 2)
    assert (abs(t.forward(X[order[:8]])) < abs(raw)).mean() > 0.5
    with pytest.raises(ValueError, match="out of range"):
        step(0, 8)  # a forward pass serves one step


def test_forward_passes_that_are_refused(rng):
    t, _, _ = custom_trainer(rng)
    for rows in [(0, 9), (-1, 3), (15, 21), (4, 3)]:
        with pytest.raises(ValueError, match="out of range"):
            t.forward_rows(None, *rows)
    with pytest.raises(ValueError, match="order"):
        t.forward_rows(np.arange(5), 0, 8)
    with pytest.raises(ValueError, match="out of range"):
        Problem(rng, np.float64, (3, 2)).trainer("sgd", 8).forward_rows(None, 0, 8)
