"""The door for kernel tests and benchmarks: every kernel of every ISA on NumPy arrays.

Nothing is checked here: callers pass C-contiguous arrays of the table's dtype and of the sizes that
csrc/kernels/kernels.h states. The kernels themselves are in _core, which hands out its tables.
"""

from cpython.mem cimport PyMem_Free, PyMem_Malloc
from libc.stdint cimport int32_t, uintptr_t

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from . import _core

ACTIVATIONS = {name: activation.code for name, activation in _core.ACTIVATIONS.items()}
ACTIVATIONS["stored"] = 100  # FMLP_ACT_STORED
OUTPUTS = _core.OUTPUTS
LOSSES = {name: loss.code for name, loss in _core.LOSSES.items()}
RULES = (
    "gradient sgd adam moments amsgrad nadam adamax adagrad adadelta rmsprop lion adabelief muon"
    " schedulefree rprop descent"
).split()
MATH = {
    "exp": 0, "log": 1, "logistic": 2, "tanh": 3, "expm1": 4, "log1p": 5, "normal_cdf": 6
}


def available():
    """Names of the ISAs built in and supported here."""
    return _core.available_isas()


cdef void *_p(array):
    return NULL if array is None else <void *><uintptr_t>array.ctypes.data


cdef const void **_rows(array) except NULL:
    """Pointers to the rows of a 2-D array, to be freed."""
    cdef Py_ssize_t i, n = array.shape[0], step = array.strides[0]
    cdef const char *base = <const char *>_p(array)
    cdef const void **rows = <const void **>PyMem_Malloc(<size_t>(n + 1) * sizeof(void *))
    if rows == NULL:
        raise MemoryError
    for i in range(n):
        rows[i] = base + i * step
    return rows


cdef Py_ssize_t _ld(array):
    return array.strides[0] // array.itemsize


cdef fmlp_csr _csr(X):
    cdef fmlp_csr csr
    csr.data = _p(X.data)
    csr.indices = _p(X.indices)
    csr.indptr = _p(X.indptr)
    csr.index64 = X.indices.itemsize == 8
    return csr


cdef fmlp_random _random(place):
    cdef fmlp_random random
    random.seed, random.step, random.stream = place
    return random


