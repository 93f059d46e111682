"""Activation functions through the estimators: any of them, one per layer, in every solver."""

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from activation_formulas import ACTIVATIONS, maxout, prelu

from fastmlp import MLPClassifier, MLPRegressor, _core

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2]


def by_hand(model, X, names):
    """The network's output, written out."""
    for name, W, b in zip([*names, "identity"], model.coefs_, model.intercepts_, strict=True):
        X = ACTIVATIONS[name][0](X @ W + b)
    return X


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_learns(name, solver, data):
    X, y = data
    model = MLPRegressor(
        hidden_layer_sizes=(16,),
        activation=name,
        solver=solver,
        learning_rate_init=0.05,
        random_state=0,
    )
    model.fit(X, y)
    assert model.score(X, y) > (0.15 if name == "identity" else 0.6)
    np.testing.assert_allclose(model.predict(X), by_hand(model, X, [name])[:, 0], rtol=1e-9)


@pytest.mark.parametrize("names", [["gelu", "relu"], ("softplus", "tanh"), np.array(["elu"] * 2)])
def test_one_per_layer(names, data):
    X, y = data
    model = MLPRegressor(
        hidden_layer_sizes=(5, 4), activation=names, random_state=0, max_iter=5
    ).fit(X, y)
    want = by_hand(model, X, names)[:, 0]
    np.testing.assert_allclose(model.predict(X), want, rtol=1e-10)
    np.testing.assert_allclose(model.predict(sp.csr_array(X)), want, rtol=1e-10)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert model.get_params()["activation"] is names


def test_the_docstrings_have_every_name():
    for Estimator in (MLPClassifier, MLPRegressor):
        text = Estimator.__doc__.partition("activation : ")[2].partition("\nsolver : ")[0]
        assert all(f"'{name}'" in text for name in _core.ACTIVATIONS)


def test_equal_names_are_one_string(data):
    X, y = data
    for name in ("logistic", "mish"):
        options = {"random_state": 0, "max_iter": 3}
        one = MLPRegressor(hidden_layer_sizes=(5, 4), activation=name, **options).fit(X, y)
        two = MLPRegressor(hidden_layer_sizes=(5, 4), activation=[name] * 2, **options).fit(X, y)
        np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_no_hidden_layer(data):
    X, y = data
    a = MLPRegressor(hidden_layer_sizes=(), activation=[], random_state=0, max_iter=3).fit(X, y)
    b = MLPRegressor(hidden_layer_sizes=(), random_state=0, max_iter=3).fit(X, y)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


def test_partial_fit_and_warm_start(data):
    X, y = data
    labels = (y > 0).astype(int)
    model = MLPClassifier((6, 5), ["silu", "hard_swish"], random_state=0)
    for _ in range(3):
        model.partial_fit(X, labels, classes=[0, 1])
    before = model.loss_
    model.set_params(warm_start=True, max_iter=20).fit(X, labels)
    assert model.loss_ < before


def test_changed_after_fit(data):
    X, y = data
    model = MLPRegressor(
        hidden_layer_sizes=(5,), activation="relu", random_state=0, max_iter=3
    ).fit(X, y)
    model.set_params(activation=["mish"])
    np.testing.assert_allclose(model.predict(X), by_hand(model, X, ["mish"])[:, 0], rtol=1e-10)
    model.set_params(activation=["mish", "relu"])
    with pytest.raises(ValueError, match="activation has 2 names"):
        model.predict(X)


# ------------------------------------------------------------------------------- prelu and maxout

QUICK = {"hidden_layer_sizes": (6, 5), "max_iter": 5, "random_state": 0}
KINDS = [
    {"activation": "prelu"},
    {"activation": "maxout", "maxout_pieces": 3},
    {"activation": ["maxout", "prelu"]},
    {"activation": ["tanh", "prelu"]},
]


