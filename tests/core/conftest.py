"""The fixture `isa`: engine tests run on every instruction set that this machine has."""

import numpy as np
import pytest

from fastmlp import _core


@pytest.fixture(params=["generic", "x86_v3", "x86_v4", "neon"])
def isa(request):
    """Each instruction set in turn, in use for the time of the test."""
    if request.param not in _core.available_isas():
        pytest.skip(f"{request.param} is not built in or does not run here")
    before = _core.isa_name()
    _core.set_isa(request.param)
    yield request.param
    _core.set_isa(before)


@pytest.fixture
def rng():
    return np.random.default_rng(0)
