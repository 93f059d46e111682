"""Every loss with every output activation against the formulas of loss_formulas.py and PyTorch.

test_loss.py has scikit-learn's four pairs, their clipping and shapes; here are all of them at zero,
kinks, saturation and around, one output at a time, and what several outputs make of it.
"""

import loss_formulas
import numpy as np
import pytest
from kernels.layouts import Output, assert_within, eps, same_bits
from loss_formulas import ARGS, DEVIANCES, RESIDUALS

from fastmlp import _core, _kernels

CASES = [
    (loss, output, args)
    for loss, row in _core.LOSSES.items()
    for output in row.outputs
    for args in ARGS.get(loss, [()])
    if loss not in ("custom", "gaussian_nll") and len(args) < 2
]
ELEMENTWISE = [case for case in CASES if case[0] in RESIDUALS or case[0] in DEVIANCES]
PROBABILITIES = [case for case in CASES if case not in ELEMENTWISE]


def domain(loss, args):
    return _core.loss_domain(loss, args)


def call(table, loss, output, z, Y, rng, *, index=None, weight=None, classes=None, **options):
    """(losses of the rows, derivatives by z) of the kernel."""
    deltas, losses = Output(z.shape, table, rng, 1, z), Output((len(z),), table, rng)
    index = np.arange(len(z), dtype=np.intp) if index is None else index
    Y = None if classes is not None else np.ascontiguousarray(Y, table.dtype)
    table.loss(output, loss, deltas.array, index, Y, classes, weight, losses.array, **options)
    return losses.result(), deltas.result()


def column(table, values):
    return np.asarray(values, table.dtype).reshape(-1, 1)


def raw_outputs(table, rng):
    """Zeros, kinks, saturation, and ordinary numbers."""
    exact = [0.0, -0.0, 1.0, -1.0, 0.25, 1e3, -1e3, 20.0, -20.0, 1e-30, -1e-30, 80.0, -80.0]
    return np.r_[exact, rng.normal(size=40) * 3, rng.uniform(-30, 30, 20)].astype(table.dtype)


def targets_of(table, loss, args, z, rng):
    """For each z a target: of the loss's domain, some of them z itself and z +- an argument."""
    kind = domain(loss, args)
    if kind == "real":
        step = args[0] if loss == "huber" else 0.5
        choices = [z, z - step, z + step, 0 * z, rng.normal(size=z.shape), 0 * z + 1e3]
    else:
        choices = [np.exp(np.clip(z, -20, 20)), rng.gamma(1, size=z.shape), 0 * z + 1e3]
        choices += [0 * z] if kind == "nonnegative" else []
    return [np.asarray(y, table.dtype) for y in choices]


@pytest.mark.parametrize(("loss", "output", "args"), ELEMENTWISE)
def test_losses_of_numbers(table, loss, output, args, rng):
    """Value and derivative within 1e-12 of the formula, or 8 units of the last place of its terms
    in float32, where an exponential is the worse the larger its argument."""
    z = raw_outputs(table, rng)
    for y in targets_of(table, loss, args, z, rng):
        losses, deltas = call(
            table, loss, output, column(table, z), column(table, y), rng, args=args
        )
        with np.errstate(all="ignore"):
            bounds = expected_and_sizes(table, loss, output, z.astype(float), y.astype(float), args)
        for got, (want, size) in zip((losses, deltas[:, 0]), bounds, strict=True):
            if table.dtype == np.float64:
                bound = 1e-12 * np.maximum(1, size)
            else:
                bound = 8 * eps(table) * (1 + abs(z) / 4) * size + 1e-37
            compare(table, got, want, bound, f"{loss}, {output}, {args}")


def expected_and_sizes(table, loss, output, z, y, args):
    """((value, size of its terms), (derivative, size of its terms)) of one output."""
    m, dm, log_m, dlog_m = loss_formulas.link(output, z)
    arg, times = args[0] if args else None, loss_formulas.times
    if loss == "tweedie" and arg == 0:
        loss = "squared_error"
    if loss in DEVIANCES:
        value, slope = DEVIANCES[loss](y, m, log_m, arg)
        sizes = sum(map(abs, value)), times(dlog_m, sum(map(abs, slope)))
        return (sum(value), sizes[0]), (times(dlog_m, sum(slope)), sizes[1])
    value, slope = RESIDUALS[loss](m - y, arg)
    near = abs(m) + abs(y)  # errors of m and y are those of m - y
    size = abs(value) + near * abs(slope) + eps(table) * near**2 + (loss == "log_cosh")
    steep = abs(slope) + near
    if output != "identity" and loss in ("absolute_error", "quantile"):
        steep = steep + (abs(m - y) <= 8 * eps(table) * near) / eps(
            table
        )  # either side of the kink
    return (value, size), (slope * dm, steep * (dm + (output == "tanh")))


