"""Dropout, noise, normalization and residuals as parameters of the estimators."""

import pickle
import re

import numpy as np
import pytest
import reference_layers
import scipy.sparse as sp
from estimators.models import proba_or_predict
from reference_layers import Spec
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

EVERYTHING = {
    "hidden_layer_sizes": (6, 6, 9), "activation": ["gelu", "tanh", "relu"], "residual": True,
    "normalization": "batch", "dropout": [0.1, 0.0, 0.3], "input_dropout": 0.1, "input_noise": 0.1,
    "max_iter": 4, "batch_size": 30, "random_state": 3,
}  # fmt: skip
NORMALIZATION = ["normalization_scales_", "normalization_shifts_"]
RUNNING = ["normalization_means_", "normalization_variances_"]
FITTED = [*NORMALIZATION, *RUNNING, "residual_projections_"]


def everything(Estimator, **changes):
    return Estimator(**{**EVERYTHING, **changes})


def targets(Estimator, y):
    return y if Estimator is MLPRegressor else (y > np.quantile(y, 0.3)).astype(int)


def arrays(model):
    """All that a model has learnt, as bytes."""
    lists = [getattr(model, name, []) for name in ["coefs_", "intercepts_", *FITTED]]
    return [a.tobytes() for arrays in lists for a in arrays if a is not None]


# ------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("dropout", v) for v in (-0.1, 1.0, 1, np.nan, "0.5", None, [0.5, 1.0], [[0.5]], [None])),
        *(("input_dropout", v) for v in (-0.1, 1.0, np.nan, "0.5", None, [0.1])),
        *(("input_noise", v) for v in (-0.1, np.inf, np.nan, "0.5", None, [0.1])),
        *(("normalization", v) for v in ("group", "", True, 1)),
        *(("residual", v) for v in (1, 0.0, None, "yes")),
    ],
)
def test_bad_parameter(Estimator, name, value):
    message = f"The '{name}' parameter of {Estimator.__name__} must be .* Got .* instead"
    with pytest.raises(ValueError, match=message):
        Estimator(**{name: value}).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize(
    ("sizes", "value"), [((3,), [0.1, 0.1]), ((3, 2), (0.5,)), ((), [0.1]), (3, [])]
)
def test_one_dropout_per_layer(Estimator, sizes, value):
    with pytest.raises(ValueError, match=r"dropout has . probabilities, but hidden_layer_sizes . "):
        Estimator(hidden_layer_sizes=sizes, dropout=value).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"solver": "lbfgs", "dropout": 0.1}, ["dropout=0.1", "solver='lbfgs'"]),
        ({"solver": "lbfgs", "dropout": [0.0, 0.1]}, ["dropout=[0.0, 0.1]", "solver='lbfgs'"]),
        ({"solver": "lbfgs", "input_dropout": 0.2}, ["input_dropout=0.2", "solver='lbfgs'"]),
        ({"solver": "lbfgs", "input_noise": 0.2}, ["input_noise=0.2", "solver='lbfgs'"]),
        ({"normalization": "batch", "batch_size": 1}, ["normalization='batch'", "batch_size=1"]),
    ],
)
def test_what_cannot_go_together(Estimator, options, words, linear):
    X, y = linear
    model = Estimator(hidden_layer_sizes=(3, 3), **options)
    with pytest.raises(ValueError, match=".*".join(map(re.escape, words))):
        model.fit(X, targets(Estimator, y))
    assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_one_row_has_no_statistics(solver):
    model = MLPRegressor(normalization="batch", solver=solver)
    with pytest.raises(ValueError, match=r"normalization='batch' needs .* and 1 row\(s\)"):
        model.fit([[1.0]], [1.0])
    with pytest.raises(ValueError, match="normalization='batch' needs"):
        MLPRegressor(normalization="batch").partial_fit([[1.0]], [1.0])
    MLPRegressor(normalization="layer", solver=solver, max_iter=2).fit([[1.0]], [1.0])


