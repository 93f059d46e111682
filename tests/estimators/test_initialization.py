"""weight_init: distributions, seeds, bad callables."""

import numpy as np
import pytest

from fastmlp import MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SIZES = (300, 200, 5)
VARIANCE = {
    "glorot_uniform": lambda n_in, n_out: 2 / (n_in + n_out),
    "glorot_normal": lambda n_in, n_out: 2 / (n_in + n_out),
    "he_uniform": lambda n_in, n_out: 2 / n_in,
    "he_normal": lambda n_in, n_out: 2 / n_in,
    "lecun_normal": lambda n_in, n_out: 1 / n_in,
}


def start(weight_init, seed=0, sizes=SIZES):
    """A model with its first weights: all is zero in the data, and so is every gradient."""
    n_in, *hidden, n_out = sizes
    model = MLPRegressor(
        hidden_layer_sizes=hidden, weight_init=weight_init, random_state=seed, max_iter=1, alpha=0
    )
    return model.fit(np.zeros((2, n_in)), np.zeros((2, n_out) if n_out > 1 else 2))


@pytest.mark.parametrize("name", VARIANCE)
def test_distribution(name):
    model = start(name)
    for W, b, shape in zip(model.coefs_, model.intercepts_, [SIZES[:2], SIZES[1:]], strict=True):
        variance = VARIANCE[name](*shape)
        tolerance = 6 / np.sqrt(W.size)
        assert abs(W.mean()) < tolerance * np.sqrt(variance)
        assert abs(W.var() / variance - 1) < 2 * tolerance
        assert (abs(W).max() <= np.sqrt(3 * variance)) == name.endswith("uniform")
        assert not b.any()


@pytest.mark.parametrize("sizes", [(7, 4, 4, 6), (3, 8, 1)])
def test_orthogonal(sizes):
    for W in start("orthogonal", sizes=sizes).coefs_:
        gram = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
        np.testing.assert_allclose(gram, np.eye(min(W.shape)), atol=1e-14)


def test_orthogonal_has_no_preferred_sign():
    signs = [np.sign(start("orthogonal", seed, (2, 1)).coefs_[0][0, 0]) for seed in range(60)]
    assert 15 < signs.count(1) < 45


@pytest.mark.parametrize("name", [*VARIANCE, "orthogonal", "auto"])
def test_seeds(name):
    a, b, c = (start(name, seed) for seed in (1, 1, 2))
    for x, y, z in zip(a.coefs_, b.coefs_, c.coefs_, strict=True):
        np.testing.assert_array_equal(x, y)
        assert (x != z).any()


def test_callable():
    asked = []

    def draw(shape, random_state):
        asked.append(shape)
        return random_state.randint(3, size=shape)

    model = start(draw, 5, (4, 3, 2))
    assert asked == [(4, 3), (3, 2)]
    want = np.random.RandomState(5)
    for W, b in zip(model.coefs_, model.intercepts_, strict=True):
        np.testing.assert_array_equal(W, want.randint(3, size=W.shape))
        assert not b.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(dtype):
    X = np.ones((3, 4), dtype)
    model = MLPRegressor(weight_init="he_normal", random_state=0, max_iter=1).fit(X, np.ones(3))
    assert {W.dtype for W in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda shape, rng: np.zeros(shape[::-1]),
        lambda shape, rng: 0.0,
        lambda shape, rng: np.full(shape, np.nan),
        lambda shape, rng: np.full(shape, "a"),
        lambda shape, rng: None,
    ],
)
def test_callable_that_returns_something_else(wrong):
    with pytest.raises(ValueError, match=r"weight_init was called for an array of shape \(4, 3\)"):
        start(wrong, sizes=(4, 3, 2))


@pytest.mark.parametrize("value", ["xavier", None, 3, ["auto"]])
def test_bad_value(value):
    with pytest.raises(ValueError, match="'weight_init' parameter"):
        start(value)
