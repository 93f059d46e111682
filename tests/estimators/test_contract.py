"""The drop-in contract with scikit-learn: constructor, methods, attributes, warnings, errors."""

import doctest
import inspect
import re
import warnings
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn
import sklearn.neural_network
from sklearn.base import ClassifierMixin, RegressorMixin, clone, is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor
from fastmlp._base import BaseMLP

SKLEARN = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
HISTORY = ["loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"]


def sklearns(Estimator):
    """scikit-learn's class of the same name."""
    return getattr(sklearn.neural_network, Estimator.__name__)


def proba_or_predict(estimator, X):
    return getattr(estimator, "predict_proba", estimator.predict)(X)


# ----------------------------------------------------------------------------------- constructor


def test_constructor_is_sklearns_and_more(Estimator):
    ours = inspect.signature(Estimator).parameters
    theirs = inspect.signature(sklearns(Estimator)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert (ours[name].kind, ours[name].default) == (parameter.kind, parameter.default), name
    for name in set(ours) - set(theirs):
        assert ours[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert ours[name].default is not inspect.Parameter.empty


def test_positional_parameters():
    classifier = MLPClassifier((7,), "tanh")
    assert (classifier.hidden_layer_sizes, classifier.activation) == ((7,), "tanh")
    regressor = MLPRegressor("poisson", (7,), "tanh")
    assert (regressor.loss, regressor.hidden_layer_sizes) == ("poisson", (7,))
    with pytest.raises(TypeError):
        MLPClassifier((7,), "tanh", "sgd")


def test_classifier_has_a_loss():
    """scikit-learn's has the attribute, but no parameter."""
    assert MLPClassifier().loss == "log_loss"


def test_constructor_stores_what_it_gets(Estimator):
    sizes = [3, 4]
    assert Estimator(hidden_layer_sizes=sizes).hidden_layer_sizes is sizes
    assert Estimator(alpha="nonsense").alpha == "nonsense"


def test_set_params_and_clone(Estimator, linear):
    estimator = Estimator().set_params(alpha=0.5, hidden_layer_sizes=(4, 3), n_threads=1)
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        estimator.set_params(nonsense=1)


BAD_PARAMETERS = [
    ("hidden_layer_sizes", ["abc", 0, -3, 2.5, None]),
    ("alpha", [-1e-9, np.inf, np.nan, "1", None, 1j]),
    ("batch_size", [0, -1, "all", 2.5, None]),
    ("learning_rate_init", [0, -1.0, np.nan, "x"]),
    ("power_t", [-0.1, "x"]),
    ("max_iter", [0, -5, 2.0, "x", None]),
    ("shuffle", [1, 0, "yes", None]),
    ("random_state", [-1, 2**32, 1.5, "seed", np.random.default_rng(0)]),
    ("tol", [-1e-4, np.inf, "x"]),
    ("verbose", [-1, "yes", 1.5]),
    ("warm_start", [1, "no", None]),
    ("momentum", [-0.1, 1.1, np.nan]),
    ("nesterovs_momentum", [1, None]),
    ("early_stopping", [0, "x"]),
    ("validation_fraction", [-0.1, 1.0, 2, "x"]),
    ("beta_1", [-0.1, 1.0]),
    ("beta_2", [-0.1, 1.0, "x"]),
    ("epsilon", [0, -1e-8, np.nan]),
    ("n_iter_no_change", [0, -1, 2.5, "x", -np.inf]),
    ("max_fun", [0, -1, 1.5]),
]


def normalized(message):
    """An error message with the options of each set in alphabetical order."""

    def in_order(match):
        return "{" + ", ".join(sorted(match[1].split(", "))) + "}"

    return re.sub(r"\{([^}]*)\}", in_order, message)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BAD_PARAMETERS for value in values]
)
def test_bad_parameter_raises_sklearns_error(Estimator, name, value):
    X, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError) as theirs:
        sklearns(Estimator)(**{name: value}).fit(X, y)
    with pytest.raises(ValueError) as ours:
        Estimator(**{name: value}).fit(X, y)
    assert normalized(str(ours.value)) == normalized(str(theirs.value))
    assert type(ours.value) is type(theirs.value)