def test_noise_needs_dense_rows(linear):
    X, y = linear
    with pytest.raises(ValueError, match=r"input_noise=0.1 cannot be combined with a sparse X"):
        MLPRegressor(input_noise=0.1).fit(sp.csr_matrix(X), y)


def test_zeros_are_nothing(Estimator, linear):
    """Spelt out, defaults of any number type leave the model as it was to the bit."""
    X, y = linear
    y = targets(Estimator, y)
    plain = Estimator(hidden_layer_sizes=(4, 4), max_iter=3, random_state=0).fit(X, y)
    options = {"dropout": np.zeros(2, int), "input_dropout": 0, "input_noise": 0.0}
    assert arrays(clone(plain).set_params(**options, residual=np.False_).fit(X, y)) == arrays(plain)
    clone(plain).set_params(dropout=(0, 0.0), solver="lbfgs").fit(X, y)


def test_in_a_search(linear):
    X, y = linear
    grid = {"dropout": [0.0, [0.1, 0.2]], "normalization": [None, "layer"], "residual": [True]}
    model = MLPRegressor(hidden_layer_sizes=(4, 4), max_iter=2, random_state=0)
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert set(grid) <= set(model.get_params())


# ------------------------------------------------------------------------------- fitted attributes


def test_shapes(Estimator, linear):
    X, y = linear
    y = targets(Estimator, y)
    model = everything(Estimator).fit(X, y)
    for name in [*NORMALIZATION, *RUNNING]:
        assert [v.shape for v in getattr(model, name)] == [(6,), (6,), (9,)], name
    shapes = [p if p is None else p.shape for p in model.residual_projections_]
    assert shapes == [(5, 6), None, (6, 9)]
    assert all((v > 0).all() for v in model.normalization_variances_)

    model.set_params(normalization="layer", residual=False).fit(X, y)
    assert all(hasattr(model, name) for name in NORMALIZATION)
    assert not any(hasattr(model, name) for name in [*RUNNING, "residual_projections_"])
    model.set_params(normalization=None, hidden_layer_sizes=(5, 5, 5), residual=True).fit(X, y)
    assert not any(hasattr(model, name) for name in FITTED)  # no projection: widths are equal


def test_start(Estimator, linear):
    """Scales 1, shifts 0, a mean of 0 and a variance of 1 that the first steps move off."""
    X, y = np.zeros((4, 3)), [0, 1, 0, 1]
    model = Estimator(
        hidden_layer_sizes=(50, 40), normalization="batch", residual=True, max_iter=1,
        learning_rate_init=1e-12, random_state=0, alpha=0,
    ).fit(X, y)  # fmt: skip
    for scale, shift in zip(*(getattr(model, name) for name in NORMALIZATION), strict=True):
        np.testing.assert_allclose(scale, 1, atol=1e-9)
        np.testing.assert_allclose(shift, 0, atol=1e-9)
    np.testing.assert_allclose(model.normalization_means_[0], 0.1 * model.intercepts_[0])
    np.testing.assert_allclose(model.normalization_variances_[0], 0.9)
    for projection in model.residual_projections_:
        bound = np.sqrt(6 / sum(projection.shape))
        assert 0.9 * bound < np.abs(projection).max() <= bound + 1e-9
    twin = clone(model).set_params(residual=False).fit(X, y)
    assert twin.coefs_[1].tobytes() == model.coefs_[1].tobytes(), "residuals moved the other draws"


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_prediction_is_the_formula_of_the_attributes(normalization, linear):
    X, y = linear
    model = everything(MLPRegressor, normalization=normalization, max_iter=30).fit(X, y)
    spec = Spec((5, 6, 6, 9, 1), ("gelu", "tanh", "relu"), normalization, True)
    names = {"W": "coefs_", "b": "intercepts_", "scale": NORMALIZATION[0],
             "shift": NORMALIZATION[1], "P": "residual_projections_"}  # fmt: skip
    params = spec.flatten({(n, i): getattr(model, names[n])[i] for n, i, _ in spec.shapes()})
    running = None
    if normalization == "batch":
        running = list(zip(*(getattr(model, name) for name in RUNNING), strict=True))
    want = reference_layers.forward(spec, params, X, running=running).z[:, 0]
    np.testing.assert_allclose(model.predict(X), want, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.predict(X.astype(np.float32)), want, rtol=1e-4, atol=1e-5)


