"""Every optimizer rule, one vector operation at a time, against its formula in a wider type.

test_optimizer.py has the rules of sgd, adam and lbfgs step by step, and what all rules share; whole
solvers are in tests/core/test_solvers.py. Here each rule does one step from a state in which every
term counts, on every instruction set.
"""

import numpy as np
import pytest
from kernels.layouts import Output, assert_within, draw, eps, same_bits, spread, wide

from fastmlp import _kernels

# All different, so that none can stand in for another.
ARGS = {
    "scale": 0.25, "learning_rate": 0.1, "momentum": 0.7, "beta_1": 0.8, "beta_2": 0.9,
    "epsilon": 0.03, "rho": 0.6, "step": 0.2, "step_gradient": 0.05, "root": 1.5, "mix": 0.4,
}  # fmt: skip


def mean(beta, before, x):
    return beta * before + (1 - beta) * x


def soft(w, by):
    return np.sign(w) * np.maximum(abs(w) - by, 0)


def gradient(w, g, s, a):
    return w, (g,)


def descent(w, g, s, a):
    return w - a.learning_rate * g, ()


def sgd(w, g, s, a):
    v = a.momentum * s[0] - a.learning_rate * g
    return w + v, (v,)


def adam(w, g, s, a):
    m, v = mean(a.beta_1, s[0], g), mean(a.beta_2, s[1], g**2)
    return w - a.learning_rate * m / (np.sqrt(v) + a.epsilon), (m, v)


def moments(w, g, s, a):
    m, v = mean(a.beta_1, s[0], g), mean(a.beta_2, s[1], g**2)
    return w - a.step * m / (a.root * np.sqrt(v) + a.epsilon), (m, v)


def amsgrad(w, g, s, a):
    m, v = mean(a.beta_1, s[0], g), mean(a.beta_2, s[1], g**2)
    top = np.maximum(s[2], v)
    return w - a.step * m / (a.root * np.sqrt(top) + a.epsilon), (m, v, top)


def nadam(w, g, s, a):
    m, v = mean(a.beta_1, s[0], g), mean(a.beta_2, s[1], g**2)
    ahead = a.step_gradient * g + a.step * m
    return w - ahead / (a.root * np.sqrt(v) + a.epsilon), (m, v)


def adamax(w, g, s, a):
    m, u = mean(a.beta_1, s[0], g), np.maximum(a.beta_2 * s[1], abs(g) + a.epsilon)
    return w - a.step * m / u, (m, u)


def adagrad(w, g, s, a):
    v = s[0] + g**2
    return w - a.learning_rate * g / (np.sqrt(v) + a.epsilon), (v,)


def adadelta(w, g, s, a):
    v = mean(a.rho, s[0], g**2)
    d = np.sqrt((s[1] + a.epsilon) / (v + a.epsilon)) * g
    return w - a.learning_rate * d, (v, mean(a.rho, s[1], d**2))


def rmsprop(w, g, s, a):
    v = mean(a.rho, s[0], g**2)
    return w - a.learning_rate * g / (np.sqrt(v) + a.epsilon), (v,)


def lion(w, g, s, a):
    return w - a.learning_rate * np.sign(mean(a.beta_1, s[0], g)), (mean(a.beta_2, s[0], g),)


def adabelief(w, g, s, a):
    m = mean(a.beta_1, s[0], g)
    v = mean(a.beta_2, s[1], (g - m) ** 2) + a.epsilon
    return w - a.step * m / (a.root * np.sqrt(v) + a.epsilon), (m, v)


def muon(w, g, s, a):
    m = mean(a.momentum, s[0], g)
    return w, (m, mean(a.momentum, m, g))


def rprop(w, g, s, a):
    turn = g * s[0]
    size = (a.mix * s[1] + a.step) * np.where(turn > 0, 1.2, np.where(turn < 0, 0.5, 1))
    size, used = np.clip(size, 1e-6, 50), np.where(turn < 0, 0, g)
    return w - size * np.sign(used), (used, size)


