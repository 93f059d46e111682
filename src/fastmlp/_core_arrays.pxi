# Arrays of Python as the engine takes them, checked and held while in use.


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


def holds(dict attributes, dict shown):
    """Whether attributes[name] has the very objects of the tuple shown[name], for all names."""
    cdef tuple mine
    cdef Py_ssize_t i
    for name, mine in shown.items():
        theirs = attributes.get(name, ())
        if len(theirs) != len(mine):
            return False
        for i, its in enumerate(theirs):
            if i >= len(mine) or its is not mine[i]:
                return False
    return True


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

    def __cinit__(self, Py_ssize_t size, bint zero=False):
        cdef void *memory
        if size >= 1 << 22:
            try:
                array = (np.zeros if zero else np.empty)(size + 63, np.uint8)
                self.array = _View(array, "memory", "B", 1, True)
            except (MemoryError, ValueError):
                raise MemoryError(f"fastmlp: cannot allocate {size} bytes") from None
            memory = self.array.buffer.buf
        else:
            self.raw = PyMem_Calloc(size + 63, 1) if zero else PyMem_Malloc(<size_t>size + 63)
            memory = self.raw
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