cdef class Table:
    """The kernels of one ISA and dtype. 2-D arguments may be column slices: strides are passed."""

    cdef const fmlp_kernels *k
    cdef readonly str isa
    cdef readonly object dtype

    def __init__(self, str isa, dtype):
        self.isa = isa
        self.dtype = np.dtype(dtype)
        self.k = <const fmlp_kernels *><uintptr_t>_core.kernel_table(isa, self.dtype)

    @property
    def lanes(self):
        return self.k.lanes

    @property
    def nr(self):
        return self.k.nr

    @property
    def mr(self):
        return self.k.mr

    @property
    def narrow_max(self):
        return self.k.narrow_max

    def slots(self):
        """Whether each kernel is there."""
        return [self.k.forward != NULL, self.k.forward_flat != NULL, self.k.forward_narrow != NULL,
                self.k.forward_sparse != NULL, self.k.backward != NULL,
                self.k.backward_narrow != NULL, self.k.backward_narrow_sums != NULL,
                self.k.grad != NULL, self.k.pack_inputs != NULL, self.k.grad_packed != NULL,
                self.k.grad_narrow != NULL,
                self.k.grad_sparse != NULL, self.k.grad_bias != NULL, self.k.act_forward != NULL,
                self.k.act_backward != NULL, self.k.act_store != NULL,
                self.k.prelu != NULL, self.k.prelu_backward != NULL, self.k.maxout != NULL,
                self.k.maxout_backward != NULL, self.k.dropout != NULL,
                self.k.dropout_entries != NULL, self.k.noise != NULL, self.k.layer_norm != NULL,
                self.k.layer_norm_backward != NULL, self.k.batch_stats != NULL,
                self.k.batch_norm != NULL, self.k.batch_norm_backward != NULL,
                self.k.norm_sums != NULL, self.k.add != NULL, self.k.add_rows != NULL,
                self.k.add_sparse != NULL,
                self.k.loss != NULL, self.k.output != NULL,
                self.k.rule != NULL, self.k.gradient_squares != NULL, self.k.average != NULL,
                self.k.combine != NULL, self.k.cap_columns != NULL, self.k.cap_row != NULL,
                self.k.transpose != NULL, self.k.mt_renew != NULL, self.k.mt_temper != NULL,
                self.k.mt_uniform != NULL, self.k.sum != NULL,
                self.k.finite != NULL, self.k.math != NULL, self.k.fma_peak != NULL]

    def forward(self, X, w, str act, out, n=None):
        """X (m, k), w panels, out (m, n padded); n: all columns by default."""
        rows = _rows(X)
        self.k.forward(X.shape[0], X.shape[1], n or out.shape[1], rows, _p(w), ACTIVATIONS[act],
                       _p(out), _ld(out))
        PyMem_Free(<void *>rows)

    def forward_flat(self, X, w, bias, str act, out):
        """X (m, k), w (k, n), bias (n,), out (m, n)."""
        rows = _rows(X)
        self.k.forward_flat(X.shape[0], X.shape[1], out.shape[1], rows, _p(w), _p(bias),
                            ACTIVATIONS[act], _p(out), _ld(out))
        PyMem_Free(<void *>rows)

    def forward_narrow(self, X, w, str act, out):
        rows = _rows(X)
        self.k.forward_narrow(X.shape[0], X.shape[1], out.shape[1], rows, _p(w), ACTIVATIONS[act],
                              _p(out), _ld(out))
        PyMem_Free(<void *>rows)

    def forward_sparse(self, X, index, w, str act, out):
        cdef fmlp_csr csr = _csr(X)
        self.k.forward_sparse(len(index), X.shape[1], out.shape[1], &csr,
                              <const Py_ssize_t *>_p(index), _p(w), ACTIVATIONS[act], _p(out),
                              _ld(out))

    def backward(self, dz, wt, str act, a, dz_in, n_in=None):
        """dz (m, n_out), wt panels, a and dz_in (m, n_in padded); n_in: all columns by default."""
        rows = _rows(dz)
        self.k.backward(dz.shape[0], dz.shape[1], n_in or dz_in.shape[1], rows, _p(wt),
                        ACTIVATIONS[act], _p(a), _ld(a), _p(dz_in), _ld(dz_in))
        PyMem_Free(<void *>rows)

    def backward_narrow(self, dz, w, str act, a, dz_in):
        self.k.backward_narrow(dz.shape[0], dz.shape[1], dz_in.shape[1], _p(dz), _ld(dz), _p(w),
                               ACTIVATIONS[act], _p(a), _ld(a), _p(dz_in), _ld(dz_in))

    def grad(self, X, Py_ssize_t k0, Py_ssize_t k1, dz, bint accumulate, g, n=None):
        """g (k1 - k0, n padded); n: all columns by default."""
        rows = _rows(X)
        self.k.grad(X.shape[0], k0, k1, n or g.shape[1], rows, _p(dz), _ld(dz), accumulate, _p(g),
                    NULL)
        PyMem_Free(<void *>rows)

    def grad_narrow(self, X, Py_ssize_t k0, Py_ssize_t k1, dz, bint accumulate, g):
        """g (n_out, k1 - k0 padded)."""
        rows = _rows(X)
        self.k.grad_narrow(X.shape[0], k0, k1, dz.shape[1], rows, _p(dz), _ld(dz), accumulate,
                           _p(g), _ld(g))
        PyMem_Free(<void *>rows)

    def grad_sparse(self, X, Py_ssize_t k0, Py_ssize_t k1, dz, bint accumulate, g):
        """X: CSC arrays (indptr intp, indices int32, data)."""
        cdef fmlp_columns x
        x.start = <Py_ssize_t *>_p(X[0])
        x.row = <int32_t *>_p(X[1])
        x.value = _p(X[2])
        self.k.grad_sparse(k0, k1, g.shape[1], &x, _p(dz), _ld(dz), accumulate, _p(g))

    def grad_bias(self, dz, bint accumulate, g):
        self.k.grad_bias(dz.shape[0], dz.shape[1], _p(dz), _ld(dz), accumulate, _p(g))

    def act_forward(self, str act, a):
        self.k.act_forward(ACTIVATIONS[act], a.shape[0], a.shape[1], _p(a), _ld(a))

    def act_backward(self, str act, a, d):
        self.k.act_backward(ACTIVATIONS[act], a.shape[0], a.shape[1], _p(a), _ld(a), _p(d), _ld(d))

    def prelu(self, slopes, a, d=None, e=None):
        self.k.prelu(a.shape[0], a.shape[1], _p(slopes), _p(a), _ld(a), _p(d), 0 if d is None else
                     _ld(d), _p(e), 0 if e is None else _ld(e))

    def prelu_backward(self, slopes, e, dz):
        self.k.prelu_backward(e.shape[0], e.shape[1], _p(slopes), _p(e), _ld(e), _p(dz), _ld(dz))

    def maxout(self, Py_ssize_t n, a, d=None, e=None):
        """a (m, n * pieces), d, e (m, n)."""
        self.k.maxout(a.shape[0], n, a.shape[1] // n, _p(a), _ld(a), _p(d), 0 if d is None else
                      _ld(d), _p(e), 0 if e is None else _ld(e))

    def maxout_backward(self, Py_ssize_t n, e, dz):
        """dz (m, n * pieces), e (m, n)."""
        self.k.maxout_backward(e.shape[0], n, dz.shape[1] // n, _p(e), _ld(e), _p(dz), _ld(dz))

    def act_store(self, str act, a, d):
        self.k.act_store(ACTIVATIONS[act], a.shape[0], a.shape[1], _p(a), _ld(a), _p(d), _ld(d))
    def dropout(self, place, Py_ssize_t row, double p, str act, a, d=None):
        """place: (seed, step, stream)."""
        cdef fmlp_random random = _random(place)
        self.k.dropout(a.shape[0], a.shape[1], &random, row, p, ACTIVATIONS[act], _p(a), _ld(a),
                       _p(d), 0 if d is None else _ld(d))

    def dropout_entries(self, place, Py_ssize_t row, double p, columns, x, out):
        cdef fmlp_random random = _random(place)
        self.k.dropout_entries(x.size, &random, row, p, _p(columns), columns.itemsize == 8, _p(x),
                               _p(out))

    def noise(self, place, Py_ssize_t row, double sigma, a):
        cdef fmlp_random random = _random(place)
        self.k.noise(a.shape[0], a.shape[1], &random, row, sigma, _p(a), _ld(a))

    def layer_norm(self, Py_ssize_t n, z, gamma, beta, double eps, y, rstd=None):
        """n real units of padded ones."""
        self.k.layer_norm(z.shape[0], n, _p(z), _ld(z), _p(gamma), _p(beta), eps, _p(y), _ld(y),
                          _p(rstd))

    def layer_norm_backward(self, Py_ssize_t n, dy, zhat, gamma, rstd, dz):
        self.k.layer_norm_backward(dy.shape[0], n, _p(dy), _ld(dy), _p(zhat), _ld(zhat), _p(gamma),
                                   _p(rstd), _p(dz), _ld(dz))

    def batch_stats(self, z, weight, double total, double momentum, mean, var, running_mean,
                    running_var):
        self.k.batch_stats(z.shape[0], z.shape[1], _p(z), _ld(z), _p(weight), total, momentum,
                           _p(mean), _p(var), _p(running_mean), _p(running_var))

    def batch_norm(self, z, mean, var, double eps, gamma, beta, y):
        self.k.batch_norm(z.shape[0], z.shape[1], _p(z), _ld(z), _p(mean), _p(var), eps, _p(gamma),
                          _p(beta), _p(y), _ld(y))

    def batch_norm_backward(self, dy, zhat, weight, double total, dgamma, dbeta, var, double eps,
                            gamma, dz):
        self.k.batch_norm_backward(dy.shape[0], dy.shape[1], _p(dy), _ld(dy), _p(zhat), _ld(zhat),
                                   _p(weight), total, _p(dgamma), _p(dbeta), _p(var), eps,
                                   _p(gamma), _p(dz), _ld(dz))

    def norm_sums(self, dy, zhat, bint accumulate, dgamma, dbeta):
        self.k.norm_sums(dy.shape[0], dy.shape[1], _p(dy), _ld(dy), _p(zhat), _ld(zhat),
                         accumulate, _p(dgamma), _p(dbeta))

    def add(self, x, a):
        self.k.add(a.shape[0], a.shape[1], _p(x), _ld(x), _p(a), _ld(a))

    def add_rows(self, x, a):
        rows = _rows(x)
        self.k.add_rows(a.shape[0], a.shape[1], rows, _p(a), _ld(a))
        PyMem_Free(<void *>rows)

    def add_sparse(self, X, index, a):
        cdef fmlp_csr csr = _csr(X)
        self.k.add_sparse(len(index), &csr, <const Py_ssize_t *>_p(index), _p(a), _ld(a))

    def loss(self, str output, str loss, z, index, dense, classes, weight, loss_rows, *, args=(),
             double smoothing=0, groups=None):
        """z becomes deltas; classes (n_rows,) or (n_rows, n_groups)."""
        cdef fmlp_head head
        cdef fmlp_target y
        levels = np.array(args, np.float64)
        sizes = np.array([z.shape[1]] if groups is None else groups, np.intp)
        head.output, head.loss = OUTPUTS[output], LOSSES[loss]
        head.loss_args, head.n_loss_args = <const double *>_p(levels), len(levels)
        head.label_smoothing = smoothing
        head.groups, head.n_groups = <const Py_ssize_t *>_p(sizes), len(sizes)
        y.dense, y.classes, y.weight = _p(dense), <const int32_t *>_p(classes), _p(weight)
        scratch = np.zeros((z.shape[1] + 64) * self.k.lanes, self.dtype)
        cdef void *aligned = <void *>((<uintptr_t>_p(scratch) + 63) // 64 * 64)
        self.k.loss(&head, z.shape[0], z.shape[1], _p(z), _ld(z), <const Py_ssize_t *>_p(index),
                    &y, _p(loss_rows), aligned)

    def output(self, str output, z, out, *, bint raw=False, groups=None):
        cdef fmlp_head head
        sizes = np.array([z.shape[1]] if groups is None else groups, np.intp)
        head.output = OUTPUTS[output]
        head.groups, head.n_groups = <const Py_ssize_t *>_p(sizes), len(sizes)
        scratch = np.zeros((z.shape[1] + 64) * self.k.lanes, self.dtype)
        cdef void *aligned = <void *>((<uintptr_t>_p(scratch) + 63) // 64 * 64)
        self.k.output(&head, raw, z.shape[0], z.shape[1], _p(z), _ld(z), _p(out), _ld(out),
                      aligned)

    def rule(self, str rule, g, w, *state, double scale=1, double alpha=0,
             double learning_rate=0.1, double momentum=0, bint nesterov=False, double beta_1=0.9,
             double beta_2=0.999, double epsilon=1e-8, double rho=0.9, double step=0.1,
             double step_gradient=0.1, double root=1, double mix=0.5, double decay=1,
             double threshold=0, more=None):
        cdef fmlp_rule_args args
        args.scale, args.alpha, args.learning_rate = scale, alpha, learning_rate
        args.momentum, args.nesterov = momentum, nesterov
        args.beta_1, args.beta_2, args.epsilon, args.rho = beta_1, beta_2, epsilon, rho
        args.step, args.step_gradient, args.root, args.mix = step, step_gradient, root, mix
        args.decay, args.threshold = decay, threshold
        args.more = NULL if more is None else _p(more)
        cdef void *s[FMLP_MAX_STATE]
        for i in range(FMLP_MAX_STATE):
            s[i] = _p(state[i]) if i < len(state) else NULL
        return self.k.rule(RULES.index(rule), w.size, _p(g), _p(w), s, &args)

    def gradient_squares(self, g, w, *, double scale=1, double alpha=0):
        cdef fmlp_rule_args args
        args.scale, args.alpha = scale, alpha
        return self.k.gradient_squares(w.size, _p(g), _p(w), &args)

    def average(self, w, e, double mix):
        self.k.average(w.size, _p(w), _p(e), mix)

    def combine(self, double a, x, double b, y, out):
        self.k.combine(x.shape[0], x.shape[1], a, _p(x), _ld(x), b, _p(y),
                       0 if y is None else _ld(y), _p(out), _ld(out))

    def cap_columns(self, w, double limit):
        self.k.cap_columns(w.shape[0], w.shape[1], _p(w), _ld(w), limit)

    def cap_row(self, w, double limit):
        self.k.cap_row(w.size, _p(w), limit)

    def transpose(self, src, dst):
        self.k.transpose(src.shape[0], src.shape[1], _p(src), _ld(src), _p(dst), _ld(dst))

    def sum(self, x):
        return self.k.sum(x.size, _p(x))

    def finite(self, x):
        return bool(self.k.finite(x.size, _p(x)))

    def math(self, str op, x, y):
        self.k.math(MATH[op], x.size, _p(x), _p(y))

    def fma_peak(self, Py_ssize_t n):
        """Some n rounds of independent FMAs: FLOPs done."""
        cdef double flops
        with nogil:
            flops = self.k.fma_peak(n)
        return flops


def fma_peak(int n_threads=1, dtype=np.float32, double seconds=0.1, isa=None):
    """FLOP/s of independent FMAs on n_threads threads: the limit of the matrix products."""
    table = Table(available().pop() if isa is None else isa, dtype)
    rounds = [5_000_000] * n_threads  # some 10 ms
    best = 0.0
    stop = time.perf_counter() + seconds
    with ThreadPoolExecutor(n_threads) as pool:
        while best == 0 or time.perf_counter() < stop:  # once at least
            start = time.perf_counter()
            flops = sum(pool.map(table.fma_peak, rounds))
            best = max(best, flops / (time.perf_counter() - start))
    return best
