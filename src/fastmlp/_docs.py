"""Docstring text that classifier and regressor share, put together once when they are defined."""

import inspect

PARAMETERS = {
    "hidden_layer_sizes": """\
array-like of int, or int, default=(100,)
    Number of neurons of each hidden layer. ``()`` is a linear model.""",
    "activation": """\
str or sequence of str, default='relu'
    Activation function of the hidden layers, or one per hidden layer. With ``s(x)`` short for
    ``1 / (1 + exp(-x))``:

    - 'identity': ``x``
    - 'logistic': ``s(x)``
    - 'tanh': ``tanh(x)``
    - 'relu': ``max(0, x)``
    - 'leaky_relu': ``max(0.01 * x, x)``
    - 'elu': ``x`` where positive, else ``exp(x) - 1``
    - 'selu': the same, scaled to keep mean 0 and variance 1 from layer to layer
    - 'gelu': ``x * P(N(0, 1) < x)``, with the exact normal distribution
    - 'silu', or swish: ``x * s(x)``
    - 'mish': ``x * tanh(log(1 + exp(x)))``
    - 'softplus': ``log(1 + exp(x))``
    - 'softsign': ``x / (1 + abs(x))``
    - 'hard_sigmoid': ``clip(x + 3, 0, 6) / 6``
    - 'hard_swish': ``x * clip(x + 3, 0, 6) / 6``

    The first four are scikit-learn's; formulas and slopes at kinks are PyTorch's.""",
    "solver": """\
{'lbfgs', 'sgd', 'adam'}, default='adam'
    How the weights are optimized: quasi-Newton on all rows at once (good on small data), gradient
    descent with momentum on mini-batches, or Adam [1]_ on mini-batches.""",
    "alpha": """\
float, default=0.0001
    Strength of the L2 penalty on the weights. It is divided by the number of rows, or their total
    sample weight, of the mini-batch, so that the same alpha means more with small batches.""",
    "batch_size": """\
int or 'auto', default='auto'
    Rows of a mini-batch; 'auto' is ``min(200, n_samples)``. Not used by 'lbfgs'.""",
    "learning_rate": """\
{'constant', 'invscaling', 'adaptive'}, default='constant'
    Schedule of the learning rate, for 'sgd' only. 'invscaling':
    ``learning_rate_init / (t_ + 1) ** power_t`` after every epoch. 'adaptive': divided by 5 each
    time ``n_iter_no_change`` epochs in a row bring no progress, training ends below 1e-6.""",
    "learning_rate_init": """\
float, default=0.001
    Initial learning rate of 'sgd' and 'adam'.""",
    "power_t": """\
float, default=0.5
    Exponent of ``learning_rate='invscaling'``.""",
    "max_iter": """\
int, default=200
    Largest number of epochs ('sgd', 'adam') or iterations ('lbfgs').""",
    "shuffle": """\
bool, default=True
    Whether to shuffle the rows before every epoch. Not used by 'lbfgs'.""",
    "random_state": """\
int, RandomState instance or None, default=None
    Where the initial weights, the validation split and the shuffling come from. An int makes
    every call give the same result, which is scikit-learn's of the same int to rounding.""",
    "tol": """\
float, default=1e-4
    Progress smaller than this counts as none: of the training loss, or of the validation score
    with ``early_stopping``. For 'lbfgs' the largest gradient that counts as zero.""",
    "verbose": """\
bool or int, default=False
    Whether to print the loss of every epoch.""",
    "warm_start": """\
bool, default=False
    Whether `fit` starts from the weights of the previous `fit`.""",
    "momentum": """\
float, default=0.9
    Momentum of 'sgd', between 0 and 1.""",
    "nesterovs_momentum": """\
bool, default=True
    Whether the momentum of 'sgd' is Nesterov's.""",
    "early_stopping": """\
bool, default=False
    Whether to hold rows out for validation, end training when their score makes no progress
    for more than ``n_iter_no_change`` epochs, and keep the weights of the best epoch, however
    training ends. The split is stratified for binary targets. Not used by 'lbfgs'.""",
    "validation_fraction": """\
float, default=0.1
    Share of the rows held out by ``early_stopping``.""",
    "beta_1": """\
float, default=0.9
    Decay rate of the mean of gradients in 'adam', in [0, 1).""",
    "beta_2": """\
float, default=0.999
    Decay rate of the mean of squared gradients in 'adam', in [0, 1).""",
    "epsilon": """\
float, default=1e-8
    Added to the denominator in 'adam'.""",
    "n_iter_no_change": """\
int or inf, default=10
    Number of epochs without progress that is still tolerated by 'sgd' and 'adam'.""",
    "max_fun": """\
int, default=15000
    Largest number of evaluations of the loss by 'lbfgs'.""",
    "n_threads": """\
int or None, default=None
    Number of threads. None chooses, with respect to CPU affinity, container limits and the
    size of the work. The result does not depend on it.""",
    "weight_init": """\
str or callable, default='auto'
    What the weights start from. 'auto' is scikit-learn's: uniform weights and biases within
    ``sqrt(6 / (n_in + n_out))``, with 2 for 6 where the activation is 'logistic'. Biases start from
    zero in all the others. Normal distributions have mean 0.

    - 'glorot_uniform', 'glorot_normal': variance ``2 / (n_in + n_out)``
    - 'he_uniform', 'he_normal': variance ``2 / n_in``, for 'relu' and its relatives
    - 'lecun_normal': variance ``1 / n_in``, for 'selu'
    - 'orthogonal': orthonormal columns, or rows where those are fewer
    - a callable ``f(shape, random_state)``: returns the array for one weight matrix of
      ``shape = (n_in, n_out)``; called layer by layer with NumPy's RandomState.""",
}

