"""Networks with prelu and maxout: gradients, slopes in every solver, bits, and what they equal."""

import itertools

import numpy as np
import pytest
import reference_layers
import reference_solvers
from core.problems import close, train
from core.test_layers import Case, check, trained
from numpy.testing import assert_array_equal

from fastmlp import _core

BOTH = ("prelu", "maxout")


# --------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("hidden", [BOTH, BOTH[::-1], ("maxout", "maxout"), ("prelu", "prelu")])
def test_gradient(isa, hidden, sparse, rng):
    """Against the oracle, with everything else on; widths on and next to those of vectors."""
    for sizes, pieces in [((9, 4, 3, 3), 2), ((5, 16, 17, 3), 5), ((20, 1, 33, 2), 3)]:
        for options in (
            {},
            {"dropout": 0.4, "weights": "some zero"},
            {"normalization": "batch", "residual": True},
            {"normalization": "layer", "residual": True, "dropout": 0.4},
        ):
            check(Case(rng, sizes, hidden=hidden, sparse=sparse, pieces=pieces, **options))


def test_gradient_over_several_chunks(isa, rng):
    """2,100 rows are held 1,024 at a time."""
    for hidden in (BOTH, BOTH[::-1]):
        check(Case(rng, (6, 5, 7, 3), hidden=hidden, n=2100, dropout=0.3), 1e-10)


def parts_of(case, alpha=0.0):
    return case.spec.unflatten(case.gradient(alpha)[1])


@pytest.mark.parametrize("sparse", [False, True])
def test_prelu_with_slopes_of_leaky_relu_is_leaky_relu(isa, sparse, rng):
    for dtype in (np.float32, np.float64):
        options = {"sparse": sparse, "dtype": dtype, "weights": "random"}
        case = Case(rng, (7, 19, 34, 3), hidden=["prelu"] * 2, **options)
        for i in range(2):
            case.spec.unflatten(case.params)["slopes", i][:] = 0.01
        other = Case(rng, (7, 19, 34, 3), hidden=["leaky_relu"] * 2, **options)
        other.params = case.params[: other.spec.n_params()]
        other.X, other.y, other.weight = case.X, case.y, case.weight
        got, want = parts_of(case), parts_of(other)
        assert all(np.array_equal(got[key], want[key]) for key in want)


def test_maxout_with_a_piece_of_zeros_is_relu(isa, rng):
    case = Case(rng, (7, 19, 34, 3), hidden=["maxout"] * 2, pieces=2)
    other = Case(rng, (7, 19, 34, 3), hidden=["relu"] * 2)
    other.X, other.y = case.X, case.y
    mine, theirs = case.spec.unflatten(case.params), other.spec.unflatten(other.params)
    for (name, i), part in mine.items():
        part[...] = 0
        part[..., : theirs[name, i].shape[-1]] = theirs[name, i]
    got, want = parts_of(case), parts_of(other)
    for (name, i), w in want.items():
        close(got[name, i][..., : w.shape[-1]], w, 1e-13)
    mine_out, out = (_core.forward(c.net, c.params, c.X) for c in (case, other))
    close(mine_out, out, 1e-13)


# ----------------------------------------------------------------------------------------- solvers


class Oracle(reference_solvers.Solver):
    """That solver for a network whose layers are more than a matrix and a bias."""

    def __init__(self, name, case, **hyper):
        self.spec = case.spec
        super().__init__(name, case.params, case.spec.sizes, **hyper)

    def matrices(self, flat):
        parts = self.spec.unflatten(flat)
        return [parts["W", i] for i in range(len(self.spec.sizes) - 1)]


EVERYTHING = {
    "alpha": 0.1, "weight_decay": 0.2, "l1": 0.01, "max_norm": 0.7, "gradient_clip": 0.3,
    "ema_decay": 0.9,
}  # fmt: skip


