"""The fixture `table`: every kernel test runs on every instruction set and both element types.

What this build or this machine does not have is skipped, so that it shows, never left out.
"""

import numpy as np
import pytest

from fastmlp import _kernels

ISAS = ["generic", "x86_v3", "x86_v4", "neon"]  # test_table.py holds this list against setup.py


@pytest.fixture(params=ISAS)
def isa(request):
    """Name of each instruction set in turn."""
    if request.param not in _kernels.available():
        pytest.skip(f"{request.param} is not built in or does not run here")
    return request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def table(isa, request):
    """The kernels of each instruction set and element type in turn."""
    return _kernels.Table(isa, request.param)


@pytest.fixture
def generic(table):
    """The plain C kernels of the same element type, to compare bits with."""
    return _kernels.Table("generic", table.dtype)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