@pytest.mark.parametrize("value", ["newton", None, 3])
def test_bad_solver(Estimator, value):
    with pytest.raises(ValueError, match=r"'solver' parameter .* must be a str among .*'lbfgs'"):
        Estimator(solver=value).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("value", ["fast", None])
def test_bad_learning_rate(Estimator, value):
    with pytest.raises(
        ValueError, match=r"'learning_rate' parameter .* among .*'cosine'.*callable"
    ):
        Estimator(learning_rate=value).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("value", ["swoosh", None, 1, ["relu", 3], [["relu"]], [None], [b"relu"]])
def test_bad_activation(Estimator, value):
    with pytest.raises(ValueError, match=r"'activation' parameter .* must be a str among .*'gelu'"):
        Estimator(activation=value).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize(
    ("sizes", "value"), [((3,), ["relu", "tanh"]), ((3, 2), ("relu",)), ((), ["relu"]), (3, [])]
)
def test_as_many_activations_as_layers(Estimator, sizes, value):
    with pytest.raises(ValueError, match=r"activation has . names, but hidden_layer_sizes"):
        Estimator(hidden_layer_sizes=sizes, activation=value).fit([[0.0], [1.0]], [0, 1])


def test_bad_loss(linear):
    for Regressor in (MLPRegressor, sklearns(MLPRegressor)):
        with pytest.raises(ValueError, match="The 'loss' parameter of MLPRegressor must be a str"):
            Regressor(loss="hinge").fit(*linear)


@pytest.mark.parametrize("value", [0, -1, 1.5, "2"])
def test_bad_n_threads(Estimator, value):
    with pytest.raises(ValueError, match="'n_threads' parameter"):
        Estimator(n_threads=value).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", np.float32(0.1)),
        ("alpha", 1),
        ("max_iter", np.int32(2)),
        ("hidden_layer_sizes", np.array([3, 2])),
        ("hidden_layer_sizes", [3]),
        ("hidden_layer_sizes", np.int64(3)),
        ("hidden_layer_sizes", ()),
        ("shuffle", np.bool_(False)),
        ("batch_size", np.int16(3)),
        ("random_state", np.int64(3)),
        ("random_state", np.random.RandomState(0)),
        ("verbose", np.bool_(False)),
        ("n_iter_no_change", np.inf),
        ("momentum", 1),
        ("tol", 0),
    ],
)
def test_unusual_but_valid_parameter(Estimator, name, value, linear):
    X, y = linear
    params = {"max_iter": 2, "hidden_layer_sizes": 3, "solver": "sgd"} | {name: value}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        Estimator(**params).fit(X, y > 0)


def test_skip_parameter_validation(linear):
    with sklearn.config_context(skip_parameter_validation=True):
        MLPRegressor(verbose=0.0, tol=1e9, hidden_layer_sizes=3).fit(*linear)


def test_hidden_layer_sizes_must_be_positive(Estimator):
    for Class in (Estimator, sklearns(Estimator)):
        with pytest.raises(ValueError, match=re.escape("hidden_layer_sizes must be > 0, got [5,")):
            Class(hidden_layer_sizes=(5, 0)).fit([[0.0], [1.0]], [0, 1])


@pytest.mark.parametrize("sizes", [(2.5,), ("5",), [[3]], (None,)])
def test_hidden_layer_sizes_must_be_integers(Estimator, sizes):
    with pytest.raises((ValueError, TypeError), match="hidden_layer_sizes"):
        Estimator(hidden_layer_sizes=sizes).fit([[0.0], [1.0]], [0, 1])


# --------------------------------------------------------------------------------------- methods


def test_method_resolution_order():
    for Class, Mixin in ((MLPClassifier, ClassifierMixin), (MLPRegressor, RegressorMixin)):
        order = Class.__mro__
        assert order.index(Mixin) < order.index(BaseMLP)
        assert order.index(BaseMLP) < order.index(sklearn.base.BaseEstimator)
    assert is_classifier(MLPClassifier())
    assert is_regressor(MLPRegressor())


