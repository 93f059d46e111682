"""Arguments that the engine refuses, and odd ones that it takes: arrays, orders, CSR, sizes."""

import numpy as np
import pytest
from core.problems import Problem, as_csr, read, refused, train

from fastmlp import _core


def problem(rng, **options):
    options = {"n": 6, "weights": "random"} | options
    return Problem(rng, np.float64, (3, 4, 2), "softmax", "log_loss", **options)


class Liar(list):
    """Longer than it says."""

    def __len__(self):
        return 1


def test_holds():
    a, b = np.zeros(2), np.zeros(2)
    shown = {"coefs_": (a,), "slopes_": (b, None)}
    assert _core.holds({"coefs_": [a], "slopes_": [b, None], "more": 1}, shown)
    for other in ([b], [a, b], [], Liar([a, b])):
        assert not _core.holds({"coefs_": other, "slopes_": [b, None]}, shown)
    assert not _core.holds({"coefs_": [a]}, shown)


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
