"""What every neural network must be able to do, and examples that can be worked out by hand."""

import numpy as np
import pytest
import reference
from scipy.special import expit
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split

from fastmlp import MLPClassifier, MLPRegressor, _core

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), np.array([0, 1, 1, 0])


# ---------------------------------------------------------------------------------- the classics


@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu"])
def test_xor_needs_a_hidden_layer(activation, dtype):
    X, y = XOR
    X = X.astype(dtype)
    with_layer = MLPClassifier((8,), activation, solver="lbfgs", alpha=0, random_state=1).fit(X, y)
    np.testing.assert_array_equal(with_layer.predict(X), y)
    without = MLPClassifier((), solver="lbfgs", alpha=0, random_state=1).fit(X, y)
    assert without.score(X, y) <= 0.75
    np.testing.assert_allclose(without.predict_proba(X), 0.5, atol=1e-3)  # the best there is


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_xor_with_stochastic_solvers(solver):
    X, y = XOR
    model = MLPClassifier(
        (8,), "tanh", solver=solver, learning_rate_init=0.05, max_iter=2000, tol=0, alpha=0,
        n_iter_no_change=2000, random_state=1,
    )  # fmt: skip
    with pytest.warns(match="Maximum iterations"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict(X), y)
    assert model.loss_ < 0.05


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_digits(digits, dtype, activation):
    X, y = digits
    X_train, X_test, y_train, y_test = train_test_split(
        X.astype(dtype), y, random_state=1, stratify=y
    )
    model = MLPClassifier(
        (100,), activation, batch_size=32, learning_rate_init=0.002, random_state=0, tol=0,
        max_iter=60,
    )  # fmt: skip
    with pytest.warns(match="Maximum iterations"):
        model.fit(X_train, y_train)
    assert model.score(X_test, y_test) >= 0.97


def test_sine_curve():
    X = np.linspace(-3, 3, 200)[:, None]
    model = MLPRegressor("squared_error", (20,), "tanh", solver="lbfgs", random_state=0, tol=1e-5)
    y = np.sin(2 * X[:, 0])
    model.set_params(max_iter=2000).fit(X, y)
    assert model.score(X, y) > 0.999


def test_no_hidden_layer_is_ridge_regression(linear):
    X, y = linear
    model = MLPRegressor(hidden_layer_sizes=(), solver="lbfgs", alpha=2.0, tol=1e-9, random_state=0)
    model.fit(X, y)
    ridge = Ridge(alpha=2.0).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], ridge.coef_, atol=1e-4)
    np.testing.assert_allclose(model.intercepts_[0], ridge.intercept_, atol=1e-4)


def test_no_hidden_layer_is_logistic_regression(iris):
    X, y = iris
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = MLPClassifier((), solver="lbfgs", alpha=1.0, tol=1e-8, random_state=0).fit(X, y)
    logistic = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), logistic.predict_proba(X), atol=1e-3)


def test_more_alpha_means_smaller_weights(iris):
    X, y = iris
    sizes = [
        sum((c**2).sum() for c in MLPClassifier((5,), solver="lbfgs", alpha=alpha, tol=1e-3,
            max_iter=1000, random_state=0).fit(X, y).coefs_)
        for alpha in (0.001, 0.1, 10.0)
    ]  # fmt: skip
    assert sizes[0] > sizes[1] > sizes[2]


def test_constant_target():
    X = np.random.RandomState(0).normal(size=(50, 3))
    model = MLPRegressor(solver="lbfgs", hidden_layer_sizes=4, random_state=0)
    np.testing.assert_allclose(model.fit(X, np.full(50, 7.0)).predict(X), 7.0, atol=0.01)
    clf = MLPClassifier(hidden_layer_sizes=4, tol=1e6).fit(X, np.full(50, "only"))
    assert set(clf.predict(X)) == {"only"}


def test_large_shift_of_the_output_is_learned():
    X = np.random.RandomState(0).normal(size=(100, 2))
    y = X[:, 0] + 1000.0
    model = MLPRegressor(solver="lbfgs", hidden_layer_sizes=5, random_state=0, max_iter=500)
    assert model.fit(X, y).score(X, y) > 0.99


# ------------------------------------------------------------------------------- worked by hand


def by_hand(Estimator, coefs, intercepts, output, **params):
    """An estimator with given weights, as if fitted."""
    model = Estimator(**params)
    model.coefs_ = [np.array(c, dtype=float) for c in coefs]
    model.intercepts_ = [np.array(b, dtype=float) for b in intercepts]
    model.n_layers_, model.out_activation_ = len(coefs) + 1, output
    model.n_outputs_, model.n_features_in_ = model.intercepts_[-1].size, len(model.coefs_[0])
    return model


def test_softmax_of_2_1_0():
    X, y = np.eye(3), [0, 1, 2]
    model = MLPClassifier((), solver="lbfgs", tol=1e6).fit(X, y)
    model.coefs_, model.intercepts_ = [np.zeros((3, 3))], [np.array([2.0, 1.0, 0.0])]
    np.testing.assert_allclose(model.predict_proba(X[:1]), [[0.665, 0.245, 0.090]], atol=5e-4)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(
        model.predict_log_proba(X[:1]), [[-0.4076, -1.4076, -2.4076]], atol=5e-5
    )