@pytest.mark.parametrize("name", ["fit", "partial_fit", "predict", "score"])
def test_method_signatures(Estimator, name):
    ours = inspect.signature(getattr(Estimator, name)).parameters
    theirs = inspect.signature(getattr(sklearns(Estimator), name)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    assert all(ours[p].default == theirs[p].default for p in theirs)
    assert all(ours[p].default in (None, False) for p in set(ours) - set(theirs))


def test_methods_that_do_not_exist():
    assert not hasattr(MLPRegressor(), "decision_function")
    assert not hasattr(MLPRegressor(), "predict_proba")
    assert not hasattr(MLPClassifier(), "transform")


def test_partial_fit_third_positional_is_sample_weight(iris):
    X, y = iris
    a = MLPClassifier(random_state=0).partial_fit(X, y, np.full(len(y), 2.0), [0, 1, 2])
    b = MLPClassifier(random_state=0).partial_fit(
        X, y, sample_weight=np.full(len(y), 2.0), classes=[0, 1, 2]
    )
    assert a.loss_ == b.loss_


def test_partial_fit_hidden_for_lbfgs(Estimator):
    assert hasattr(Estimator(), "partial_fit")
    estimator = Estimator(solver="lbfgs")
    assert not hasattr(estimator, "partial_fit")
    with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
        estimator.partial_fit([[0.0]], [0])


def test_fit_returns_self(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick)
    assert estimator.fit(X, y > 0) is estimator


def test_tags(Estimator):
    ours, theirs = get_tags(Estimator()), get_tags(sklearns(Estimator)())
    assert ours == theirs
    assert ours.input_tags.sparse


def test_html_repr(Estimator):
    assert Estimator.__name__ in Estimator()._repr_html_()
    assert repr(Estimator(alpha=0.5)) == f"{Estimator.__name__}(alpha=0.5)"


def test_metadata_routing(Estimator):
    requests = Estimator().get_metadata_routing()
    assert requests.fit.requests["sample_weight"] is None
    assert requests.score.requests == {"sample_weight": None}
    expected = {"sample_weight": None}
    if is_classifier(Estimator()):
        expected["classes"] = None
    assert expected.items() <= requests.partial_fit.requests.items()
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = Estimator().set_fit_request(sample_weight=True)
        estimator = estimator.set_score_request(sample_weight=True)
        estimator = estimator.set_partial_fit_request(**dict.fromkeys(expected, True))
        assert estimator.get_metadata_routing().fit.requests["sample_weight"] is True


def test_routed_weights_arrive(linear, quick):
    X, y = linear
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            MLPRegressor(**quick, random_state=0)
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=True),
            {"alpha": [0.1]},
            cv=2,
        )
        search.fit(X, y, sample_weight=np.arange(1.0, 101.0))
        expected = MLPRegressor(**quick, alpha=0.1, random_state=0).fit(X, y, np.arange(1.0, 101.0))
    np.testing.assert_allclose(search.best_estimator_.loss_, expected.loss_)


# ------------------------------------------------------------------------------ fitted attributes


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_attributes_are_sklearns(Estimator, solver, early_stopping, iris):
    X, y = iris
    params = {"solver": solver, "early_stopping": early_stopping, "max_iter": 4, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        ours = Estimator(**params).fit(X, y)
    theirs = sklearns(Estimator)(**params).fit(X, y)
    public = {n for n in vars(theirs) if n.endswith("_") and not n.startswith("_")}
    assert {n for n in vars(ours) if n.endswith("_") and not n.startswith("_")} == public
    for name in public - {"coefs_", "intercepts_"}:
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)) or np.allclose(
            getattr(ours, name), getattr(theirs, name)
        ), name
    assert [c.shape for c in ours.coefs_] == [c.shape for c in theirs.coefs_]
    assert [b.shape for b in ours.intercepts_] == [b.shape for b in theirs.intercepts_]
    assert type(ours.coefs_) is list
    assert type(ours.loss_) is float
    assert type(ours.t_) is int


def test_lbfgs_leaves_history_unset(Estimator, linear):
    X, y = linear
    estimator = Estimator(solver="lbfgs", tol=1e-2, hidden_layer_sizes=2, random_state=0)
    estimator.fit(X, y > 0)
    for name in [*HISTORY, "_optimizer"]:
        assert not hasattr(estimator, name)
    assert estimator.t_ == 0
    assert estimator.n_iter_ > 0


def test_lbfgs_after_adam_leaves_no_old_history(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick).fit(X, y > 0)
    assert hasattr(estimator, "loss_curve_")
    estimator.set_params(solver="lbfgs", max_iter=500, tol=1e-2).fit(X, y > 0)
    for name in [*HISTORY, "_optimizer"]:
        assert not hasattr(estimator, name)


