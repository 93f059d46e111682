"""One optimizer rule over a run of parameters, step by step against the formulas."""

import numpy as np
import pytest
from kernels.layouts import Output, assert_within, draw, eps, integers, same_bits, spread, wide

N_VECTORS = [1, 2, 3, 7, 16]


class Parameters:
    """w and two moments of n elements amid sentinels, and what they were before the last step."""

    def __init__(self, table, n, rng, n_state, zero=True):
        self.table, self.rng = table, rng
        start = np.zeros if zero else lambda n: abs(draw(n, table, rng))
        self.w = Output((n,), table, rng, fill=draw(n, table, rng))
        self.state = [Output((n,), table, rng, fill=start(n)) for _ in range(n_state)]

    def step(self, rule, g, **hyper):
        """Returns (before, after, what the kernel returned); each of w, *state in a wide type."""
        arrays = [self.w, *self.state]
        before = wide(self.table, *(a.result().copy() for a in arrays))
        pointers = [a.array for a in arrays]
        squares = self.table.rule(rule, spread(g, self.table, self.rng), *pointers, **hyper)
        return before, [a.result() for a in arrays], squares


def finished(table, g, w, alpha, scale):
    """The gradient (g + alpha w) scale in a wide type, and its error bound."""
    g, w = wide(table, g, w)
    return (g + alpha * w) * scale, 4 * eps(table) * (abs(g) + abs(alpha * w)) * scale


def check_squares(table, got, w, alpha):
    if alpha:
        want = float((w**2).sum())
        assert abs(got - want) <= 2 * len(w) * eps(table) * want
    else:
        assert got == 0


@pytest.fixture(params=[0, 0.3], ids=["alpha=0", "alpha=0.3"])
def alpha(request):
    return request.param


@pytest.mark.parametrize("scale", [1, 1 / 7])
def test_gradient(table, alpha, scale, rng):
    """Writes the finished gradient, leaves the weights alone."""
    for n in (table.lanes * k for k in N_VECTORS):
        g, p = draw(n, table, rng), Parameters(table, n, rng, 1)
        p.state[0].array[:] = np.nan
        before, (w, s1), squares = p.step("gradient", g, alpha=alpha, scale=scale)
        assert (w == before[0]).all()
        want, bound = finished(table, g, before[0], alpha, scale)
        assert_within(s1, want, bound)
        check_squares(table, squares, before[0], alpha)


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0, 0.5, 0.9])
def test_sgd(table, alpha, momentum, nesterov, rng):
    e = 4 * eps(table)
    for n in (table.lanes * k for k in N_VECTORS):
        p = Parameters(table, n, rng, 1)
        for step in range(5):
            g, rate, scale = draw(n, table, rng), 0.1 / (step + 1), 1 / (step + 2)
            hyper = {"alpha": alpha, "scale": scale, "learning_rate": rate}
            (w, v), (new_w, new_v), squares = p.step(
                "sgd", g, momentum=momentum, nesterov=nesterov, **hyper
            )
            gradient, error = finished(table, g, w, alpha, scale)
            velocity = momentum * v - rate * gradient
            error = rate * error + e * (abs(momentum * v) + abs(rate * gradient))
            assert_within(new_v, velocity, error)
            update = momentum * velocity - rate * gradient if nesterov else velocity
            size = abs(w) + abs(velocity) + abs(rate * gradient)
            assert_within(new_w, w + update, 2 * error + e * size)
            check_squares(table, squares, w, alpha)


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0, 0.5), (0.5, 0)])
@pytest.mark.parametrize("epsilon", [1e-8, 0.1])
def test_adam(table, alpha, betas, epsilon, rng):
    """Several steps; gradients of very different sizes, zeros among them."""
    b1, b2 = betas
    e = 8 * eps(table)
    for n in (table.lanes * k for k in N_VECTORS):
        p = Parameters(table, n, rng, 2)
        magnitude = 10.0 ** rng.integers(-6, 3, n)
        for step in range(1, 6):
            g = (draw(n, table, rng) * magnitude).astype(table.dtype)
            if alpha == 0:
                g[0] = 0
            scale = 1 / (step + 2)
            rate = 0.01 * np.sqrt(1 - b2**step) / (1 - b1**step)
            hyper = {"alpha": alpha, "scale": scale, "learning_rate": rate, "epsilon": epsilon}
            (w, m, v), (new_w, new_m, new_v), squares = p.step(
                "adam", g, beta_1=b1, beta_2=b2, **hyper
            )
            gradient, error = finished(table, g, w, alpha, scale)
            want_m, want_v = b1 * m + (1 - b1) * gradient, b2 * v + (1 - b2) * gradient**2
            bound = (1 - b1) * (error + e * abs(gradient)) + e * abs(b1 * m)
            assert_within(new_m, want_m, bound)
            bound = (1 - b2) * (2 * abs(gradient) * error + e * gradient**2) + e * abs(b2 * v)
            assert_within(new_v, want_v, bound)
            # the update follows from the moments as they were rounded
            m, v = wide(table, new_m, new_v)
            update = rate * m / (np.sqrt(v) + epsilon)
            assert_within(new_w, w - update, e * abs(update) + eps(table) * abs(w))
            check_squares(table, squares, w, alpha)