_CUSTOM_LOSS = """
    An object with two methods is a loss of your own. Both get y and raw, the network's output
    before the output activation, of shape (n, n_outputs), for the n rows of a mini-batch, and
    their sample weights (n,) or None; both return what they return times these weights:
    ``loss(y, raw, sample_weight)`` the losses (n,), ``gradient(y, raw, sample_weight)`` the
    derivatives by raw (n, n_outputs). The step divides by the sum of weights. y has {y}."""

REGRESSOR_PARAMETERS = {
    "loss": """\
str or object, default='squared_error'
    What is minimized, for target y and prediction m, and averaged over rows; summed over targets,
    of 'squared_error' averaged:

    - 'squared_error': ``(m - y)**2 / 2``; m is the mean of y given X
    - 'absolute_error': ``abs(m - y)``; m is the median
    - 'huber': squared up to ``huber_delta``, then linear
    - 'log_cosh': ``log(cosh(m - y))``
    - 'quantile': ``quantile * (y - m)`` below y, ``(1 - quantile) * (m - y)`` above
    - 'poisson', 'gamma', 'tweedie': half of the deviances ``2 * (y * log(y / m) - y + m)``,
      ``2 * (y / m - log(y / m) - 1)`` and that of ``tweedie_power``. m is positive; y must be
      >= 0, > 0, and what ``tweedie_power`` asks for
    - 'gaussian_nll': ``(y - m)**2 / (2 * v) + log(v) / 2`` with a second output for the variance v
      of each target, see ``return_std`` of `predict`. v is kept between 1e-6 and exp(80):
      scale y so that its noise is larger than 0.001
"""
    + _CUSTOM_LOSS.format(y="the shape that `fit` got and the dtype of the model"),
    "output_activation": """\
str, default='auto'
    Activation of the outputs: 'identity', 'logistic', 'tanh', 'exp' or 'softplus', to bound
    predictions. 'auto' is 'exp' for 'poisson', 'gamma' and 'tweedie', which allow 'softplus' and
    'logistic', too, and 'identity' for other losses. 'gaussian_nll' allows no other.""",
    "huber_delta": """\
float, default=1.0
    Residual from which ``loss='huber'`` is linear.""",
    "quantile": """\
float or sequence of float, default=0.5
    Level of ``loss='quantile'``, between 0 and 1. A sequence gives one output each, sorted at
    predict so that they never cross.""",
    "tweedie_power": """\
float, default=1.5
    Power of the variance function of ``loss='tweedie'``: at most 0 (any y), in [1, 2) (y >= 0) or
    at least 2 (y > 0).""",
}