def schedulefree(y, g, s, a):
    """Its weight decay and l1 are its own: at y and z."""
    z, v, x = s
    v = mean(a.beta_2, v, g**2)
    z = z - a.learning_rate * g / (a.root * np.sqrt(v) + a.epsilon) - (1 - a.decay) * y
    z = soft(z, a.threshold)
    x = x + a.mix * (z - x)
    return (1 - a.beta_1) * z + a.beta_1 * x, (z, v, x)


FORMULAS = {
    f.__name__: f
    for f in (gradient, descent, sgd, adam, moments, amsgrad, nadam, adamax, adagrad, adadelta,
              rmsprop, lion, adabelief, muon, rprop, schedulefree)
}  # fmt: skip
N_STATE = {
    "gradient": 1, "descent": 0, "sgd": 1, "amsgrad": 3, "adagrad": 1, "rmsprop": 1, "lion": 1,
    "schedulefree": 3,
}  # fmt: skip
SHRINK_THEMSELVES = ("gradient", "muon", "schedulefree")  # or have nothing to shrink


class Args:
    """The arguments as attributes."""

    def __init__(self, **args):
        self.__dict__.update({"decay": 1.0, "threshold": 0.0, "alpha": 0.0, **args})


def expected(rule, w, g, state, a):
    """Weights and state after one step, in the type of the arguments."""
    g = (g + a.alpha * w) * a.scale
    if rule in SHRINK_THEMSELVES:
        return FORMULAS[rule](w, g, state, a)
    w, state = FORMULAS[rule](a.decay * w, g, state, a)
    return soft(w, a.threshold), state


def test_every_rule_has_a_formula():
    assert set(FORMULAS) == set(_kernels.RULES)


@pytest.mark.parametrize("rule", FORMULAS)
@pytest.mark.parametrize(
    "extra",
    [{}, {"alpha": 0.6}, {"decay": 0.9}, {"alpha": 0.3, "decay": 0.9, "threshold": 0.05}],
    ids=["plain", "alpha", "decay", "all"],
)
def test_one_step(table, rule, extra, rng):
    args = {**ARGS, **extra}
    for n in (table.lanes, 5 * table.lanes):
        w, g = draw(n, table, rng), 4 * draw(n, table, rng)
        state = [abs(draw(n, table, rng)) + 0.1 for _ in range(N_STATE.get(rule, 2))]
        if rule == "rprop":  # gradients that go on, turn and vanish
            state[0] = state[0] * rng.choice(np.array([-1, 0, 1]), n)
            g[:: table.lanes] = 0
        state = [s.astype(table.dtype) for s in state]
        outputs = [Output((n,), table, rng, fill=a) for a in (w, *state)]
        squares = table.rule(rule, spread(g, table, rng), *(o.array for o in outputs), **args)
        before_w, before_g, *before = wide(table, w, g, *state)
        want_w, want = expected(rule, before_w, before_g, before, Args(**args))
        got_w, *got = wide(table, *(o.result() for o in outputs))
        for a, b in zip([got_w, *got], [want_w, *want], strict=True):
            assert_within(a, b, 40 * eps(table) * (1 + abs(b)))
        if "alpha" in extra:
            assert squares == pytest.approx(float((before_w**2).sum()), rel=n * eps(table))
        else:
            assert squares == 0


@pytest.mark.parametrize("rule", FORMULAS)
def test_padding_stays_zero(table, rule, rng):
    """Zero weights and state with zero gradients: padding, and columns that no row touches."""
    n = 2 * table.lanes
    args = {**ARGS, "alpha": 0.3, "decay": 0.9, "threshold": 0.01}
    w, *state = (np.zeros(n, table.dtype) for _ in range(1 + N_STATE.get(rule, 2)))
    for _ in range(3):
        assert table.rule(rule, np.zeros(n, table.dtype), w, *state, **args) == 0
    assert same_bits(w, np.zeros_like(w))


