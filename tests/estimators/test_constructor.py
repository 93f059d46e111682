"""The constructor is scikit-learn's and more; bad parameters raise the errors of scikit-learn."""

import inspect
import re
import warnings

import numpy as np
import pytest
import sklearn
from estimators.models import sklearns
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier, MLPRegressor


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