CLASSIFIER_PARAMETERS = {
    "loss": """\
{'log_loss', 'focal', 'squared_error'} or object, default='log_loss'
    What is minimized, for the probability p of the right class:

    - 'log_loss': ``-log(p)``
    - 'focal': ``-(1 - p)**focal_gamma * log(p)`` [3]_, which looks less at what is right already
    - 'squared_error': half the sum over classes of ``(p - y)**2`` with y of 0 and 1, the Brier
      score. For two classes ``(p - y)**2 / 2`` of the second one
"""
    + _CUSTOM_LOSS.format(
        y="class indices (n,), or 0 and 1 of labels (n, n_labels),"
        " or probabilities (n, n_classes),\n    or class indices of several columns (n, n_columns)"
    ),
    "focal_gamma": """\
float, default=2.0
    Exponent of ``loss='focal'``, at least 0, which is the log-loss.""",
    "label_smoothing": """\
float, default=0.0
    Share s of the targets that is spread over all classes: ``(1 - s) * y + s / n_classes``. In
    [0, 1). n_classes is 2 for each label of multilabel targets.""",
    "class_weight": """\
dict, list of dict, 'balanced' or None, default=None
    Weights of the classes, 1 where a dict does not say; the same as ``sample_weight`` with the
    weight of each row's class. 'balanced': ``n_samples / (n_classes * count)``, with rows counted
    by their sample weight. For several columns, or labels, of y a list of dicts, whose weights are
    multiplied. With soft targets the expected weight. `partial_fit` takes no 'balanced'.""",
}

ATTRIBUTES = """\
classes_ : ndarray of shape (n_classes,) or list of them
    Class labels, sorted; of each column, if y has several columns of classes.
coefs_ : list of ndarray of shape (n_in, n_out)
    Weight matrix of each layer. They are views of one vector: writing into them changes the model.
intercepts_ : list of ndarray of shape (n_out,)
    Bias vector of each layer, views as well.
loss_ : float
    Loss of the last epoch, or of the solution with 'lbfgs'.
loss_curve_ : list of float
    Loss of every epoch; of `partial_fit` the latest 10,000. Not with 'lbfgs'.
best_loss_ : float or None
    Smallest loss of an epoch, None with ``early_stopping``. Not with 'lbfgs'.
validation_scores_ : list of float or None
    {score} on the validation rows after every epoch with ``early_stopping``, else None. Not with
    'lbfgs'.
best_validation_score_ : float or None
    Largest of them. Not with 'lbfgs'.
n_iter_ : int
    Number of epochs or iterations of the last call.
t_ : int
    Number of training rows seen, over all epochs and calls.
n_layers_ : int
    Number of layers, input and output included.
n_outputs_ : int
    Number of outputs of the network.
out_activation_ : str
    Activation function of the output layer.
n_features_in_ : int
    Number of features.
feature_names_in_ : ndarray of shape (n_features,)
    Their names, if X had names that are all strings."""

NOTES = """\
The weights are float32 if X is, else float64. With the same ``random_state`` the model is that of
scikit-learn [2]_ to rounding. A call that fails leaves the estimator as it was."""

REFERENCES = """\
.. [1] Kingma, Ba: "Adam: A Method for Stochastic Optimization", 2014, arXiv:1412.6980.
.. [2] https://scikit-learn.org/stable/modules/neural_networks_supervised.html
.. [3] Lin et al.: "Focal Loss for Dense Object Detection", 2017, arXiv:1708.02002."""


def _section(title, text):
    return f"\n{title}\n{'-' * len(title)}\n{text}\n"


def documented(score, own):
    """Class decorator: complete the docstring of an estimator.

    Parameters
    ----------
    score : str
        What ``validation_scores_`` holds.
    own : dict
        Text of the parameters that the other estimator has not, or not alike.
    """

    def decorate(cls):
        texts = PARAMETERS | own
        names = [name for name in inspect.signature(cls).parameters if name in texts]
        parameters = "\n".join(f"{name} : {texts[name]}" for name in names)
        summary, _, examples = inspect.cleandoc(cls.__doc__).partition("Examples\n--------\n")
        attributes = ATTRIBUTES.format(score=score)
        if own is REGRESSOR_PARAMETERS:
            attributes = attributes[attributes.index("coefs_") :]
        cls.__doc__ = (
            summary.rstrip()
            + "\n"
            + _section("Parameters", parameters)
            + _section("Attributes", attributes)
            + _section("Notes", NOTES)
            + _section("References", REFERENCES)
            + _section("Examples", examples.rstrip())
        )
        return cls

    return decorate
