"""Arrays -> pointers -> one C call -> status -> exception. No arithmetic here."""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS,
    PyBUF_FORMAT,
    PyBUF_WRITABLE,
    PyBuffer_Release,
    PyObject_GetBuffer,
)
from cpython.bytes cimport PyBytes_AsString, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport int32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

import functools
from typing import NamedTuple

import numpy as np


def _takes(int solver):
    names = []
    while fmlp_solver_takes(solver, len(names)) != NULL:
        names.append(fmlp_solver_takes(solver, len(names)).decode())
    return tuple(names)


class Solver(NamedTuple):
    """A row of the engine's table of solvers."""

    code: int
    n_state: int  # state vectors per parameter
    takes: tuple  # names of its own hyperparameters
    averages: bool  # trains at one point, predicts at an average
    full_batch: bool  # its steps need all rows


SOLVERS = {
    fmlp_solver_name(i).decode(): Solver(
        i,
        fmlp_solver_n_state(i),
        _takes(i),
        bool(fmlp_solver_traits(i) & FMLP_SOLVER_AVERAGES),
        bool(fmlp_solver_traits(i) & FMLP_SOLVER_FULL_BATCH),
    )
    for i in range(1, fmlp_solver_count())
}

_DOMAINS = ("real", "nonnegative", "positive", "probability")  # enum fmlp_domain


class Activation(NamedTuple):
    """A row of the engine's table of activations."""

    code: int
    stored: bool  # the derivative is no function of the output
    slopes: bool  # a unit has a slope, which is trained
    pieces: bool  # a unit has several columns


class Loss(NamedTuple):
    """A row of the engine's table of losses."""

    code: int
    output: str  # activation of the outputs by default
    outputs: tuple  # all that it goes with
    n_args: int  # -1: one or more
    outputs_per_target: int  # 0: as many as arguments
    domain: str  # of y


def _read_outputs():
    cdef const fmlp_name *row
    codes = {}
    while (row := fmlp_output_at(len(codes))) != NULL:
        codes[row.name.decode()] = row.code
    return codes


def _read_activations():
    cdef const fmlp_activation *row
    activations = {}
    while (row := fmlp_activation_at(len(activations))) != NULL:
        activations[row.name.decode()] = Activation(
            len(activations), bool(row.stored), bool(row.slopes), bool(row.pieces)
        )
    return activations


def _read_losses():
    cdef const fmlp_loss_info *row
    losses, names = {}, {code: name for name, code in OUTPUTS.items()}
    while (row := fmlp_loss_at(len(losses))) != NULL:
        losses[row.name.decode()] = Loss(
            row.code,
            names[row.output],
            tuple(name for name, code in OUTPUTS.items() if row.outputs >> code & 1),
            row.n_args,
            row.outputs_per_target,
            _DOMAINS[row.domain],
        )
    return losses


def loss_domain(str loss, tuple args):
    """The targets that a loss is defined for: real, nonnegative, positive or probability."""
    cdef fmlp_head head
    cdef double first = args[0] if args else 0
    head.loss, head.loss_args, head.n_loss_args = LOSSES[loss].code, &first, len(args)
    return _DOMAINS[fmlp_loss_domain(&head)]


OUTPUTS = _read_outputs()  # code of each output activation by its name
LOSSES = _read_losses()
_NORMALIZATIONS = {None: FMLP_NORM_NONE, "batch": FMLP_NORM_BATCH, "layer": FMLP_NORM_LAYER}
ACTIVATIONS = _read_activations()

cdef int _isa = fmlp_isa_best()
_ndarray, _empty = np.ndarray, np.empty


# ------------------------------------------------------------------ build and machine
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


# ------------------------------------------------------------------ helpers
cdef int _check(fmlp_status status, Py_ssize_t n_bytes=0) except -1:
    if status == FMLP_OK:
        return 0
    text = fmlp_status_str(status).decode()
    if status == FMLP_E_SIZE:
        raise MemoryError(f"fastmlp: {text}")
    raise ValueError(f"fastmlp: {text}")


