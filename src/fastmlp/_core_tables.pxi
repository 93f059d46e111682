# What the engine's tables say there is: solvers, activations, outputs, losses.


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
