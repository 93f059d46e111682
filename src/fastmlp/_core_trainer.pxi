# Training: weights and optimizer state inside the engine.


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
        self.memory = _Memory(size, zero=True)
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
        cdef void *vectors = NULL if s is None else s.buffer.buf
        with nogil:
            fmlp_trainer_load(self.t, p.buffer.buf, vectors)

    def read(self, params, state=None):
        """Flat arrays out."""
        cdef _View p = _View(params, "params", self.net.code, 1, True)
        cdef _View s = None if state is None else _View(state, "state", self.net.code, 2, True)
        self._expect_sizes(p, s)
        cdef void *vectors = NULL if s is None else s.buffer.buf
        with nogil:
            fmlp_trainer_store(self.t, p.buffer.buf, vectors)

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
