"""The engine's shuffle is NumPy's legacy one."""

import numpy as np
import pytest

from fastmlp import _core


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 31, 32, 33, 1000, 65_537])
@pytest.mark.parametrize("bits", [np.random.MT19937, np.random.PCG64])
def test_same_order_and_same_generator_afterwards(n, bits):
    ours, numpys = (np.random.RandomState(bits(5)) for _ in range(2))
    order, expected = np.arange(n), np.arange(n)
    for _ in range(3):
        _core.shuffle(ours, order)
        numpys.shuffle(expected)
        np.testing.assert_array_equal(order, expected)
    assert ours.randint(1 << 30) == numpys.randint(1 << 30)


def test_needs_a_writable_array_of_intp():
    order = np.arange(5)
    order.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        _core.shuffle(np.random.RandomState(0), order)
    with pytest.raises((TypeError, ValueError), match="order"):
        _core.shuffle(np.random.RandomState(0), np.arange(5, dtype=np.int32))