def test_attributes_are_views_and_can_be_set(Estimator, linear):
    X, y = linear
    model = everything(Estimator).fit(X, targets(Estimator, y))
    before = proba_or_predict(model, X)
    for name in FITTED:
        array = getattr(model, name)[0]
        array *= 2
        after = proba_or_predict(model, X)
        assert not np.array_equal(after, before), name
        array /= 2
        assert np.array_equal(proba_or_predict(model, X), before)
        setattr(model, name, [a if a is None else a.copy() for a in getattr(model, name)])
        assert np.array_equal(proba_or_predict(model, X), before), name
    for name in FITTED:
        good = getattr(model, name)
        for bad in (good[:-1], [a if a is None else a[:-1] for a in good]):
            setattr(model, name, bad)
            with pytest.raises(ValueError, match=f"{name}.* must have"):
                model.predict(X)
        setattr(model, name, good)
    assert np.array_equal(proba_or_predict(model, X), before)


def test_parameters_may_change_after_fit(Estimator, linear):
    """Prediction goes by the fitted network; training further as another is refused."""
    X, y = linear
    y = targets(Estimator, y)
    model = everything(Estimator).fit(X, y)
    before = proba_or_predict(model, X)
    for name, value in [("normalization", None), ("normalization", "layer"), ("residual", False)]:
        model.set_params(**{name: value, "warm_start": True})
        assert np.array_equal(proba_or_predict(model, X), before)
        message = f"{name}={value!r} cannot be trained further .* {name}={EVERYTHING[name]!r}"
        for train in (model.fit, model.partial_fit):
            with pytest.raises(ValueError, match=message):
                train(X, y)
        model.set_params(**EVERYTHING)
    model.set_params(dropout=7.0)
    assert np.array_equal(proba_or_predict(model, X), before)


# ---------------------------------------------------------------------------------------- training


def test_seed_decides(Estimator, linear):
    X, y = linear
    y = targets(Estimator, y)
    a, b, c = (everything(Estimator, random_state=seed).fit(X, y) for seed in (0, 0, 1))
    assert arrays(a) == arrays(b)
    assert arrays(a) != arrays(c)


@pytest.mark.parametrize("option", ["dropout", "input_dropout", "input_noise"])
def test_every_kind_of_noise_acts(option, linear):
    X, y = linear
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0)
    plain, noisy = model.fit(X, y), clone(model).set_params(**{option: 0.5}).fit(X, y)
    assert arrays(plain) != arrays(noisy)
    assert np.array_equal(noisy.predict(X), noisy.predict(X))
    again = clone(noisy).set_params(shuffle=False).fit(X, y)
    assert arrays(again) != arrays(clone(plain).set_params(shuffle=False).fit(X, y))


@pytest.mark.parametrize("sparse", [False, True])
def test_n_threads_change_no_bit(Estimator, sparse, rng):
    X = rng.normal(size=(300, 40)) * (rng.random((300, 40)) < 0.3)
    y = targets(Estimator, X[:, 0] + X[:, 1:5].prod(axis=1))
    X = sp.csr_array(X) if sparse else X
    options = {"hidden_layer_sizes": (64, 64, 32), "batch_size": 128, "max_iter": 2}
    if sparse:
        options["input_noise"] = 0.0
    want = arrays(everything(Estimator, n_threads=1, **options).fit(X, y))
    for n_threads in (2, 4, 7):
        assert arrays(everything(Estimator, n_threads=n_threads, **options).fit(X, y)) == want