@pytest.mark.parametrize(
    ("y", "output", "n_outputs"),
    [
        ([0, 1, 1, 0], "logistic", 1),
        ([3, 3, 3, 3], "logistic", 1),
        ([0, 1, 2, 0], "softmax", 3),
        ([[0, 1], [1, 0], [1, 1], [0, 1]], "logistic", 2),
    ],
)
def test_classifier_output_layer(y, output, n_outputs, quick):
    X = np.arange(8.0).reshape(4, 2)
    classifier = MLPClassifier(**quick).fit(X, y)
    assert (classifier.out_activation_, classifier.n_outputs_) == (output, n_outputs)
    assert classifier.n_layers_ == 3
    assert classifier.predict(X).shape == np.shape(y)
    assert classifier.predict_proba(X).shape == (4, max(n_outputs, 2))


@pytest.mark.parametrize(("loss", "output"), [("squared_error", "identity"), ("poisson", "exp")])
def test_regressor_output_layer(loss, output, quick):
    X, y = np.arange(8.0).reshape(4, 2), np.arange(12.0).reshape(4, 3)
    regressor = MLPRegressor(loss, **quick).fit(X, y)
    assert (regressor.out_activation_, regressor.n_outputs_) == (output, 3)
    assert regressor.predict(X).shape == (4, 3)
    assert regressor.fit(X, y[:, 0]).predict(X).shape == (4,)


@pytest.mark.parametrize("sizes", [(), (3,), (4, 3, 2)])
def test_hidden_layer_sizes_shape_the_network(Estimator, sizes, iris, quick):
    X, y = iris
    estimator = Estimator(**quick | {"hidden_layer_sizes": sizes}).fit(X, y)
    widths = [4, *sizes, estimator.n_outputs_]
    assert estimator.n_layers_ == len(widths)
    assert [c.shape for c in estimator.coefs_] == list(pairwise(widths))
    assert [b.shape for b in estimator.intercepts_] == [(w,) for w in widths[1:]]