cdef class _View:
    """A C-contiguous, aligned buffer of one element type, held while in use."""

    cdef Py_buffer buffer
    cdef bint held

    def __cinit__(self, array, str what, str formats, int ndim, bint writable=False):
        cdef int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (PyBUF_WRITABLE if writable else 0)
        PyObject_GetBuffer(array, &self.buffer, flags)
        self.held = True
        if not self.is_one_of(formats) or self.buffer.ndim != ndim:
            form = self.buffer.format.decode() if self.buffer.format != NULL else "B"
            raise TypeError(
                f"{what}: expected a {ndim}-D array of type code {formats}, "
                f"got {self.buffer.ndim}-D of {form!r}"
            )
        if <uintptr_t>self.buffer.buf % <uintptr_t>self.buffer.itemsize:
            raise ValueError(f"{what}: array is not aligned")

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buffer)

    cdef bint is_one_of(self, str formats):
        cdef const char *form = self.buffer.format
        if form == NULL:
            return "B" in formats
        return form[0] != 0 and form[1] == 0 and <Py_UCS4>form[0] in formats

    cdef Py_ssize_t length(self, int axis):
        return self.buffer.shape[axis]


cdef fmlp_dtype _dtype(Py_buffer *x) noexcept nogil:
    return FMLP_F32 if x.itemsize == sizeof(float) else FMLP_F64