def compare(table, got, want, bound, what):
    """Within the bound; where the value is out of the dtype's range, infinity of the same sign."""
    top = float(np.finfo(table.dtype).max)
    with np.errstate(invalid="ignore"):
        huge = ~(abs(want) < top / 16)
        assert_within(got[~huge].astype(float), want[~huge], bound[~huge], what)
    for g, w in zip(got[huge], want[huge], strict=True):
        assert abs(g) > top / 64, (what, g, w)
        assert np.sign(g) == np.sign(w), (what, g, w)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize(("loss", "output", "args"), PROBABILITIES)
def test_losses_of_probabilities(table, loss, output, args, smoothing, rng):
    """One class certain, all alike, soft targets; 1e-12, or 40 units of the last place of 1 and of
    the largest |z| in float32."""
    rows = [
        [0, 0, 0], [1e3, 0, -1e3], [0, 1e3, 1e3], [-1e3] * 3, [20, -20, 0], [1e-30, 0, 0],
        [1, 2, 3], [-80, 80, 0],
    ]  # fmt: skip
    z = np.r_[np.array(rows, float), rng.normal(size=(40, 3)) * 3].astype(table.dtype)
    hard = np.eye(3)[rng.integers(0, 3, len(z))]
    for Y in (hard, rng.dirichlet(np.ones(3), len(z)), np.roll(hard, 1, axis=1)):
        Y = Y.astype(table.dtype)
        losses, deltas = call(table, loss, output, z, Y, rng, args=args, smoothing=smoothing)
        value, slope = loss_formulas.loss_and_slope(
            loss, output, z.astype(float), Y.astype(float), args, smoothing, eps=eps(table)
        )
        rounding = 1e-12 if table.dtype == np.float64 else 40 * eps(table)
        # the logarithm of 1 - p for p next to 1 is clipped at eps, and as uncertain as p there
        clipped = loss == "log_loss" and output == "logistic"
        assert_within(
            losses, value, rounding * (1 + value) + clipped * 6 * (abs(z) > 10).any(axis=1)
        )
        assert_within(deltas, slope, rounding, f"{loss}, {output}, {args}")


def test_gaussian_nll(table, rng):
    """With variances at and beyond their limits."""
    s = np.r_[0.0, 1, -1, 20, -13.8, -14, -1e3, 79, 81, 1e3, rng.normal(size=40) * 3]
    mean = np.r_[[0.0, 0.0, 1e3, -1e3, 1.0], rng.normal(size=len(s) - 5)]
    z = np.c_[mean, rng.permutation(mean), s, s[::-1]].astype(table.dtype)
    Y = np.c_[mean * (rng.random(len(s)) < 0.5), rng.normal(size=len(s))].astype(table.dtype)
    losses, deltas = call(table, "gaussian_nll", "identity", z, Y, rng)
    value, slope = loss_formulas.gaussian_nll(z.astype(float), Y.astype(float))
    size = 1 + abs(slope).sum(axis=1) + abs(value)
    rounding = 1e-12 if table.dtype == np.float64 else 60 * eps(table)
    assert_within(losses, value, rounding * size)
    assert_within(deltas, slope, rounding * (1 + abs(slope)))


# ------------------------------------------------------------------------------- several outputs


@pytest.mark.parametrize(("loss", "output", "args"), ELEMENTWISE)
def test_outputs_are_summed_one_by_one(table, loss, output, args, rng):
    """Bitwise the derivatives of each output alone; the value is their sum, in order."""
    m, n = table.lanes + 3, 3
    z = (rng.normal(size=(m, n)) * 2).astype(table.dtype)
    Y = (rng.gamma(2, size=(m, n))).astype(table.dtype)
    losses, deltas = call(table, loss, output, z, Y, rng, args=args)
    alone = [call(table, loss, output, z[:, [j]], Y[:, [j]], rng, args=args) for j in range(n)]
    assert same_bits(deltas, np.concatenate([d for _, d in alone], axis=1))
    total = sum(value for value, _ in alone)
    total = total / n if loss == "squared_error" else total
    assert_within(losses, total, 4 * eps(table) * abs(total))