@pytest.mark.parametrize("solver", ["lbfgs", "sgd", "adam"])
def test_dtype_of_x_is_kept(Estimator, solver, dtype, iris, quick):
    X, y = iris
    params = quick | ({"max_iter": 500, "tol": 0.1} if solver == "lbfgs" else {})
    estimator = Estimator(solver=solver, **params).fit(X.astype(dtype), y)
    assert {a.dtype for a in estimator.coefs_ + estimator.intercepts_} == {dtype}
    assert proba_or_predict(estimator, X.astype(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("fitted", "given", "result"),
    [("f4", "f8", "f8"), ("f8", "f4", "f8"), ("f4", "i8", "f8"), ("f4", "f2", "f4")],
)
def test_dtype_at_predict_follows_numpy(Estimator, fitted, given, result, iris, quick):
    X, y = iris
    estimator = Estimator(**quick, random_state=0).fit(X.astype(fitted), y)
    theirs = sklearns(Estimator)(**quick, random_state=0).fit(X.astype(fitted), y)
    predicted = proba_or_predict(estimator, X.astype(given))
    assert predicted.dtype == np.dtype(result) == proba_or_predict(theirs, X.astype(given)).dtype
    # float16 makes no difference to which precision is used
    np.testing.assert_allclose(predicted, proba_or_predict(theirs, X.astype(given)), rtol=2e-3)


def test_classes_of_any_type(iris, quick):
    X, y = iris
    for labels in (["b", "a", "c"], [10, -3, 7], [True, False], [0.0, 1.0, 2.0]):
        target = np.array(labels)[y % len(labels)]
        as_object = target.astype(object) if isinstance(labels[0], str) else target.tolist()
        for given in (target, as_object):
            classifier = MLPClassifier(**quick).fit(X, given)
            np.testing.assert_array_equal(classifier.classes_, np.unique(labels))
            assert set(classifier.predict(X)) <= set(labels)


# ------------------------------------------------------------------- warnings, output, stopping


def test_convergence_warning(Estimator, linear):
    X, y = linear
    message = re.escape(
        "Stochastic Optimizer: Maximum iterations (2) reached and the optimization hasn't"
        " converged yet."
    )
    for Class in (Estimator, sklearns(Estimator)):
        with pytest.warns(ConvergenceWarning, match=message):
            Class(max_iter=2, hidden_layer_sizes=3).fit(X, y > 0)


def test_warning_points_to_the_caller(linear):
    with pytest.warns(ConvergenceWarning) as record:
        MLPRegressor(max_iter=1, hidden_layer_sizes=3).fit(*linear)
    assert record[0].filename == __file__


def test_lbfgs_convergence_warning(Estimator, linear):
    X, y = linear
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 2 iteration"):
        estimator = Estimator(solver="lbfgs", max_iter=2, hidden_layer_sizes=3).fit(X, y > 0)
    assert estimator.n_iter_ == 2


def test_lbfgs_convergence_warning_has_sklearns_words(linear):
    X, y = linear
    messages = []
    for Class in (MLPRegressor, sklearns(MLPRegressor)):
        with pytest.warns(ConvergenceWarning) as record:
            Class(solver="lbfgs", max_iter=2, hidden_layer_sizes=3, random_state=0).fit(X, y)
        messages.append(str(record[0].message))
    if SKLEARN >= (1, 8):
        assert messages[0] == messages[1]


def test_large_batch_size_warns_and_clips(Estimator, linear):
    X, y = linear
    for Class in (Estimator, sklearns(Estimator)):
        estimator = Class(batch_size=101, max_iter=3, tol=1e6, n_iter_no_change=1)
        with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger than"):
            estimator.fit(X, y > 0)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "params",
    [
        {"solver": "adam", "max_iter": 3},
        {"solver": "adam", "max_iter": 3, "early_stopping": True},
        {"solver": "adam", "tol": 10.0, "n_iter_no_change": 2},
        {"solver": "adam", "tol": 10.0, "n_iter_no_change": 2, "early_stopping": True},
        {"solver": "sgd", "tol": 1e6, "n_iter_no_change": 2, "learning_rate": "adaptive"},
        {"solver": "sgd", "tol": 1e6, "n_iter_no_change": np.inf, "max_iter": 4},
    ],
)
def test_verbose_prints_sklearns_lines(Estimator, params, linear, capsys):
    X, y = linear
    printed = []
    for Class in (Estimator, sklearns(Estimator)):
        Class(hidden_layer_sizes=3, random_state=0, verbose=True, **params).fit(X, y > 0)
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1] != ""


def test_silent_by_default(Estimator, linear, quick, capsys):
    X, y = linear
    Estimator(**quick).fit(X, y > 0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("n_iter_no_change", [1, 3, 10])
def test_patience(Estimator, n_iter_no_change, linear):
    """Training stops when the count of epochs without progress exceeds n_iter_no_change."""
    X, y = linear
    estimator = Estimator(n_iter_no_change=n_iter_no_change, tol=1e6, hidden_layer_sizes=3)
    estimator.fit(X, y > 0)
    assert estimator._no_improvement_count == n_iter_no_change + 1
    assert estimator.n_iter_ == n_iter_no_change + 2  # the first epoch beats infinity


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_early_stopping_attributes(Estimator, linear):
    X, y = linear
    estimator = Estimator(early_stopping=True, max_iter=8, random_state=0).fit(X, y > 0)
    assert estimator.best_loss_ is None
    assert len(estimator.validation_scores_) == len(estimator.loss_curve_) == 8
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)
    estimator.set_params(early_stopping=False).fit(X, y > 0)
    assert estimator.validation_scores_ is None
    assert estimator.best_validation_score_ is None
    assert estimator.best_loss_ == min(estimator.loss_curve_)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_validation_score_is_that_of_sklearn_metrics(Estimator, iris):
    """The cheap scores are the floats of sklearn.metrics on the same rows, weights included."""
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.model_selection import train_test_split

    X, y = iris
    weight = np.random.RandomState(0).uniform(size=len(y))
    estimator = Estimator(
        early_stopping=True, max_iter=1, random_state=np.random.RandomState(3), tol=0
    )
    estimator.fit(X, y, weight)
    # The same draws: initial weights of 4-100-3 or 4-100-1, then the split.
    state = np.random.RandomState(3)
    for coef in estimator.coefs_:
        state.uniform(size=coef.shape)
        state.uniform(size=coef.shape[1])
    _, rows = train_test_split(np.arange(len(y)), test_size=0.1, random_state=state)
    score = accuracy_score if is_classifier(estimator) else r2_score
    expected = score(y[rows], estimator.predict(X[rows]), sample_weight=weight[rows])
    assert estimator.validation_scores_ == [expected]