cdef bint _finite(Py_buffer *x):
    cdef int finite
    with nogil:
        finite = fmlp_all_finite(_isa, _dtype(x), x.len // x.itemsize, x.buf)
    return finite


def all_finite(array):
    """Whether a C-contiguous array of float32 or float64 has neither NaN nor infinity."""
    cdef _View x = _View(array, "array", "fd", array.ndim)
    return _finite(&x.buffer)


def is_ready(X, Py_ssize_t n_features=0, dtype=None):
    """Whether the engine can read X as it is: an ndarray of rows without NaN and infinity.

    n_features and dtype are what it must have; 0: any number, None: float32 or float64.
    """
    if type(X) is not _ndarray or X.ndim != 2 or not (dtype is None or X.dtype == dtype):
        return False
    cdef _View x
    try:
        x = _View(X, "X", "fd", 2)
    except (BufferError, TypeError, ValueError):  # strided, byte-swapped, not aligned
        return False
    if x.length(0) == 0 or x.length(1) == 0 or x.length(1) != (n_features or x.length(1)):
        return False
    return _finite(&x.buffer)


def with_complement(p):
    """p (n, 1) -> (n, 2): 1 - p, p."""
    both = _empty((len(p), 2), p.dtype)
    cdef _View x = _View(p, "p", "fd", 2), out = _View(both, "both", "fd", 2, True)
    fmlp_with_complement(_dtype(&x.buffer), x.length(0), x.buffer.buf, out.buffer.buf)
    return both


cdef class _Memory:
    """64-byte aligned bytes. NumPy asks for huge pages where they pay: rows of a wide layer's
    activations lie on as many pages as there are rows."""

    cdef void *raw
    cdef void *start
    cdef _View array

    def __cinit__(self, Py_ssize_t size):
        cdef void *memory
        if size >= 1 << 22:
            try:
                self.array = _View(np.empty(size + 63, np.uint8), "memory", "B", 1, True)
            except (MemoryError, ValueError):
                raise MemoryError(f"fastmlp: cannot allocate {size} bytes") from None
            memory = self.array.buffer.buf
        else:
            memory = self.raw = PyMem_Malloc(<size_t>size + 63)
            if memory == NULL:
                raise MemoryError(f"fastmlp: cannot allocate {size} bytes")
        self.start = <void *>((<uintptr_t>memory + 63) // 64 * 64)

    def __dealloc__(self):
        PyMem_Free(self.raw)


cdef int _expect(str what, Py_ssize_t got, Py_ssize_t wanted) except -1:
    if got != wanted:
        raise ValueError(f"{what}: length {got}, expected {wanted}")
    return 0


cdef class _Matrix:
    """Dense (n, n_features) or CSR as (data, indices, indptr, n_rows)."""

    cdef fmlp_matrix m
    cdef _View data, indices, indptr

    def __cinit__(self, X, Network net):
        self.m.n_cols = net.n_features
        if not isinstance(X, tuple):
            self.data = _View(X, "X", net.code, 2)
            _expect("X.shape[1]", self.data.length(1), net.n_features)
            self.m.n_rows = self.data.length(0)
            self.m.data = self.data.buffer.buf
            self.m.ld = net.n_features
            return
        data, indices, indptr, n_rows = X
        self.data = _View(data, "X.data", net.code, 1)
        self.indices = _View(indices, "X.indices", "ilq", 1)
        self.indptr = _View(indptr, "X.indptr", "ilq", 1)
        if self.indices.buffer.itemsize != self.indptr.buffer.itemsize:
            raise TypeError("X: indices and indptr must have the same type")
        _expect("X.indices", self.indices.length(0), self.data.length(0))
        _expect("X.indptr", self.indptr.length(0), n_rows + 1)
        self.m.n_rows = n_rows
        self.m.data = self.data.buffer.buf
        self.m.indices = self.indices.buffer.buf
        self.m.indptr = self.indptr.buffer.buf
        self.m.index64 = self.indices.buffer.itemsize == 8
        self.m.nnz = self.data.length(0)
        cdef fmlp_status status
        with nogil:
            status = fmlp_check_csr(&self.m)
        _check(status)


cdef class _Target:
    """y as class indices (int32), one or one per group, or (n, n_targets), and sample weights."""

    cdef fmlp_target t
    cdef _View y, weight

    def __cinit__(self, y, sample_weight, Network net, Py_ssize_t n_rows):
        if net.output == "softmax" and (y.ndim == 1 or y.dtype == np.int32):
            self.y = _View(y, "y", "il", y.ndim)
            if self.y.buffer.itemsize != 4:
                raise TypeError("y: class indices must be int32")
            n_groups = max(1, len(net.groups))
            _expect("y.shape[1]", self.y.length(1) if y.ndim == 2 else 1, n_groups)
            self.t.classes = <const int32_t *>self.y.buffer.buf
        else:
            self.y = _View(y, "y", net.code, 2)
            _expect("y.shape[1]", self.y.length(1), net.n_targets)
            self.t.dense = self.y.buffer.buf
        _expect("y", self.y.length(0), n_rows)
        if sample_weight is not None:
            self.weight = _View(sample_weight, "sample_weight", net.code, 1)
            _expect("sample_weight", self.weight.length(0), n_rows)
            self.t.weight = self.weight.buffer.buf


cdef fmlp_exec _exec(int n_threads, bint exact):
    cdef fmlp_exec e
    e.isa = _isa
    e.n_threads = n_threads
    e.exact_threads = exact
    return e


# ------------------------------------------------------------------ network
cdef class Network:
    """Immutable description of a network.

    Parameters
    ----------
    layer_sizes : sequence of int
        (n_features, *hidden, n_outputs), each >= 1.
    activations : sequence of str
        Out of `ACTIVATIONS`, one per hidden layer.
    output : str
        Output activation, one of `OUTPUTS`.
    loss : str
        One of `LOSSES`, which says what outputs it goes with.
    dtype : float32 or float64
        Type of all arrays.
    loss_args : sequence of float
        huber: delta; quantile: levels; tweedie: power; focal: gamma.
    label_smoothing : float
        In [0, 1), for losses of probabilities.
    groups : sequence of int
        Number of outputs of each of several softmaxes; empty: one.
    maxout_pieces : int
        Columns of the weight matrix for each unit of a maxout layer, >= 2. The first of each unit,
        then the second ...
    dropout : sequence of float
        Probability of dropping a unit in training, one per hidden layer; empty: none.
    normalization : {None, "batch", "layer"}
        Of the hidden layers, before their activations.
    residual : bool
        Whether hidden layers add their input to their output.
    input_dropout, input_noise : float
        Probability of dropping an input and standard deviation of what is added to inputs, in
        training. No noise with sparse X.

    Attributes
    ----------
    columns : tuple of int
        Of each weight matrix: units, times pieces for maxout.
    n_params : int
        Length of the flat vector: weights, biases, then layer by layer normalization scale and
        shift, slopes of prelu, and the projection of the residual.
    n_running : int
        Length of the running statistics: mean and variance of each batch-normalized layer.
    is_random : bool
        Whether training draws random numbers, for dropout or noise.
    """

    cdef fmlp_net net
    cdef _Memory layers, args, group_sizes
    cdef str code
    cdef readonly tuple layer_sizes
    cdef readonly tuple activations
    cdef readonly tuple columns
    cdef readonly str output
    cdef readonly str loss
    cdef readonly object dtype
    cdef readonly Py_ssize_t n_params
    cdef readonly Py_ssize_t n_running
    cdef readonly bint is_random
    cdef readonly Py_ssize_t n_features
    cdef readonly Py_ssize_t n_outputs
    cdef readonly Py_ssize_t n_targets
    cdef readonly tuple loss_args
    cdef readonly tuple groups

    def __init__(self, layer_sizes, activations, str output, str loss, dtype, *, loss_args=(),
                 double label_smoothing=0.0, groups=(), int maxout_pieces=2, dropout=(),
                 normalization=None, bint residual=False, double input_dropout=0.0, double input_noise=0.0):
        self.layer_sizes = tuple(int(n) for n in layer_sizes)
        self.activations = tuple(activations)
        self.output = output
        self.loss = loss
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {self.dtype}")
        self.code = "f" if self.dtype == np.float32 else "d"
        if len(self.layer_sizes) < 2 or len(self.activations) != len(self.layer_sizes) - 2:
            raise ValueError("activations: one name per hidden layer")
        for name in self.activations:
            if name not in ACTIVATIONS:
                raise ValueError(f"activations: {name!r} is none of {', '.join(ACTIVATIONS)}")
        if normalization not in _NORMALIZATIONS:
            raise ValueError(f"normalization: {normalization!r} is none of None, 'batch', 'layer'")
        if len(dropout) not in (0, len(self.activations)):
            raise ValueError("dropout: one probability per hidden layer")
        cdef int n = len(self.layer_sizes) - 1
        self.layers = _Memory(n * sizeof(fmlp_layer))
        cdef fmlp_layer *p = <fmlp_layer *>self.layers.start
        for i in range(n):
            p[i].n_in = self.layer_sizes[i]
            p[i].n_out = self.layer_sizes[i + 1]
            activation = ACTIVATIONS[self.activations[i] if i < n - 1 else "identity"]
            p[i].activation = activation.code
            p[i].pieces = maxout_pieces
            p[i].normalization = _NORMALIZATIONS[normalization] if i < n - 1 else 0
            p[i].dropout = dropout[i] if i < len(dropout) else 0
            p[i].residual = residual and i < n - 1
        self.net.dtype = self.dtype == np.float64
        self.net.n_layers = n
        self.net.layers = p
        self.net.input_dropout = input_dropout
        self.net.input_noise = input_noise
        self._make_head(tuple(loss_args), label_smoothing, tuple(groups))
        _check(fmlp_check(&self.net))
        self.columns = tuple(fmlp_n_columns(&self.net, i) for i in range(n))
        self.n_params = fmlp_n_params(&self.net)
        self.n_running = fmlp_n_running(&self.net)
        self.is_random = any(dropout) or input_dropout > 0 or input_noise > 0
        self.n_features = self.layer_sizes[0]
        self.n_outputs = self.layer_sizes[n]
        self.n_targets = self.n_outputs // fmlp_outputs_per_target(&self.net.head)
        if loss == "custom":  # deltas and the loss of each row, see Trainer.forward_rows
            self.n_targets = self.n_outputs + 1

    cdef int _make_head(self, tuple loss_args, double label_smoothing, tuple groups) except -1:
        if self.output not in OUTPUTS or self.loss not in LOSSES:
            raise ValueError(f"no output {self.output!r} or no loss {self.loss!r}")
        self.loss_args = loss_args
        self.groups = groups
        self.args = _Memory(len(loss_args) * sizeof(double))
        self.group_sizes = _Memory(len(groups) * sizeof(Py_ssize_t))
        for i in range(len(loss_args)):
            (<double *>self.args.start)[i] = loss_args[i]
        for i in range(len(groups)):
            (<Py_ssize_t *>self.group_sizes.start)[i] = groups[i]
        cdef fmlp_head *head = &self.net.head
        head.output = OUTPUTS[self.output]
        head.loss = LOSSES[self.loss].code
        head.loss_args = <double *>self.args.start
        head.n_loss_args = len(loss_args)
        head.label_smoothing = label_smoothing
        head.groups = <Py_ssize_t *>self.group_sizes.start
        head.n_groups = len(groups)
        return 0


def new_running(Network net):
    """Running statistics before the first step: mean 0, variance 1, layer by layer."""
    widths = net.columns[: len(net.columns) - 1] if net.n_running else ()
    parts = [part for n in widths for part in (np.zeros(n), np.ones(n))]
    return np.concatenate([[], *parts]).astype(net.dtype)


def forward(Network net, params, X, int n_threads=1, out=None, bint raw=False,
            bint exact_threads=False, running=None):
    """Outputs (n, n_outputs) of the network for the rows of X.

    raw leaves the output activation out. exact_threads runs on n_threads however small the work.
    running: statistics of a batch-normalized network, (n_running,).
    """
    cdef _View r = None if net.n_running == 0 else _View(running, "running", net.code, 1)
    if r is not None:
        _expect("running", r.length(0), net.n_running)
    cdef _View p = _View(params, "params", net.code, 1)
    _expect("params", p.length(0), net.n_params)
    cdef _Matrix x = _Matrix(X, net)
    if out is None:
        out = _empty((x.m.n_rows, net.n_outputs), net.dtype)
    cdef _View o = _View(out, "out", net.code, 2, True)
    _expect("out", o.length(0), x.m.n_rows)
    _expect("out.shape[1]", o.length(1), net.n_outputs)
    cdef fmlp_exec e = _exec(n_threads, exact_threads)
    cdef Py_ssize_t size
    _check(fmlp_predict_size(&e, &net.net, x.m.n_rows, x.m.indptr != NULL, &size))
    cdef _Memory memory = _Memory(size)
    cdef fmlp_status status
    with nogil:
        status = fmlp_predict(&e, &net.net, p.buffer.buf, NULL if r is None else r.buffer.buf,
                              &x.m, raw, memory.start, size, o.buffer.buf)
    _check(status)
    return out


# ------------------------------------------------------------------ training
cdef struct _BitGenerator:  # the start of bitgen_t in numpy/random/bitgen.h
    void *state


cdef fmlp_mt19937 *_state_of(generator) except NULL:
    cdef _BitGenerator *bits = <_BitGenerator *>PyCapsule_GetPointer(
        generator.capsule, "BitGenerator")
    return <fmlp_mt19937 *>bits.state


@functools.cache
def _knows_mt19937():
    """Does NumPy's MT19937, whose memory is its own affair, lie and round as the engine's does?"""
    generator = np.random.MT19937(0)
    state = generator.state["state"]
    words = np.asarray(state["key"], dtype=np.uint32).tobytes()
    if (len(words) + sizeof(int) != sizeof(fmlp_mt19937)
            or words != PyBytes_FromStringAndSize(<char *>_state_of(generator), len(words))
            or state["pos"] != _state_of(generator).position):
        return False
    theirs, ours = (np.random.RandomState(np.random.MT19937(0)) for _ in range(2))
    expected, got = theirs.uniform(-0.1, 0.1, 1000), np.empty(1000)
    _draw_uniform(ours._bit_generator, -0.1, 0.1, got)
    same = got.tobytes() == expected.tobytes()
    return same and ours.random_sample() == theirs.random_sample()


cdef _mt19937(random_state):
    """The generator behind a RandomState if the engine can draw from it, else None."""
    generator = getattr(random_state, "_bit_generator", None)
    if type(generator) is not np.random.MT19937 or not _knows_mt19937():
        return None
    return generator if 0 <= _state_of(generator).position <= FMLP_MT19937_WORDS else None


cdef _draw_uniform(generator, double low, double high, out):
    cdef _View o = _View(out, "out", "fd", out.ndim, True)
    cdef fmlp_mt19937 *state = _state_of(generator)
    cdef Py_ssize_t n = o.buffer.len // o.buffer.itemsize
    with generator.lock, nogil:
        fmlp_uniform(_dtype(&o.buffer), n, low, high, o.buffer.buf, state)


def uniform(random_state, double low, double high, out):
    """``out[...] = random_state.uniform(low, high, out.shape)``, to the bit, but faster."""
    generator = _mt19937(random_state)
    if generator is None:
        out[...] = random_state.uniform(low, high, out.shape)
    else:
        _draw_uniform(generator, low, high, out)


def shuffle(random_state, order):
    """``random_state.shuffle(order)`` of a RandomState and intp indices, to the bit, but faster."""
    generator = _mt19937(random_state)
    if generator is None or len(order) >= 1 << 32:
        random_state.shuffle(order)
        return
    cdef _View o = _View(order, "order", "lqn", 1, True)
    if o.buffer.itemsize != sizeof(Py_ssize_t):
        raise ValueError("order: needs intp indices")
    cdef fmlp_mt19937 *state = _state_of(generator)
    cdef Py_ssize_t n = o.length(0)
    with generator.lock, nogil:
        fmlp_shuffle(n, <Py_ssize_t *>o.buffer.buf, state)


cdef class Trainer:
    """Weights and optimizer state in the kernels' layout, over one set of rows.

    Parameters
    ----------
    net : Network
    solver : str or None
        A key of `SOLVERS`; None: gradients only.
    params : ndarray (n_params,)
        Copied in.
    state : ndarray (n_state, n_params) or None
        The solver's state vectors, and the weights in training if an average of them predicts.
        None: start from params.
    X, y, sample_weight
        Rows to train on, kept by reference. y: int32 class indices for softmax, (n,) or
        (n, n_groups), else (n, n_targets).
    batch_size : int
    n_threads : int
    exact_threads : bool
        For tests: use n_threads however small the work.
    average : bool
        Keep an exponential average of the weights (``ema_decay``), which predicts.
    clip : bool
        Keep whole gradients, so that they can be clipped (``gradient_clip``).
    running : ndarray (n_running,) or None
        Running statistics of a batch-normalized network. None: mean 0, variance 1.
    seed : int
        Of dropout and noise, 64 bits.

    Attributes
    ----------
    n_state : int
        Rows of ``state``.
    rate_sum : float
        Sum of the squared learning rates of the steps done; set it to go on from others.
    """

    cdef readonly Network net
    cdef readonly Py_ssize_t batch_size
    cdef public double rate_sum
    cdef readonly int n_state
    cdef _Memory memory
    cdef fmlp_trainer *t
    cdef fmlp_exec made_for
    cdef _Matrix x
    cdef _Target y

    def __init__(self, Network net, solver, params, state, X, y, sample_weight,
                 Py_ssize_t batch_size, int n_threads=1, bint exact_threads=False, *,
                 bint average=False, bint clip=False, running=None, uint64_t seed=0):
        self.net = net
        self.batch_size = batch_size
        self.bind(X, y, sample_weight)
        cdef fmlp_exec e = _exec(n_threads, exact_threads)
        self.made_for = e
        if solver is not None and solver not in SOLVERS:
            raise ValueError(f"solver: {solver!r} is none of {', '.join(SOLVERS)}")
        cdef fmlp_optimizer optimizer
        optimizer.solver = 0 if solver is None else SOLVERS[solver].code
        optimizer.average = average
        optimizer.clip = clip
        cdef Py_ssize_t size, entries = -1
        if isinstance(X, tuple):  # the fullest rows could meet in one mini-batch
            longest = int(np.diff(X[2]).max(initial=0))
            entries = min(self.x.m.nnz, batch_size * longest)
        _check(fmlp_trainer_size(&e, &net.net, &optimizer, batch_size, entries, &size))
        self.memory = _Memory(size)
        _check(fmlp_trainer_init(&e, &net.net, &optimizer, batch_size, entries,
                                 self.memory.start, size, &self.t))
        self.n_state = fmlp_trainer_n_state(self.t)
        self.write(params, state)
        fmlp_trainer_seed(self.t, seed)
        if net.n_running:
            self.write_running(new_running(net) if running is None else running)

    def bind(self, X, y, sample_weight):
        """Other rows to train on; sparse ones only with no fuller rows than those before."""
        self.x = _Matrix(X, self.net)
        self.y = _Target(y, sample_weight, self.net, self.x.m.n_rows)

    def release(self):
        """Let go of the rows; training needs others first."""
        self.x = None
        self.y = None

    def fits(self, Network net, Py_ssize_t batch_size, int n_threads):
        """Whether a new trainer with these arguments would be the same but for its weights."""
        return (net is self.net and batch_size == self.batch_size
                and n_threads == self.made_for.n_threads and _isa == self.made_for.isa)

    cdef int _expect_rows(self) except -1:
        if self.x is None:
            raise ValueError("the trainer has released its rows")
        return 0

    cdef int _expect_sizes(self, _View params, _View state) except -1:
        _expect("params", params.length(0), self.net.n_params)
        if state is not None:
            _expect("state", state.length(0), self.n_state)
            _expect("state.shape[1]", state.length(1), self.net.n_params)
        return 0

    def write_running(self, running):
        """Running statistics in, (n_running,)."""
        cdef _View r = _View(running, "running", self.net.code, 1)
        _expect("running", r.length(0), self.net.n_running)
        fmlp_trainer_load_running(self.t, r.buffer.buf)

    def read_running(self, running):
        """Running statistics out, (n_running,)."""
        cdef _View r = _View(running, "running", self.net.code, 1, True)
        _expect("running", r.length(0), self.net.n_running)
        fmlp_trainer_store_running(self.t, r.buffer.buf)

    def write(self, params, state=None):
        """Flat arrays in."""
        cdef _View p = _View(params, "params", self.net.code, 1)
        cdef _View s = None if state is None else _View(state, "state", self.net.code, 2)
        self._expect_sizes(p, s)
        fmlp_trainer_load(self.t, p.buffer.buf, NULL if s is None else s.buffer.buf)

    def read(self, params, state=None):
        """Flat arrays out."""
        cdef _View p = _View(params, "params", self.net.code, 1, True)
        cdef _View s = None if state is None else _View(state, "state", self.net.code, 2, True)
        self._expect_sizes(p, s)
        fmlp_trainer_store(self.t, p.buffer.buf, NULL if s is None else s.buffer.buf)

    def train(self, order, Py_ssize_t start, Py_ssize_t stop, *, Py_ssize_t step,
              double learning_rate, double alpha, double momentum=0.9, bint nesterov=True,
              double beta_1=0.9, double beta_2=0.999, double epsilon=1e-8, double rho=0.9,
              double weight_decay=0, double l1=0, double max_norm=0, double gradient_clip=0,
              double ema_decay=0, rates=None):
        """Mini-batches of order[start:stop], some 50 ms of them at most.

        rates (at least as many as there are mini-batches) are the learning rates of the steps, in
        place of learning_rate. A max_norm of 0 is none.

        Returns
        -------
        position : int
            Where it stopped.
        steps : int
            Optimizer steps done; a mini-batch whose weights are all zero does none.
        loss_sum : float
            Sum over the mini-batches of loss * rows, from the last call with ``start=0`` on.
        """
        self._expect_rows()
        cdef _View o = None
        if order is not None:
            o = _View(order, "order", "lqn", 1)
            if o.buffer.itemsize != sizeof(Py_ssize_t) or stop > o.length(0):
                raise ValueError("order: needs intp indices up to stop")
        cdef fmlp_hyper h
        h.learning_rate = learning_rate
        h.alpha = alpha
        h.momentum = momentum
        h.nesterov = nesterov
        h.beta_1 = beta_1
        h.beta_2 = beta_2
        h.epsilon = epsilon
        h.rho = rho
        h.weight_decay = weight_decay
        h.l1 = l1
        h.max_norm = max_norm
        h.gradient_clip = gradient_clip
        h.ema_decay = ema_decay
        h.rate_sum = self.rate_sum
        cdef _View r = None if rates is None else _View(rates, "rates", "d", 1)
        h.rates = NULL
        h.n_rates = 0
        if r is not None:
            h.rates = <const double *>r.buffer.buf
            h.n_rates = r.length(0)
        cdef fmlp_progress progress
        cdef Py_ssize_t *rows = NULL if o is None else <Py_ssize_t *>o.buffer.buf
        cdef fmlp_status status
        with nogil:
            status = fmlp_trainer_run(self.t, &self.x.m, &self.y.t, rows, start, stop, step, &h,
                                      &progress)
        _check(status)
        self.rate_sum = progress.rate_sum
        return progress.position, progress.steps, progress.loss_sum

    def forward_rows(self, order, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step=0):
        """Custom losses: the first half of a step on order[start:stop], or of `loss_grad`.

        The rows of y are to be filled with derivatives by these outputs and losses, times sample
        weights, before `train` is called for the same rows.

        Returns
        -------
        raw : ndarray (stop - start, n_outputs) or None
            Outputs before the output activation; None: these rows do no step.
        """
        self._expect_rows()
        cdef _View o = None
        if order is not None:
            o = _View(order, "order", "lqn", 1)
            if o.buffer.itemsize != sizeof(Py_ssize_t) or stop > o.length(0):
                raise ValueError("order: needs intp indices up to stop")
        cdef int trains = 0
        raw = np.empty((max(0, stop - start), self.net.n_outputs), self.net.dtype)
        cdef _View r = _View(raw, "raw", self.net.code, 2, True)
        cdef Py_ssize_t *rows = NULL if o is None else <Py_ssize_t *>o.buffer.buf
        cdef fmlp_status status
        with nogil:
            status = fmlp_trainer_forward(self.t, &self.x.m, &self.y.t, rows, start, stop, step,
                                          r.buffer.buf, &trains)
        _check(status)
        return raw if trains else None

    def loss_grad(self, double alpha, grad):
        """Loss over all rows; its flat gradient goes to grad (n_params,)."""
        self._expect_rows()
        cdef _View g = _View(grad, "grad", self.net.code, 1, True)
        _expect("grad", g.length(0), self.net.n_params)
        cdef double loss
        cdef fmlp_status status
        with nogil:
            status = fmlp_trainer_loss_grad(self.t, &self.x.m, &self.y.t, alpha, &loss,
                                            g.buffer.buf)
        _check(status)
        return loss

    def forward(self, X, bint raw=False):
        """Outputs for the rows of X with the current weights; X dense or sparse as in training."""
        cdef _Matrix x = _Matrix(X, self.net)
        out = np.empty((x.m.n_rows, self.net.n_outputs), self.net.dtype)
        cdef _View o = _View(out, "out", self.net.code, 2, True)
        cdef fmlp_status status
        with nogil:
            status = fmlp_trainer_predict(self.t, &x.m, raw, o.buffer.buf)
        _check(status)
        return out

    def snapshot(self):
        """The weights, to restore later."""
        return PyBytes_FromStringAndSize(<char *>fmlp_trainer_weights(self.t),
                                         fmlp_trainer_weights_bytes(self.t))

    def restore(self, bytes snapshot):
        """Put a snapshot's weights back."""
        _expect("snapshot", len(snapshot), fmlp_trainer_weights_bytes(self.t))
        memcpy(fmlp_trainer_weights(self.t), PyBytes_AsString(snapshot), <size_t>len(snapshot))
        fmlp_trainer_weights_changed(self.t)

    def weights_finite(self):
        """Whether all weights and biases are finite."""
        return bool(fmlp_trainer_weights_finite(self.t))


def loss_grad(Network net, params, X, y, sample_weight, double alpha, grad, int n_threads=1,
              uint64_t seed=0):
    """Loss of all rows and its flat gradient (into grad); scikit-learn's definition.

    With dropout or noise those of step 0; batch normalization takes the statistics of all rows.
    """
    cdef Trainer t = Trainer(net, None, params, None, X, y, sample_weight, max(1, y.shape[0]),
                             n_threads, seed=seed)
    return t.loss_grad(alpha, grad)