@pytest.mark.parametrize(
    ("activation", "hidden"),
    [
        ("identity", [1.0, -2.0]),
        ("relu", [1.0, 0.0]),
        ("tanh", [0.7615942, -0.9640276]),
        ("logistic", [0.7310586, 0.1192029]),
    ],
)
def test_one_row_through_two_layers(activation, hidden):
    """x = (1, 2): z = (0.5 + 0.5, 1 - 3) = (1, -2), y = 3 h0 + 0.5 h1 - 1."""
    model = by_hand(
        MLPRegressor, [[[0.5, 1.0], [0.25, -1.5]], [[3.0], [0.5]]], [[0.0, 0.0], [-1.0]],
        "identity", activation=activation,
    )  # fmt: skip
    expected = 3.0 * hidden[0] + 0.5 * hidden[1] - 1.0
    np.testing.assert_allclose(model.predict([[1.0, 2.0]]), [expected], atol=1e-6)


def test_poisson_output_is_exponential():
    model = by_hand(MLPRegressor, [[[1.0]]], [[0.5]], "exp", loss="poisson")
    np.testing.assert_allclose(model.predict([[0.0], [1.0]]), np.exp([0.5, 1.5]), rtol=1e-12)


def one_step(params, coef, X, y, **fit):
    """Weights of a linear regression with one weight and a bias of zero after one step."""
    model = by_hand(MLPRegressor, [[[coef]]], [[0.0]], "identity", hidden_layer_sizes=(), **params)
    model.partial_fit(np.array(X)[:, None], np.array(y), **fit)
    return model.coefs_[0][0, 0], model.intercepts_[0][0], model.loss_


def test_sgd_step_by_hand():
    """w = 2, rows (1, 0), (3, 3): errors 2 and 3; gradient w (2 + 9)/2, b 5/2; loss (4 + 9)/4."""
    sgd = {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0, "alpha": 0.0}
    w, b, loss = one_step(sgd, 2.0, [1.0, 3.0], [0.0, 3.0])
    np.testing.assert_allclose([w, b, loss], [2 - 0.55, -0.25, 3.25], rtol=1e-12)


def test_sgd_step_with_weights_and_alpha_by_hand():
    """Weights 3, 1: gradient w (3*2 + 9 + 0.8*2)/4, b 9/4; loss (3*4 + 9)/8 + 0.8*4/8."""
    sgd = {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.0, "alpha": 0.8}
    w, b, loss = one_step(sgd, 2.0, [1.0, 3.0], [0.0, 3.0], sample_weight=[3.0, 1.0])
    np.testing.assert_allclose([w, b, loss], [2 - 0.415, -0.225, 3.025], rtol=1e-12)


def test_nesterov_step_by_hand():
    """v = -0.55, step 0.9 v - 0.55."""
    sgd = {"solver": "sgd", "learning_rate_init": 0.1, "momentum": 0.9, "alpha": 0.0}
    w, b, _ = one_step(sgd, 2.0, [1.0, 3.0], [0.0, 3.0])
    np.testing.assert_allclose([w, b], [2 - 1.9 * 0.55, -1.9 * 0.25], rtol=1e-12)


def test_adams_first_step_is_the_learning_rate():
    """m / sqrt(v) is the gradient's sign after the correction of both."""
    w, b, _ = one_step({"learning_rate_init": 0.1, "alpha": 0.0}, 2.0, [1.0, 3.0], [0.0, 3.0])
    np.testing.assert_allclose([w, b], [2 - 0.1, -0.1], rtol=1e-6)