@pytest.mark.parametrize("hyper", [{"alpha": 0.3}, EVERYTHING], ids=["alpha", "all"])
@pytest.mark.parametrize("solver", list(_core.SOLVERS))
def test_every_solver_trains_the_slopes(solver, hyper, rng):
    """As it trains biases: no penalty on them, no cap; clipped and averaged like the rest."""
    hyper = dict(hyper)
    if _core.SOLVERS[solver].averages:
        hyper.pop("ema_decay", None)
    case = Case(rng, (5, 18, 7, 3), hidden=BOTH, sparse=rng.random() < 0.5)
    trainer = case.trainer(
        solver, len(case.Y), average="ema_decay" in hyper, clip="gradient_clip" in hyper
    )
    oracle, rate = Oracle(solver, case, **hyper), {"adadelta": 0.5}.get(solver, 0.02)
    before = case.spec.unflatten(case.params.copy())
    for step in range(6):
        train(trainer, None, 0, len(case.Y), step, rate, **hyper)
        case.params = oracle.w
        oracle.step(case.expected_gradient(hyper["alpha"]), rate)
    got = np.empty(case.net.n_params)
    trainer.read(got)
    close(got, oracle.average, 1e-8)
    assert (case.spec.unflatten(got)["slopes", 0] != before["slopes", 0]).mean() > 0.5


# -------------------------------------------------------------------------------------------- bits


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n", [160, 1500])
def test_threads_change_no_bit(isa, sparse, n, rng):
    """One chunk of rows, and several."""
    for dropout, normalization in [(0.0, None), (0.3, "layer")]:
        case = Case(
            rng, (30, 40, 33, 17, 3), hidden=("prelu", "maxout", "prelu"), sparse=sparse, n=n,
            dropout=dropout, normalization=normalization, dtype=np.float32,
        )  # fmt: skip
        batch = 50 if n < 1024 else 1200
        want = trained(case, batch_size=batch)
        assert np.isfinite(want[0]).all()
        for threads in (2, 4, 7):
            got = trained(case, batch_size=batch, n_threads=threads, exact_threads=True)
            assert all(np.array_equal(g, w) for g, w in zip(got, want, strict=True))


def test_a_row_predicts_the_same_in_any_company(isa, rng):
    for sizes in [(20, 33, 18, 3), (9, 2, 3, 1)]:
        case = Case(rng, sizes, hidden=BOTH, output="identity", dtype=np.float32)
        whole = _core.forward(case.net, case.params, case.dense)
        for start, stop in itertools.pairwise([0, 1, 3, 10, 22, 23]):
            rows = np.ascontiguousarray(case.dense[start:stop])
            assert_array_equal(_core.forward(case.net, case.params, rows), whole[start:stop])


# --------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("pieces", [1, 0, -2])
def test_too_few_pieces(pieces):
    with pytest.raises(ValueError):
        _core.Network(
            (3, 4, 2), ["maxout"], "identity", "squared_error", float, maxout_pieces=pieces
        )
    net = _core.Network(
        (3, 4, 2), ["relu"], "identity", "squared_error", float, maxout_pieces=pieces
    )
    assert net.columns == (4, 2)


def test_too_many_pieces():
    sizes = (2**20, 2**20, 2**20, 2)
    with pytest.raises(MemoryError):
        _core.Network(
            sizes, ["maxout"] * 2, "identity", "squared_error", float, maxout_pieces=2**24
        )


def test_columns_and_parameters():
    net = _core.Network(
        (3, 4, 5, 2), BOTH, "identity", "squared_error", float, maxout_pieces=3, residual=True,
        normalization="batch",
    )  # fmt: skip
    assert net.columns == (4, 15, 2)
    weights, biases, norm = 3 * 4 + 4 * 15 + 5 * 2, 4 + 15 + 2, 2 * (4 + 15)
    assert net.n_params == weights + biases + norm + 4 + 3 * 4 + 4 * 5
    assert net.n_running == norm
    assert reference_layers.Spec((3, 4, 5, 2), BOTH, "batch", True, 3).n_params() == net.n_params