@pytest.mark.parametrize("rule", FORMULAS)
def test_an_element_is_its_own(table, rule, rng):
    """Bitwise the same in any lane of any run, NaN in its own lane only."""
    n, lanes = 3 * table.lanes, table.lanes
    args = {**ARGS, "alpha": 0.3, "decay": 0.9, "threshold": 0.01}
    arrays = [abs(draw(n, table, rng)) for _ in range(1 + N_STATE.get(rule, 2))]
    g = draw(n, table, rng)
    g[1] = np.nan
    want = [a.copy() for a in arrays]
    table.rule(rule, g, *want, **args)
    order = rng.permutation(n)
    for start in range(0, n, lanes):
        part = order[start : start + lanes]
        got = [a[part] for a in arrays]
        table.rule(rule, g[part], *got, **args)
        assert all(same_bits(a, b[part]) for a, b in zip(got, want, strict=True))
    seen = want[1] if rule in ("gradient", "muon") else want[0]
    assert (np.isnan(seen) == (np.arange(n) == 1)).all()


@pytest.mark.parametrize("rule", FORMULAS)
def test_more_sums(table, rule, rng):
    """Gradients in two parts: the bits of a rule that is given their sum."""
    n = 19 * table.lanes
    args = {**ARGS, "alpha": 0.3, "decay": 0.9, "threshold": 0.01}
    want = [abs(draw(n, table, rng)) for _ in range(1 + N_STATE.get(rule, 2))]
    got = [a.copy() for a in want]
    g, more = draw(n, table, rng), draw(n, table, rng)
    squares = table.rule(rule, g + more, *want, **args)
    assert table.rule(rule, g, *got, more=spread(more, table, rng), **args) == squares
    assert all(same_bits(a, b) for a, b in zip(got, want, strict=True))


def test_gradient_squares(table, rng):
    for n in (table.lanes, 6 * table.lanes):
        for alpha in (0, 0.7):
            g, w = draw(n, table, rng), draw(n, table, rng)
            got = table.gradient_squares(spread(g, table, rng), w, scale=0.3, alpha=alpha)
            wide_g, wide_w = wide(table, g, w)
            want = float((((wide_g + alpha * wide_w) * 0.3) ** 2).sum())
            assert got == pytest.approx(want, rel=(n + 8) * eps(table))


def test_average(table, rng):
    for n in (table.lanes, 6 * table.lanes):
        w, e = draw(n, table, rng), Output((n,), table, rng, fill=draw(n, table, rng))
        (before,) = wide(table, e.result().copy())
        table.average(spread(w, table, rng), e.array, 0.3)
        (wide_w,) = wide(table, w)
        want = before + 0.3 * (wide_w - before)
        assert_within(e.result(), want, 4 * eps(table) * (abs(before) + abs(wide_w)))


@pytest.mark.parametrize("n_in", [1, 3, 40])
def test_caps(table, n_in, rng):
    """Long columns end at the limit, the others keep their bits; NaN stays in its own."""
    n = 3 * table.lanes
    start = draw((n_in, n), table, rng)
    start[:, ::3] *= 100
    start[0, 1] = np.nan
    limit = 0.9 * float(np.median(np.linalg.norm(start[:, ::3].astype(float), axis=0)))
    columns = Output((n_in, n), table, rng, gap=5, fill=start)
    table.cap_columns(columns.array, limit)
    after = columns.result()
    norms = np.linalg.norm(start.astype(float), axis=0)
    long = norms > limit
    assert 0 < long.sum() < n
    assert same_bits(after[:, ~long], start[:, ~long])
    want = start[:, long].astype(float) * (limit / norms[long])
    np.testing.assert_allclose(after[:, long], want, rtol=(n_in + 8) * eps(table))
    for limit in (0.5, 1e9):
        row = draw(n, table, rng)
        capped = Output((n,), table, rng, fill=row)
        table.cap_row(capped.array, limit)
        want = row.astype(float) * min(1, limit / np.linalg.norm(row.astype(float)))
        np.testing.assert_allclose(capped.result(), want, rtol=(n + 8) * eps(table))