def test_the_textbooks_example_of_backpropagation():
    """Mazur, "A step by step backpropagation example" (2015): 2-2-2 logistic, one row, rate 0.5.

    Its error is half the sum of squares. The engine's loss, like scikit-learn's, is half their mean
    over the outputs, so that the error is twice `loss_`; the gradient is that of the sum, both here
    and in scikit-learn. The example holds the biases.

    With the example's new weights the error is 0.291027774. The 0.291027924 that it prints belongs
    to another step, whose hidden deltas go through output weights that are new already: the last
    lines show that.
    """
    X, y = np.array([[0.05, 0.10]]), np.array([[0.01, 0.99]])
    biases = [[0.35, 0.35], [0.60, 0.60]]
    model = by_hand(
        MLPRegressor,
        [[[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]],  # w1 w3 / w2 w4, w5 w7 / ...
        biases,
        "logistic",
        output_activation="logistic", hidden_layer_sizes=(2,), activation="logistic", solver="sgd",
        learning_rate_init=0.5, momentum=0.0, alpha=0.0,
    )  # fmt: skip

    def error():
        return ((model.predict(X) - y) ** 2).sum() / 2

    np.testing.assert_allclose(model.predict(X), [[0.75136507, 0.772928465]], atol=5e-9)
    assert error() == pytest.approx(0.298371109, abs=5e-10)
    model.partial_fit(X, y)
    assert 2 * model.loss_ == pytest.approx(0.298371109, abs=5e-10)
    (w1, w3, w2, w4), (w5, w7, w6, w8) = (W.ravel() for W in model.coefs_)
    got = [w1, w2, w3, w4, w5, w6, w7, w8]
    want = [
        0.149780716, 0.19956143, 0.24975114, 0.29950229,
        0.35891648, 0.408666186, 0.511301270, 0.561370121,
    ]  # fmt: skip
    np.testing.assert_allclose(got, want, atol=5e-9)
    for b, held in zip(model.intercepts_, biases, strict=True):
        assert not np.allclose(b, held)
        b[:] = held
    assert error() == pytest.approx(0.291027774, abs=5e-10)

    old, new = np.array([[0.15, 0.25], [0.20, 0.30]]), model.coefs_[0]
    output = np.array([[0.75136507, 0.772928465]])
    hidden = expit(X @ old + 0.35)
    delta = ((output - y) * output * (1 - output)) @ model.coefs_[1].T * hidden * (1 - hidden)
    new[:] = old - 0.5 * X.T @ delta
    assert error() == pytest.approx(0.291027924, abs=5e-10)


# --------------------------------------------------------------------------- the oracle is right


NETWORKS = [
    ((4, 3), [], "identity", "squared_error"),
    ((4, 5, 2), ["relu"], "identity", "squared_error"),
    ((4, 5, 1), ["tanh"], "exp", "poisson"),
    ((4, 5, 3, 3), ["logistic", "tanh"], "softmax", "log_loss"),
    ((4, 5, 3, 2), ["identity", "relu"], "logistic", "log_loss"),
]


def problem(network, rng, n=12):
    layer_sizes, hidden, output, _ = network
    X = rng.normal(size=(n, layer_sizes[0]))
    if output == "softmax":
        Y = reference.one_hot(rng.randint(0, layer_sizes[-1], n), layer_sizes[-1])
    else:
        Y = rng.randint(0, 2, (n, layer_sizes[-1])).astype(float)
    params = reference.init_params(layer_sizes, rng, *hidden[:1])
    return params, X, Y, rng.uniform(0.5, 2, n)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: f"{n[2]}-{len(n[1])}")
def test_reference_gradient(network, rng):
    """Finite differences; the gradient of the squared error is that of the sum over outputs."""
    layer_sizes, hidden, output, loss = network
    params, X, Y, weight = problem(network, rng)
    args = layer_sizes, hidden, output, loss, X, Y, weight

    def value(p, alpha):
        return reference.loss_and_gradient(p, *args, alpha)[0]

    h, alpha = 1e-5, 0.3
    scale = layer_sizes[-1] if loss == "squared_error" else 1
    for i in range(params.size):
        step = h * np.eye(params.size)[i]
        without = (value(params + step, 0) - value(params - step, 0)) / (2 * h)
        whole = (value(params + step, alpha) - value(params - step, alpha)) / (2 * h)
        gradient = reference.loss_and_gradient(params, *args, alpha)[1][i]
        assert gradient == pytest.approx(scale * without + (whole - without), abs=2e-8)


def test_reference_flat_layout():
    weights = [np.arange(6.0).reshape(2, 3), np.arange(3.0).reshape(3, 1) + 10]
    biases = [np.array([20.0, 21.0, 22.0]), np.array([30.0])]
    flat = reference.flatten(weights, biases)
    np.testing.assert_array_equal(flat, [0, 1, 2, 3, 4, 5, 10, 11, 12, 20, 21, 22, 30])
    for a, b in zip(reference.unflatten(flat, (2, 3, 1)), (weights, biases), strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_array_equal(x, y)
    assert reference.n_parameters((2, 3, 1)) == flat.size


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("network", NETWORKS, ids=lambda n: f"{n[2]}-{len(n[1])}")
def test_engine_trains_like_the_reference(network, solver, rng):
    """Three epochs of shuffled, weighted mini-batches, one of them without any weight."""
    params, X, Y, weight = problem(network, rng, n=23)
    order = rng.permutation(23)
    weight[order[5:10]] = 0.0
    state = np.zeros((1 if solver == "sgd" else 2, params.size))
    y = Y.argmax(axis=1).astype(np.int32) if network[2] == "softmax" else Y
    trainer = _core.Trainer(
        _core.Network(*network, np.float64), solver, params, state, X, y, weight, 5
    )
    t = 0
    for _ in range(3):
        position, steps, loss_sum = trainer.train(
            order, 0, 23, step=t, learning_rate=0.05, alpha=0.1
        )
        before = t
        t, loss = reference.train_epoch(
            params, state, network, solver, X, Y, order, 5,
            t=t, learning_rate=0.05, alpha=0.1, sample_weight=weight,
        )  # fmt: skip
        assert (position, steps) == (23, t - before == 4 and 4)
        assert loss_sum / 23 == pytest.approx(loss, rel=1e-12)
    result, result_state = np.empty_like(params), np.empty_like(state)
    trainer.read(result, result_state)
    np.testing.assert_allclose(result, params, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(result_state, state, rtol=1e-9, atol=1e-12)
