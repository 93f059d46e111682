"""What the engine draws from NumPy's legacy generator is what NumPy would have drawn."""

import numpy as np
import pytest

from fastmlp import _core

GENERATORS = pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64])


def twins(bits):
    return [np.random.RandomState(bits(5)) for _ in range(2)]


def same_generator(one, other):
    return one.random_sample() == other.random_sample()


def test_the_memory_of_numpys_generator_is_known():
    assert _core._knows_mt19937()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 31, 32, 33, 1000, 65_537])
@GENERATORS
def test_shuffle(isa, n, bits):
    ours, numpys = twins(bits)
    order, expected = np.arange(n), np.arange(n)
    for _ in range(3):
        _core.shuffle(ours, order)
        numpys.shuffle(expected)
        np.testing.assert_array_equal(order, expected)
    assert same_generator(ours, numpys)


@pytest.mark.parametrize("shape", [(0,), (1,), (7, 5), (311,), (312,), (100, 99)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@GENERATORS
def test_uniform(isa, shape, dtype, bits):
    ours, numpys = twins(bits)
    out, expected = np.empty(shape, dtype), np.empty(shape, dtype)
    for odd in (0, 1, 0):  # numbers used before: a fraction takes two, so they may part
        for generator in (ours, numpys):
            generator.randint(1 << 32, size=odd, dtype=np.uint32)
        _core.uniform(ours, -0.3, 0.4, out)
        expected[...] = numpys.uniform(-0.3, 0.4, shape)
        assert out.tobytes() == expected.tobytes()
    assert same_generator(ours, numpys)


def test_shuffle_and_uniform_in_turn_leave_the_generator_where_numpy_does(isa):
    ours, numpys = twins(np.random.MT19937)
    order, expected, out = np.arange(50), np.arange(50), np.empty(3)
    for _ in range(200):  # over the end of the generator's words, at any place
        _core.shuffle(ours, order)
        numpys.shuffle(expected)
        _core.uniform(ours, 0, 1, out)
        np.testing.assert_array_equal(out, numpys.uniform(0, 1, 3))
    np.testing.assert_array_equal(order, expected)
    assert same_generator(ours, numpys)


def test_the_global_generator():
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.permutation(100)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    order = np.arange(100)
    _core.shuffle(np.random.mtrand._rand, order)
    np.testing.assert_array_equal(order, expected)


def test_a_subclass_is_asked_itself():
    class Reversing(np.random.RandomState):
        def shuffle(self, x):
            x[:] = x[::-1].copy()

        def uniform(self, low=0.0, high=1.0, size=None):
            return np.full(size, high)

    order, out = np.arange(5), np.empty(3)
    _core.shuffle(Reversing(0), order)
    _core.uniform(Reversing(0), 0, 2, out)
    assert order.tolist() == [4, 3, 2, 1, 0]
    assert out.tolist() == [2, 2, 2]


def test_shuffle_needs_a_writable_array_of_intp():
    order = np.arange(5)
    order.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        _core.shuffle(np.random.RandomState(0), order)
    with pytest.raises((TypeError, ValueError), match="order"):
        _core.shuffle(np.random.RandomState(0), np.arange(5, dtype=np.int32))


def test_uniform_needs_a_contiguous_array_of_floats():
    for out in (np.empty((4, 4))[:, ::2], np.empty(4, int)):
        with pytest.raises((TypeError, ValueError, BufferError)):
            _core.uniform(np.random.RandomState(0), 0, 1, out)