def test_partial_fit_rejects_early_stopping(Estimator, linear):
    X, y = linear
    kwargs = {"classes": [0, 1]} if Estimator is MLPClassifier else {}
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        Estimator(early_stopping=True).partial_fit(X, y > 0, **kwargs)


def test_warm_start_needs_the_same_classes(iris, quick):
    X, y = iris
    classifier = MLPClassifier(warm_start=True, **quick).fit(X, y)
    message = (
        "warm_start can only be used where `y` has the same classes as in the previous call to"
        " fit. Previously got [0 1 2], `y` has [0 1]"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        classifier.fit(X[:100], y[:100])


def test_partial_fit_class_errors(iris):
    X, y = iris
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        MLPClassifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=re.escape("`y` has classes not in `self.classes_`.")):
        MLPClassifier().partial_fit(X, y, classes=[0, 1])
    classifier = MLPClassifier().partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="is not the same as on last call"):
        classifier.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=re.escape("`y` has classes not in `self.classes_`.")):
        classifier.partial_fit(X, y + 1)


def test_column_vector_y_warns(Estimator, linear, quick):
    X, y = linear
    for Class in (Estimator, sklearns(Estimator)):
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
            estimator = Class(**quick).fit(X, (y > 0)[:, None].astype(int))
        assert estimator.predict(X).ndim == 1


def test_not_fitted(Estimator):
    estimator = Estimator()
    methods = ["predict"]
    if is_classifier(estimator):
        methods += ["predict_proba", "predict_log_proba"]
    for name in methods:
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            getattr(estimator, name)([[1.0]])


def test_wrong_number_of_features(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick).fit(X, y > 0)
    message = f"X has 3 features, but {Estimator.__name__} is expecting 5 features as input"
    with pytest.raises(ValueError, match=message):
        estimator.predict(X[:, :3])
    with pytest.raises(ValueError, match=message):
        estimator.partial_fit(X[:, :3], y > 0)


def test_refit_starts_anew(Estimator, linear, quick):
    X, y = linear
    estimator = Estimator(**quick, random_state=0).fit(X, y > 0)
    curve, t = estimator.loss_curve_, estimator.t_
    estimator.fit(X, y > 0)
    assert estimator.loss_curve_ == curve
    assert estimator.loss_curve_ is not curve
    assert estimator.t_ == t == 300


def test_single_class_is_always_right(quick):
    X = np.random.RandomState(0).normal(size=(40, 3))
    model = MLPClassifier(**quick, early_stopping=True).fit(X, ["only"] * 40)
    assert set(model.validation_scores_) == {1.0}
    model.intercepts_[-1][:] = 50.0
    assert set(model.predict(X)) == {"only"}
    assert model.predict_proba(X).shape == (40, 2)


def test_partial_fit_with_warm_start_needs_every_class(quick):
    X, y = np.arange(8.0).reshape(4, 2), np.array([0, 1, 0, 1])
    for Class in (MLPClassifier, sklearns(MLPClassifier)):
        model = Class(**quick, warm_start=True).fit(X, y)
        with pytest.raises(ValueError, match="warm_start can only be used where"):
            model.partial_fit(X[:1], y[:1])


