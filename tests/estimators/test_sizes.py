"""Absurd sizes: networks that no memory holds are refused, batches and epochs are clipped."""

import itertools
import re

import numpy as np
import pytest
from estimators.grid import ERRORS, GOOD_X, GOOD_Y, N, make

from fastmlp._weights import Layout, check_memory

pytestmark = pytest.mark.usefixtures("_quiet")


@pytest.mark.parametrize(
    "sizes",
    [(10**9, 10**9), (2**62,), (2**31, 2**31), (2**63,), (10**30,), (10**6, 10**6, 10**6)],
)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_absurd_networks_are_refused_before_allocation(Estimator, sizes, solver):
    with pytest.raises(ERRORS) as error:
        Estimator(hidden_layer_sizes=sizes, solver=solver).fit(GOOD_X, GOOD_Y)
    assert re.search(r"needs about \d+ bytes", str(error.value))


BIG = [2**31 - 1, 2**31, 2**32, 2**63]


@pytest.mark.parametrize("big", list(itertools.product(BIG, repeat=2)))
def test_memory_estimate_does_not_overflow(big):
    assert Layout.plain((3, *big, 1)).n_params == 4 * big[0] + (big[0] + 1) * big[1] + big[1] + 1
    with pytest.raises(MemoryError, match=r"needs about \d{19,} bytes"):
        check_memory(Layout.plain((3, *big, 1)), np.float32, "adam")


def test_memory_estimate_allows_what_fits():
    check_memory(Layout.plain((784, 512, 512, 10)), np.float64, "lbfgs")


@pytest.mark.parametrize("batch_size", [10**6, 2**31, 2**63, 10**30])
def test_huge_batch_size_is_clipped(Estimator, batch_size):
    model = make(Estimator, batch_size=batch_size).fit(GOOD_X, GOOD_Y)
    expected = make(Estimator, batch_size=N).fit(GOOD_X, GOOD_Y)
    np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("max_iter", [2**31, 2**63, 10**30])
def test_huge_max_iter(Estimator, max_iter):
    make(Estimator, max_iter=max_iter, tol=1e6, n_iter_no_change=1).fit(GOOD_X, GOOD_Y)