def test_partial_fit_is_fit_in_parts(linear):
    """Running statistics and the parameters of normalization go on from call to call."""
    X, y = linear
    options = {"shuffle": False, "input_noise": 0.0, "input_dropout": 0.0, "dropout": 0.0}
    whole = everything(MLPRegressor, max_iter=3, **options).fit(X, y)
    parts = everything(MLPRegressor, **options)
    for _ in range(3):
        parts.partial_fit(X, y)
    assert arrays(whole) == arrays(parts)
    with_noise = everything(MLPRegressor).partial_fit(X, y)
    once = arrays(with_noise)
    assert arrays(with_noise.partial_fit(X, y)) != once


def test_training_on_writes_new_arrays(Estimator, linear):
    """Another thread may be in predict with the old ones."""
    X, y = linear
    y = targets(Estimator, y)
    model = everything(Estimator).fit(X, y)
    held = {name: [a for a in getattr(model, name) if a is not None] for name in FITTED}
    before = {name: [a.copy() for a in list_] for name, list_ in held.items()}
    model.partial_fit(X, y)
    for name, list_ in held.items():
        assert all(map(np.array_equal, list_, before[name])), name


def test_masks_of_partial_fit_differ_from_call_to_call():
    """One input, dropped or doubled: with a single step each, all calls alike would show."""
    X, y = np.ones((1, 1)), np.ones(1)
    model = MLPRegressor(
        hidden_layer_sizes=(), input_dropout=0.5, solver="sgd", momentum=0, alpha=0, random_state=0,
        learning_rate_init=1e-3,
    )  # fmt: skip
    moved = []
    for _ in range(40):
        before = model.coefs_[0].copy() if hasattr(model, "coefs_") else 0
        model.partial_fit(X, y)
        moved.append(bool((model.coefs_[0] != before).any()))
    assert 8 < sum(moved[1:]) < 32


def test_warm_start_goes_on(Estimator, linear):
    X, y = linear
    y = targets(Estimator, y)
    model = everything(Estimator, warm_start=True, max_iter=1, learning_rate_init=1e-9)
    model.fit(X, y)
    first = [mean.copy() for mean in model.normalization_means_]
    model.fit(X, y)
    for mean, before in zip(model.normalization_means_, first, strict=True):
        assert np.abs(mean).sum() > 1.2 * np.abs(before).sum()  # nearer to the data's than to 0
    fresh = arrays(clone(model).fit(X, y))
    assert arrays(model.set_params(warm_start=False).fit(X, y)) == fresh


def test_early_stopping_restores_running_statistics(Estimator, linear):
    X, y = linear
    y = targets(Estimator, y)
    model = everything(
        Estimator, early_stopping=True, max_iter=60, validation_fraction=0.4, n_iter_no_change=100,
        learning_rate_init=0.05, shuffle=False,
    ).fit(X, y)  # fmt: skip
    best = int(np.argmax(model.validation_scores_))
    assert best < 59
    model.set_params(max_iter=best + 1, n_iter_no_change=1000)
    assert arrays(clone(model).fit(X, y)) == arrays(model)


