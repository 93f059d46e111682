"""The tables: complete, as the build says, and named as the build names them."""

import re
from pathlib import Path

import numpy as np
import pytest
from kernels.conftest import ISAS

from fastmlp import _core, _kernels

ROOT = Path(__file__).parents[2]


def test_no_kernel_is_missing(table):
    slots = table.slots()
    assert len(slots) >= 20
    assert all(slots)


def test_sizes_of_a_tile(table):
    assert table.nr == 2 * table.lanes
    assert table.mr >= 1
    assert 0 <= table.narrow_max <= 4
    assert table.lanes & (table.lanes - 1) == 0


def test_float32_vectors_hold_twice_as_many(isa):
    single, double = (_kernels.Table(isa, t).lanes for t in (np.float32, np.float64))
    assert single == (1 if isa == "generic" else 2 * double)


def test_isas_are_those_of_setup_py():
    """The fixture covers every row of the build's table."""
    setup = ROOT / "setup.py"
    if not setup.exists():
        pytest.skip("not in a source tree")
    rows = re.search(r"^ISA = \{\n(.*?)^\}", setup.read_text(), re.M | re.S).group(1)
    assert re.findall(r'^    "(\w+)":', rows, re.M) == ISAS


def test_both_modules_see_the_same_machine():
    assert _kernels.available() == _core.available_isas()
    assert set(_core.build_info()["isas_built"]) >= set(_kernels.available())


@pytest.mark.parametrize("name", ["", "avx2", "X86_V3", "x86_v5"])
def test_unknown_isa(name):
    with pytest.raises(ValueError, match="not available"):
        _kernels.Table(name, np.float32)


@pytest.mark.parametrize("name", ISAS)
def test_isa_that_does_not_run_here(name):
    """Its table is refused rather than run into an illegal instruction."""
    if name in _kernels.available():
        assert _kernels.Table(name, np.float64).isa == name
        return
    with pytest.raises(ValueError, match="not available"):
        _kernels.Table(name, np.float32)