def out(model, X):
    """The network written out, whatever its activations."""
    names = [model.activation] * 2 if isinstance(model.activation, str) else model.activation
    for i, (W, b) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        X = X @ W + b
        if i == 2:
            return X[:, 0]
        if names[i] == "prelu":
            X = prelu(X, model.activation_slopes_[i])[0]
        elif names[i] == "maxout":
            X = maxout(X, model.maxout_pieces)[0]
        else:
            X = ACTIVATIONS[names[i]][0](X)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_units_learn(kind, solver, data):
    X, y = data
    model = MLPRegressor(
        hidden_layer_sizes=(20, 10),
        **kind,
        solver=solver,
        learning_rate_init=0.02,
        max_iter=100,
        random_state=0,
    ).fit(X, y)
    assert model.score(X, y) > 0.6
    np.testing.assert_allclose(model.predict(X), out(model, X), rtol=1e-9, atol=1e-12)
    for slopes in getattr(model, "activation_slopes_", []):
        assert slopes is None or (slopes != 0.25).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_shapes(kind, dtype, data):
    X, y = data
    model = MLPRegressor(**QUICK, **kind).fit(X.astype(dtype), y)
    names = [model.activation] * 2 if isinstance(model.activation, str) else model.activation
    columns = [
        n * (model.maxout_pieces if name == "maxout" else 1)
        for n, name in zip((6, 5), names, strict=True)
    ]
    assert [W.shape for W in model.coefs_] == [(3, columns[0]), (6, columns[1]), (5, 1)]
    assert [b.shape for b in model.intercepts_] == [(columns[0],), (columns[1],), (1,)]
    assert hasattr(model, "activation_slopes_") == ("prelu" in names)
    for slopes, n, name in zip(
        getattr(model, "activation_slopes_", [None] * 2), (6, 5), names, strict=True
    ):
        assert (slopes is None) == (name != "prelu")
        if slopes is not None:
            assert slopes.shape == (n,)
            assert slopes.dtype == dtype
            assert np.shares_memory(slopes, model._weights.flat)
    assert model.predict(X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_units_are_state(kind, data):
    """Pickled, set by hand, trained on from where they are, reset by fit; sparse X, threads."""
    X, y = data
    model = MLPRegressor(**QUICK, **kind).fit(X, y)
    first = model.predict(X)
    np.testing.assert_allclose(model.predict(sp.csr_array(X)), first, rtol=1e-10)
    again = MLPRegressor(**QUICK, **kind, n_threads=3).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), first)
    rows = MLPRegressor(**QUICK, **kind).fit(sp.csr_array(X), y)
    np.testing.assert_allclose(rows.predict(X), first, rtol=1e-9)

    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.predict(X), first)
    assert twin.__dict__.keys() - {"_random_state"} >= model.__dict__.keys() - {
        "_random_state", "_own_random_state",
    }  # fmt: skip
    before = model.loss_
    twin.set_params(warm_start=True, max_iter=30).fit(X, y)
    assert twin.loss_ < before
    twin.partial_fit(X, y)
    np.testing.assert_array_equal(model.fit(X, y).predict(X), first)

    if hasattr(model, "activation_slopes_"):
        model.activation_slopes_[1][:] = 0.5  # in place
        np.testing.assert_allclose(model.predict(X), out(model, X), rtol=1e-9)
        assert not np.allclose(model.predict(X), first)
        model.activation_slopes_ = [
            slopes if slopes is None else slopes + 0.125 for slopes in model.activation_slopes_
        ]
        np.testing.assert_allclose(model.predict(X), out(model, X), rtol=1e-9)
        np.testing.assert_array_equal(
            pickle.loads(pickle.dumps(model)).predict(X), model.predict(X)
        )
        model.partial_fit(X, y)
        model.activation_slopes_[1] = np.zeros(7)
        with pytest.raises(ValueError, match=r"activation_slopes_\[1\] must have the shape \(5,\)"):
            model.predict(X)


def test_slopes_start_from_a_quarter(data):
    X, _ = data
    model = MLPRegressor(**QUICK, activation="prelu", alpha=0).fit(0 * X, 0 * X[:, 0])
    for slopes in model.activation_slopes_:
        assert slopes.shape in {(6,), (5,)}
    model = MLPRegressor(**QUICK | {"max_iter": 1}, activation="prelu", learning_rate_init=1e-12)
    for slopes in model.fit(X, X[:, 0]).activation_slopes_:
        np.testing.assert_allclose(slopes, 0.25, rtol=1e-9)


def test_no_penalty_on_slopes(data):
    """Inputs of zero: biases and slopes have no gradient, only weights shrink."""
    X = np.zeros((10, 3))
    model = MLPRegressor(
        **QUICK, activation="prelu", solver="sgd", alpha=1.0, weight_init="he_normal"
    ).fit(X, np.zeros(10))
    for slopes in model.activation_slopes_:
        assert (slopes == 0.25).all()


