# A network's description, and its outputs for rows of X.


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
    cdef void *statistics = NULL if r is None else r.buffer.buf
    cdef char stack[8192]  # enough for a few rows of small networks, which need not ask how much
    cdef Py_ssize_t size = sizeof(stack) - 63
    cdef void *start = <void *>((<uintptr_t>stack + 63) // 64 * 64)
    cdef _Memory memory = None
    cdef fmlp_status status
    while True:
        with nogil:
            status = fmlp_predict(&e, &net.net, p.buffer.buf, statistics, &x.m, raw, start, size,
                                  o.buffer.buf)
        if status != FMLP_E_WORKSPACE or memory is not None:
            _check(status)
            return out
        _check(fmlp_predict_size(&e, &net.net, x.m.n_rows, x.m.indptr != NULL, &size))
        memory = _Memory(size)
        start = memory.start
