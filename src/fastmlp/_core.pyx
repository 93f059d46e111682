"""Arrays -> pointers -> one C call -> status -> exception. No arithmetic here.

The module is in parts, `_core_*.pxi`, which are included in the order of their dependence.
"""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc, PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

import functools
from typing import NamedTuple

import numpy as np

include "_core_tables.pxi"

cdef int _isa = fmlp_isa_best()
_ndarray, _empty = np.ndarray, np.empty


def isa_name():
    """Name of the instruction set in use."""
    return fmlp_isa_name(_isa).decode()


def available_isas():
    """Instruction sets that are built in and run here, worst first."""
    return [fmlp_isa_name(i).decode() for i in range(fmlp_isa_count()) if fmlp_isa_supported(i)]


def set_isa(str name):
    """Choose the instruction set of all later calls."""
    global _isa
    cdef int isa = fmlp_isa_by_name(name.encode())
    if isa < 0 or not fmlp_isa_supported(isa):
        raise ValueError(f"ISA {name!r} is not available; available: {', '.join(available_isas())}")
    _isa = isa


def kernel_table(str isa, dtype):
    """Address of a struct fmlp_kernels, for _kernels."""
    table = fmlp_kernels_get(fmlp_isa_by_name(isa.encode()), np.dtype(dtype) == np.float64)
    if table == NULL:
        raise ValueError(f"ISA {isa!r} is not available; available: {', '.join(available_isas())}")
    return <uintptr_t>table


def build_info():
    """What this module was built with."""
    built = [fmlp_isa_name(i).decode() for i in range(fmlp_isa_count()) if fmlp_isa_built(i)]
    return {
        "openmp": bool(fmlp_has_openmp()),
        "compiler": fmlp_compiler().decode(),
        "isas_built": built,
        "isa": isa_name(),
    }


def max_threads():
    """Threads OpenMP would use by itself; 1 without OpenMP."""
    return fmlp_max_threads()


def in_parallel():
    """Whether the caller is inside an OpenMP region."""
    return bool(fmlp_in_parallel())


include "_core_arrays.pxi"
include "_core_network.pxi"
include "_core_mt19937.pxi"
include "_core_trainer.pxi"