def test_a_failed_fit_leaves_the_slopes(data):
    X, y = data
    model = MLPRegressor(**QUICK, activation="prelu").fit(X, y)
    before = [slopes.copy() for slopes in model.activation_slopes_]
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(X, np.full(len(y), np.nan))
    for slopes, old in zip(model.activation_slopes_, before, strict=True):
        np.testing.assert_array_equal(slopes, old)


def test_another_activation_after_fit(data):
    X, y = data
    for old, new in [
        ({"activation": "prelu"}, {"activation": "relu"}),
        ({"activation": "relu"}, {"activation": "prelu"}),
        ({"activation": "maxout"}, {"activation": "relu"}),
        ({"activation": "relu"}, {"activation": "maxout"}),
    ]:
        model = MLPRegressor(**QUICK, **old).fit(X, y)
        first = model.predict(X)
        model.set_params(**new)
        for call in (model.predict, lambda X, m=model: m.partial_fit(X, y)):
            with pytest.raises(
                ValueError, match=f"not fitted with activation='{new['activation']}'"
            ):
                call(X)
        np.testing.assert_array_equal(model.set_params(**old, maxout_pieces=2).predict(X), first)
        model.set_params(**new).fit(X, y)
        assert hasattr(model, "activation_slopes_") == (model.activation == "prelu")


def test_other_pieces_after_fit(data):
    """They are what was fitted, but cannot be trained further as something else."""
    X, y = data
    model = MLPRegressor(**QUICK, activation="maxout").fit(X, y)
    first = model.predict(X)
    model.set_params(maxout_pieces=3)
    np.testing.assert_array_equal(model.predict(X), first)
    with pytest.raises(ValueError, match="maxout_pieces=3 cannot be trained further"):
        model.partial_fit(X, y)
    assert model.fit(X, y).coefs_[0].shape == (3, 18)
    model = MLPRegressor(**QUICK).fit(X, y).set_params(maxout_pieces=3)
    model.partial_fit(X, y)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_everything_at_once(normalization, data):
    """Normalization of each column, residual, dropout; and the attributes set by hand."""
    X, y = data
    model = MLPRegressor(
        **QUICK, activation=["maxout", "prelu"], normalization=normalization, residual=True,
        dropout=0.2,
    )  # fmt: skip
    first = model.fit(X, y).predict(X)
    assert model.residual_projections_[0].shape == (3, 6)
    if normalization:
        assert [len(v) for v in model.normalization_scales_] == [12, 5]
    if normalization == "batch":
        assert [len(v) for v in model.normalization_means_] == [12, 5]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), first)
    model.coefs_ = [W.copy() for W in model.coefs_]  # all is gathered anew
    np.testing.assert_array_equal(model.predict(X), first)
    model.partial_fit(X, y)


@pytest.mark.parametrize("pieces", [1, 0, 2.5, None, "two"])
def test_bad_maxout_pieces(pieces, data):
    for activation in ("relu", "maxout"):
        with pytest.raises(ValueError, match="'maxout_pieces' parameter of MLPRegressor must be"):
            MLPRegressor(activation=activation, maxout_pieces=pieces).fit(*data)


def test_classifier(data):
    X, y = data
    labels = np.digitize(y, [-0.5, 0.5])
    for kind in KINDS:
        model = MLPClassifier(**QUICK | {"max_iter": 150}, **kind, learning_rate_init=0.02)
        assert model.fit(X, labels).score(X, labels) > 0.7


@pytest.mark.parametrize("weight_init", ["auto", "he_normal", "orthogonal"])
def test_each_piece_is_drawn_like_a_matrix(weight_init):
    """The variance of a matrix of n_out columns, however many pieces there are."""
    model = MLPRegressor(
        hidden_layer_sizes=(40,), activation="maxout", maxout_pieces=4, weight_init=weight_init,
        max_iter=1, random_state=0, learning_rate_init=1e-12,
    )  # fmt: skip
    model.fit(np.zeros((2, 90)), np.zeros(2))
    W = model.coefs_[0].reshape(90, 4, 40)
    variance = {"auto": 6 / 130 / 3, "he_normal": 2 / 90, "orthogonal": 1 / 90}[weight_init]
    for piece in range(4):
        assert abs(W[:, piece].var() / variance - 1) < 0.15
        if weight_init == "orthogonal":
            np.testing.assert_allclose(W[:, piece].T @ W[:, piece], np.eye(40), atol=1e-6)