def test_adam_first_step_is_the_learning_rate(table, rng):
    """With the bias correction in the rate, the first step has the rate's size for any gradient."""
    n = 4 * table.lanes
    g = (np.resize([1, -1], n) * 10.0 ** rng.uniform(-3, 6, n)).astype(table.dtype)
    p = Parameters(table, n, rng, 2)
    rate = 0.25 * np.sqrt(1 - 0.999) / (1 - 0.9)
    (w, _, _), (new_w, _, _), _ = p.step("adam", g, learning_rate=rate, epsilon=1e-12)
    assert np.allclose(new_w - w, -0.25 * np.sign(g), rtol=1e-4)


@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_padding_stays_zero(table, rule, rng):
    """Zero weights with zero gradient and zero moments stay exactly zero."""
    n = 3 * table.lanes
    p = Parameters(table, n, rng, 2 if rule == "adam" else 1)
    p.w.array[:] = 0
    for _ in range(3):
        _, after, squares = p.step(rule, np.zeros(n), alpha=0.5, momentum=0.9)
        assert squares == 0
        assert all(same_bits(a, np.zeros_like(a)) for a in after)


@pytest.mark.parametrize("rule", ["gradient", "sgd", "adam"])
def test_an_element_is_its_own(table, rule, rng):
    """Bitwise the same in any lane and any run."""
    n, lanes = 7 * table.lanes, table.lanes
    w, g, s1, s2 = (abs(draw(n, table, rng)) for _ in range(4))
    hyper = {"alpha": 0.3, "scale": 0.2, "momentum": 0.7, "nesterov": True}
    want = [a.copy() for a in (w, s1, s2)]
    table.rule(rule, g, *want, **hyper)
    order = rng.permutation(n)
    got = [a[order] for a in (w, s1, s2)]
    table.rule(rule, g[order], *got, **hyper)
    assert all(same_bits(a, b[order]) for a, b in zip(got, want, strict=True))
    for start in range(0, n, lanes):
        part = slice(start, start + lanes)
        got = [a[part].copy() for a in (w, s1, s2)]
        table.rule(rule, g[part], *got, **hyper)
        assert all(same_bits(a, b[part]) for a, b in zip(got, want, strict=True))


def test_powers_of_two_are_exact(table, generic, rng):
    """Small integers and powers of two: the same bits on every instruction set."""
    n = 4 * table.lanes
    w, g, v = (integers(n, table, rng) for _ in range(3))
    hyper = {"alpha": 0.5, "scale": 0.25, "learning_rate": 0.5, "momentum": 0.25}
    gradient = (g + 0.5 * w) / 4
    velocity = v / 4 - gradient / 2
    for nesterov, update in [(False, velocity), (True, velocity / 4 - gradient / 2)]:
        for kernels in (table, generic):
            new_w, new_v = w.copy(), v.copy()
            assert kernels.rule("sgd", g, new_w, new_v, nesterov=nesterov, **hyper) == (w**2).sum()
            assert same_bits(new_v, velocity)
            assert same_bits(new_w, w + update)
    out = np.empty_like(w)
    table.rule("gradient", g, w, out, **hyper)
    assert same_bits(out, gradient)


@pytest.mark.parametrize("rule", ["gradient", "sgd", "adam"])
def test_nan(table, rule, rng):
    """Reaches the weights or the gradient, in its own lane only."""
    n = 2 * table.lanes
    for at in range(n):
        g = draw(n, table, rng)
        g[at] = np.nan
        p = Parameters(table, n, rng, 2, zero=False)
        _, (w, s1, _), _ = p.step(rule, g)
        assert (np.isnan(s1 if rule == "gradient" else w) == (np.arange(n) == at)).all()


def test_combine(table, rng):
    """a x + b y with strides of their own; y is not read where b is 0."""
    for m, n in [(1, 1), (3, 2), (5, 7)]:
        n *= table.lanes
        x, y = draw((m, n + 3), table, rng)[:, :n], draw((m, n + 5), table, rng)[:, :n]
        out = Output((m, n), table, rng)
        table.combine(0.3, x, -1.7, y, out.array)
        size = abs(0.3 * wide(table, x)[0]) + abs(1.7 * wide(table, y)[0])
        a, b = (float(np.asarray(v, table.dtype)) for v in (0.3, -1.7))
        want = a * wide(table, x)[0] + b * wide(table, y)[0]
        assert_within(out.result(), want, 2 * eps(table) * size)
        table.combine(0.5, x, 0, None, out.array)
        assert same_bits(out.result(), 0.5 * x)