def test_quantile_levels_lie_side_by_side(table, rng):
    """Each target's levels, one after the other."""
    levels = (0.9, 0.1, 0.5)
    z = rng.normal(size=(table.lanes + 1, 6)).astype(table.dtype)
    Y = rng.normal(size=(table.lanes + 1, 2)).astype(table.dtype)
    losses, deltas = call(table, "quantile", "identity", z, Y, rng, args=levels)
    total = 0
    for j in range(6):
        one, slope = call(
            table, "quantile", "identity", z[:, [j]], Y[:, [j // 3]], rng, args=levels[j % 3 :][:1]
        )
        total = total + one
        assert same_bits(deltas[:, [j]], slope)
    assert_within(losses, total, 4 * eps(table) * total)


@pytest.mark.parametrize("loss", ["log_loss", "focal", "brier"])
def test_groups_are_softmaxes_of_their_own(table, loss, rng):
    """Bitwise the derivatives of each group alone, with class indices as with one-hot targets."""
    m, groups, args = 2 * table.lanes + 1, (3, 2, 4), (2.0,) if loss == "focal" else ()
    z = (rng.normal(size=(m, 9)) * 2).astype(table.dtype)
    classes = np.stack([rng.integers(0, k, m) for k in groups], axis=1).astype(np.int32)
    Y = np.concatenate([np.eye(k)[c] for k, c in zip(groups, classes.T, strict=True)], axis=1)
    index = rng.permutation(m).astype(np.intp)
    losses, deltas = call(table, loss, "softmax", z, Y, rng, index=index, args=args, groups=groups)
    by_class = call(
        table, loss, "softmax", z, None, rng, index=index, classes=classes, args=args, groups=groups
    )
    assert same_bits(deltas, by_class[1])
    assert same_bits(losses, by_class[0])
    start, total = 0, 0
    for k in groups:
        part = slice(start, start + k)
        one, slope = call(
            table, loss, "softmax", z[:, part], Y[:, part], rng, index=index, args=args
        )
        assert same_bits(deltas[:, part], slope)
        total, start = total + one, start + k
    assert_within(losses, total, 4 * eps(table) * total)
    for start, part in ((0, slice(0, 3)), (5, slice(5, 9))):
        out = Output(z.shape, table, rng)
        table.output("softmax", z, out.array, groups=groups)
        assert_within(out.result()[:, part].sum(axis=1), np.ones(m), 8 * eps(table), start)


# --------------------------------------------------------------------------------- what all share


@pytest.mark.parametrize(("loss", "output", "args"), [*CASES, ("gaussian_nll", "identity", ())])
def test_weights_nan_and_neighbours(table, loss, output, args, rng):
    """A row's loss is its own, times its weight; NaN is in it alone; weight 0 is an absent row."""
    m, n = 2 * table.lanes + 3, 4
    z = (rng.normal(size=(m, n)) * 2).astype(table.dtype)
    n_targets = 2 if loss == "gaussian_nll" else n
    Y = rng.dirichlet(np.ones(n_targets), 2 * m).astype(table.dtype)
    index = rng.permutation(2 * m)[:m].astype(np.intp)
    weight = rng.integers(0, 4, 2 * m).astype(table.dtype)
    options = {"index": index, "args": args}
    losses, deltas = call(table, loss, output, z, Y, rng, **options)
    assert np.isfinite(losses).all()
    heavy, steep = call(table, loss, output, z, Y, rng, weight=weight, **options)
    w = weight[index]
    assert same_bits(heavy, losses * w + 0)
    assert same_bits(steep + 0, deltas * w[:, None] + 0)
    for start in range(1, m, 3):
        part = slice(start, start + 5)
        got = call(table, loss, output, z[part], Y, rng, index=index[part], args=args)
        assert same_bits(got[0], losses[part])
        assert same_bits(got[1], deltas[part])
    bad = z.copy()
    bad[table.lanes // 2, 1] = np.nan
    broken, slope = call(table, loss, output, bad, Y, rng, **options)
    others = np.arange(m) != table.lanes // 2
    assert np.isnan(broken[~others]).all()
    assert np.isnan(slope[~others][:, 1]).all()
    assert same_bits(broken[others], losses[others])
    assert same_bits(slope[others], deltas[others])
    weight[:] = 1
    weight[index[~others]] = 0
    broken, slope = call(table, loss, output, bad, Y, rng, weight=weight, **options)
    assert (broken[~others] == 0).all()
    assert (slope[~others] == 0).all()


def test_a_custom_loss_is_in_the_targets(table, rng):
    """Derivatives, and behind them the loss; weights are in them already."""
    m, n = table.lanes + 2, 3
    z = rng.normal(size=(m, n)).astype(table.dtype)
    Y = rng.normal(size=(m, n + 1)).astype(table.dtype)
    weight = np.full(m, 7, table.dtype)
    losses, deltas = call(table, "custom", "identity", z, Y, rng, weight=weight)
    assert same_bits(deltas, Y[:, :n])
    assert same_bits(losses, Y[:, n])


# ---------------------------------------------------------------------------------------- PyTorch


def torch_losses(torch):
    """name: (output, args, options of the kernel, torch's function of (z, y))."""
    f = torch.nn.functional

    def nll(z, y):
        mean, s = z.tensor_split(2, dim=1)
        s = torch.clamp(s, min=np.log(1e-6))
        return f.gaussian_nll_loss(mean, y, torch.exp(s), reduction="none")

    def huber(z, y):
        return f.huber_loss(z, y, delta=0.5, reduction="none")

    def cross_entropy(z, y):
        return f.cross_entropy(z, y, label_smoothing=0.1, reduction="none")

    return {
        "squared_error": ("identity", (), {}, lambda z, y: f.mse_loss(z, y, reduction="none") / 2),
        "absolute_error": ("identity", (), {}, lambda z, y: f.l1_loss(z, y, reduction="none")),
        "huber": ("identity", (0.5,), {}, huber),
        "poisson": ("exp", (), {}, lambda z, y: f.poisson_nll_loss(z, y, reduction="none")),
        "gaussian_nll": ("identity", (), {}, nll),
        "log_loss": ("softmax", (), {"smoothing": 0.1}, cross_entropy),
        "log_loss logistic": (
            "logistic", (), {},
            lambda z, y: f.binary_cross_entropy_with_logits(z, y, reduction="none"),
        ),
    }  # fmt: skip


NAMES = [
    "squared_error", "absolute_error", "huber", "poisson", "gaussian_nll", "log_loss",
    "log_loss logistic",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_against_torch(name, rng):
    """Derivatives to 1e-12 of autograd's, at kinks too; values up to a constant of y."""
    torch = pytest.importorskip("torch")
    output, args, options, theirs = torch_losses(torch)[name]
    table, loss = _kernels.Table(_core.isa_name(), np.float64), name.split()[0]
    z = np.r_[rng.normal(size=(50, 4)) * 3, np.zeros((1, 4)), [[1e3, -1e3, 20, -20.0]]]
    if output == "exp":
        z = np.clip(z, -700, 300)
    n_targets = 2 if loss == "gaussian_nll" else 4
    Y = np.zeros((len(z), n_targets))
    if output in ("softmax", "logistic"):
        Y[:50] = rng.dirichlet(np.ones(4), 50)
        Y[50:] = np.eye(4)[:2]
    elif output == "exp":
        Y[:50] = rng.poisson(2, (50, n_targets))
    else:
        Y[:40] = rng.normal(size=(40, n_targets))
        Y[40:45] = z[40:45, :n_targets] - 0.5
        Y[45:50] = z[45:50, :n_targets]
    tz = torch.tensor(z, requires_grad=True)
    value = theirs(tz, torch.tensor(Y))
    value.sum().backward()
    losses, deltas = call(table, loss, output, z, Y, rng, args=args, **options)
    slope = tz.grad.numpy()
    if loss == "gaussian_nll":  # below its limit their log-variance has no slope
        deltas[:, 2:] = np.where(z[:, 2:] > np.log(1e-6), deltas[:, 2:], 0)
    assert_within(deltas, slope, 1e-12 * np.maximum(1, abs(slope)), name)
    rows = value.detach().numpy()
    if loss == "poisson":  # theirs leaves y log y - y out
        rows = rows + loss_formulas.xlogy(Y, Y) - Y
    rows = rows.sum(axis=1) if rows.ndim == 2 else rows
    rows = rows / 4 if loss == "squared_error" else rows
    inside = abs(z).max(axis=1) < 25  # theirs is not clipped
    assert_within(losses[inside], rows[inside], 1e-12 * np.maximum(1, abs(rows[inside])), name)