def test_lbfgs_with_normalization(linear):
    """Statistics are those of all rows at the solution."""
    X, y = linear
    for normalization in ("batch", "layer"):
        model = MLPRegressor(
            hidden_layer_sizes=(6, 6), solver="lbfgs", normalization=normalization, residual=True,
            max_iter=60, random_state=0, alpha=0,
        ).fit(X, y)  # fmt: skip
        assert model.score(X, y) > 0.99
    model = MLPRegressor(
        hidden_layer_sizes=(6,), solver="lbfgs", normalization="batch", max_iter=9, random_state=0
    ).fit(X, y)
    z = X @ model.coefs_[0] + model.intercepts_[0]
    np.testing.assert_allclose(model.normalization_means_[0], z.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(model.normalization_variances_[0], z.var(axis=0, ddof=1), rtol=1e-9)


def test_sparse_rows_train_like_dense_ones(Estimator, rng):
    X = rng.normal(size=(90, 8)) * (rng.random((90, 8)) < 0.4)
    y = targets(Estimator, X[:, 0])
    model = everything(Estimator, input_noise=0.0)
    dense, sparse = clone(model).fit(X, y), clone(model).fit(sp.csr_matrix(X), y)
    for a, b in zip(dense.coefs_, sparse.coefs_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(
        proba_or_predict(dense, X), proba_or_predict(sparse, sp.csr_matrix(X)), rtol=1e-7
    )


class HalfSquare:
    """squared_error as a loss of the user's."""

    def loss(self, y, raw, sample_weight):
        return self._times((raw[:, 0] - y) ** 2 / 2, sample_weight)

    def gradient(self, y, raw, sample_weight):
        return self._times(raw[:, 0] - y, sample_weight)

    def _times(self, values, weight):
        return values if weight is None else values * weight


@pytest.mark.parametrize("weighted", [False, True])
def test_custom_loss(weighted, linear, rng):
    X, y = linear
    weight = rng.randint(0, 3, len(y)) if weighted else None
    options = {"batch_size": 33}  # the last mini-batch has one row
    engine = everything(MLPRegressor, **options).fit(X, y, weight)
    custom = everything(MLPRegressor, loss=HalfSquare(), **options).fit(X, y, weight)
    np.testing.assert_allclose(custom.predict(X), engine.predict(X), rtol=1e-8)
    np.testing.assert_allclose(custom.loss_curve_, engine.loss_curve_, rtol=1e-8)
    for name in RUNNING:
        for a, b in zip(getattr(custom, name), getattr(engine, name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


# ----------------------------------------------------------------------------------------- pickles


def test_pickle(Estimator, linear, dtype):
    X, y = linear
    X, y = X.astype(dtype), targets(Estimator, y)
    model = everything(Estimator).fit(X, y)
    twin = pickle.loads(pickle.dumps(model))
    assert arrays(twin) == arrays(model)
    assert all(a.dtype == dtype for name in FITTED for a in getattr(twin, name) if a is not None)
    assert np.array_equal(proba_or_predict(twin, X), proba_or_predict(model, X))
    for _ in range(2):  # the optimizer's moments are not pickled: its steps start anew
        twin.partial_fit(X, y)
    assert arrays(twin) != arrays(model)


def test_failed_fit_changes_nothing(linear):
    X, y = linear
    model = everything(MLPRegressor, warm_start=True).fit(X, y)
    before = arrays(model)
    with pytest.raises(ValueError):
        model.fit(X, y * np.nan)
    with pytest.raises(ValueError, match="non-finite"):
        model.set_params(loss="poisson", learning_rate_init=1e300).fit(X, np.abs(y))
    assert arrays(model) == before


# ------------------------------------------------------------------------------------ what they do


def test_dropout_keeps_from_learning_by_heart(digits, rng):
    """A quarter of the labels is wrong."""
    X, y = digits
    wrong = np.where(rng.random(400) < 0.25, rng.randint(0, 10, 400), y[:400])
    model = MLPClassifier(
        hidden_layer_sizes=(128,), max_iter=200, tol=0, n_iter_no_change=1000, alpha=0,
        learning_rate_init=0.01, random_state=0,
    )  # fmt: skip
    plain = model.fit(X[:400], wrong)
    dropped = clone(model).set_params(dropout=0.5).fit(X[:400], wrong)
    assert dropped.loss_ > 5 * plain.loss_
    assert dropped.score(X[400:], y[400:]) > plain.score(X[400:], y[400:]) + 0.04


def test_deep_networks_learn(digits):
    """Six layers of saturating units learn nothing in this time, but with either of the two."""
    X, y = digits
    X, y = X[:600], y[:600]
    model = MLPClassifier(
        hidden_layer_sizes=(24,) * 6, activation="logistic", max_iter=25, random_state=0,
        learning_rate_init=0.01, batch_size=50,
    )  # fmt: skip
    assert model.fit(X, y).score(X, y) < 0.5
    for options in ({"residual": True}, {"normalization": "batch"}):
        assert clone(model).set_params(**options).fit(X, y).score(X, y) > 0.95