# ------------------------------------------------------------------- feature names and containers


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_data_frames(Estimator, library, early_stopping, linear):
    frames = pytest.importorskip(library)
    if library == "polars" and not hasattr(frames.DataFrame, "__dataframe__") and SKLEARN < (1, 9):
        pytest.skip(
            "scikit-learn before 1.9 reads names by __dataframe__, which polars has dropped"
        )
    X, y = linear
    names = list("abcde")
    frame = frames.DataFrame({n: X[:, i] for i, n in enumerate(names)})
    params = {"max_iter": 3, "early_stopping": early_stopping, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator = Estimator(**params).fit(frame, frames.Series((y > 0).astype(int)))
        plain = Estimator(**params).fit(X, (y > 0).astype(int))
    assert list(estimator.feature_names_in_) == names
    assert not hasattr(plain, "feature_names_in_")
    np.testing.assert_array_equal(proba_or_predict(estimator, frame), proba_or_predict(plain, X))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        estimator.predict(X)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        plain.predict(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        estimator.predict(frame[names[::-1]])


def test_refit_without_names_forgets_them(Estimator, linear, quick):
    frames = pytest.importorskip("pandas")
    X, y = linear
    estimator = Estimator(**quick).fit(frames.DataFrame(X, columns=list("abcde")), y > 0)
    estimator.fit(X, y > 0)
    assert not hasattr(estimator, "feature_names_in_")
    estimator.predict(X)


@pytest.mark.parametrize(
    "container",
    [sp.csr_array, sp.csr_matrix, sp.csc_array, sp.coo_array, sp.lil_array, sp.dok_array],
    ids=lambda c: c.__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sparse_formats(Estimator, container, dtype, linear):
    X, y = linear
    X = np.where(np.abs(X) > 0.5, X, 0.0).astype(dtype)
    params = {"max_iter": 3, "random_state": 0, "early_stopping": True}
    dense = Estimator(**params).fit(X, y > 0)
    sparse = Estimator(**params).fit(container(X), y > 0)
    tolerance = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(sparse.loss_curve_, dense.loss_curve_, rtol=tolerance)
    np.testing.assert_allclose(
        proba_or_predict(sparse, container(X)), proba_or_predict(dense, X), rtol=tolerance
    )
    assert sparse.coefs_[0].dtype == dtype
    for model in (dense, sparse):
        model.set_params(early_stopping=False).partial_fit(container(X), y > 0)
    np.testing.assert_allclose(sparse.coefs_[0], dense.coefs_[0], rtol=tolerance, atol=1e-5)


def test_sparse_with_64_bit_indices(Estimator, linear, quick):
    X, y = linear
    big = sp.csr_array(X)
    big.indices, big.indptr = big.indices.astype(np.int64), big.indptr.astype(np.int64)
    estimator = Estimator(**quick).fit(big, y > 0)
    np.testing.assert_allclose(
        proba_or_predict(estimator, big), proba_or_predict(estimator, X), rtol=1e-10
    )


def test_sparse_multilabel_y(quick):
    X = np.random.RandomState(0).normal(size=(30, 4))
    Y = (X[:, :3] > 0).astype(int)
    dense = MLPClassifier(**quick, random_state=0).fit(X, Y)
    sparse = MLPClassifier(**quick, random_state=0).fit(X, sp.csr_array(Y))
    predicted = sparse.predict(X)
    assert sp.issparse(predicted)
    np.testing.assert_array_equal(predicted.toarray(), dense.predict(X))


def test_in_pipeline_search_and_learning_curve(Estimator, linear, quick):
    X, y = linear
    y = y > 0 if is_classifier(Estimator()) else y
    pipeline = make_pipeline(StandardScaler(), Estimator(**quick))
    name = Estimator.__name__.lower()
    search = GridSearchCV(pipeline, {f"{name}__alpha": [1e-4, 1e-2]}, cv=2).fit(X, y)
    assert np.isfinite(search.best_score_)
    assert len(cross_val_score(pipeline, X, y, cv=3)) == 3
    estimator = Estimator(**quick)
    _, train, test = learning_curve(
        estimator, X, y, exploit_incremental_learning=True, train_sizes=[0.5, 1.0], cv=2
    )
    assert np.isfinite(train).all()
    assert np.isfinite(test).all()


# ----------------------------------------------------------------------------------- documentation


def test_docstrings(Estimator):
    for name in inspect.signature(Estimator).parameters:
        assert f"\n{name} : " in Estimator.__doc__
    for method in ("fit", "partial_fit", "predict"):
        assert "Parameters\n" in getattr(Estimator, method).__doc__
    assert ("classes_ :" in Estimator.__doc__) == is_classifier(Estimator())


@pytest.mark.thread_unsafe(reason="doctest redirects the standard output of the process")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_docstring_examples(Estimator):
    (example,) = doctest.DocTestFinder(recurse=False).find(Estimator, globs={})
    assert doctest.DocTestRunner().run(example).failed == 0


def test_version_is_public():
    assert fastmlp.__version__
