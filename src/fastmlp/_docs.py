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
    - 'prelu': ``x`` where positive, else ``slope * x`` with a slope for each neuron that is trained
      and starts from 0.25, see ``activation_slopes_``
    - 'maxout': the largest of ``maxout_pieces`` linear functions of the layer's input

    The first four are scikit-learn's; formulas and slopes at kinks are PyTorch's.""",
    "solver": """\
str, default='adam'
    How the weights are optimized. ``g`` is the gradient of a mini-batch's mean loss, with the L2
    penalty in it.

    - 'lbfgs': quasi-Newton on all rows at once, good on small data.
    - 'sgd': gradient descent with ``momentum``, Nesterov's or the heavy ball's; plain with 0.
    - 'adam' [1]_ as in scikit-learn. 'adamw' as in PyTorch, with ``epsilon`` inside the bias
      correction; the W is ``weight_decay`` (PyTorch's default is 0.01, ours none). 'amsgrad' never
      forgets the largest mean square, 'nadam' adds Nesterov's momentum, 'radam' leaves the mean
      square out while it is too short, 'adamax' takes the largest ``abs(g)`` in its place.
    - 'adagrad': ``g / (sqrt(sum of g**2) + epsilon)``. 'rmsprop': the same with the mean of
      ``g**2``. 'adadelta': times the root mean square of its own steps; rates near 1.
    - 'lion' [4]_: the sign of a mean of gradients; rates 3 to 10 times smaller than Adam's, and the
      paper's ``beta_2`` is 0.99. 'adabelief' [5]_: Adam by the variance of ``g`` around its mean.
    - 'muon' [6]_: between two hidden layers, the momentum (0.95, Nesterov) of each weight matrix,
      orthogonalized by five Newton-Schulz steps and scaled by ``sqrt(max(1, n_out / n_in))``. All
      else, that is biases and the weights of the input and the output layer, as 'adamw'. With one
      hidden layer it is 'adamw'. Rates near 0.01 suit it.
    - 'schedulefree' [7]_: AdamW at one point, while a running average of its path, which needs no
      schedule, is what predicts. Rates may be some times larger than Adam's.
    - 'rprop' [8]_: iRprop-, on all rows at once; each weight has a step of its own, which starts at
      ``learning_rate_init`` and follows the sign of the gradient alone. Not with `partial_fit`.

    'adamw' to 'adadelta' and 'rprop' are PyTorch's formulas and give its numbers.""",
    "alpha": """\
float, default=0.0001
    Strength of the L2 penalty on the weights. It is divided by the number of rows, or their total
    sample weight, of the mini-batch, so that the same alpha means more with small batches.""",
    "batch_size": """\
int or 'auto', default='auto'
    Rows of a mini-batch; 'auto' is ``min(200, n_samples)``. 'lbfgs' and 'rprop' take all rows.""",
    "learning_rate": """\
str or callable, default='constant'
    Schedule of the learning rate. Between epochs, from the progress of training:

    - 'constant'; 'invscaling': ``learning_rate_init / (t_ + 1) ** power_t``; 'adaptive': divided
      by 5 each time ``n_iter_no_change`` epochs in a row bring no progress, training ends below
      1e-6. As in scikit-learn 'adam' does not use the last two.
    - 'plateau': 'adaptive' with ``decay_rate`` in place of 1/5, for any solver, down to
      ``learning_rate_min``.

    With every step (mini-batch) s = 0, 1, ... of S, ``max_iter`` epochs, as a factor of
    ``learning_rate_init``, with t = s / S:

    - 'step': ``decay_rate ** (s // decay_steps)``; 'exponential': the same without rounding.
    - 'cosine': ``(1 + cos(pi t)) / 2``; 'cosine_restarts': again every ``decay_steps`` steps.
    - 'one_cycle': half a cosine up from 1/25 to 1 until t = 0.3 or ``warmup_fraction``, half a
      cosine down to 4e-6.
    - 'coslog4': ``(1 - cos(2 pi log2(1 + 15 t))) / 2``, four cycles [9]_.
    - a callable: its value for t, a float >= 0.

    Training may end before S steps: ``n_iter_no_change=np.inf`` keeps it going. A call of
    `partial_fit` counts as one epoch: its schedule is made for ``max_iter`` calls of the size of
    the first one, and stays at its end behind that ('step', 'exponential' and 'cosine_restarts' go
    on). After `fit`, `partial_fit` goes on from the end of its schedule.""",
    "learning_rate_init": """\
float, default=0.001
    Initial learning rate of all solvers but 'lbfgs'.""",
    "power_t": """\
float, default=0.5
    Exponent of ``learning_rate='invscaling'``.""",
    "max_iter": """\
int, default=200
    Largest number of epochs ('sgd', 'adam') or iterations ('lbfgs').""",
    "shuffle": """\
bool, default=True
    Whether to shuffle the rows before every epoch. Not used by 'lbfgs' and 'rprop'.""",
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
    Momentum of 'sgd', between 0 and 1: ``v = momentum * v - rate * g; w += v``.""",
    "nesterovs_momentum": """\
bool, default=True
    Whether the momentum of 'sgd' is Nesterov's: ``w += momentum * v - rate * g``.""",
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
    Decay rate of the mean of gradients in 'adam' and its kin, in [0, 1).""",
    "beta_2": """\
float, default=0.999
    Decay rate of the mean of squared gradients in 'adam' and its kin, in [0, 1).""",
    "epsilon": """\
float, default=1e-8
    Added to the denominator in 'adam' and its kin, 'adagrad', 'rmsprop' and, under the root,
    'adadelta'.""",
    "n_iter_no_change": """\
int or inf, default=10
    Number of epochs without progress that is still tolerated by all solvers but 'lbfgs'.""",
    "max_fun": """\
int, default=15000
    Largest number of evaluations of the loss by 'lbfgs'.""",
    "n_threads": """\
int or None, default=None
    Number of threads. None chooses, with respect to CPU affinity, container limits and the
    size of the work. The result does not depend on it.""",
    "maxout_pieces": """\
int, default=2
    Linear functions of each neuron with ``activation='maxout'``, at least 2. The layer's matrix in
    ``coefs_`` has ``n_out * maxout_pieces`` columns: the first of each neuron, then the second.""",
    "dropout": """\
float or sequence of float, default=0.0
    Probability of leaving a hidden unit out in a step of training, in [0, 1), or one per hidden
    layer [10]_. The units that stay are divided by ``1 - dropout``; prediction uses all. Taken to a
    multiple of 2^-16. Not with 'lbfgs', like the next two.""",
    "input_dropout": """\
float, default=0.0
    Probability of setting an input to zero in a step of training; the others are divided by
    ``1 - input_dropout``.""",
    "input_noise": """\
float, default=0.0
    Standard deviation of normal noise that is added to the inputs in training, drawn anew in every
    step. Not for sparse X.""",
    "normalization": """\
{None, 'batch', 'layer'}, default=None
    Normalization of every hidden layer before its activation, to mean 0 and variance 1, followed by
    a trainable scale and shift for each unit:

    - 'batch': over the rows of the mini-batch [11]_, by their sample weight; prediction takes
      averages over the steps, of which each has a share of 0.1. Rows are no longer predicted as
      they are trained, and small mini-batches are noisy: a mini-batch of a single row is left out
    - 'layer': over the units of each row [12]_""",
    "residual": """\
bool, default=False
    Whether each hidden layer adds its input to its output, which keeps deep networks trainable
    [13]_. Where the widths differ, the input goes through a trained matrix without bias.""",
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
      ``shape = (n_in, n_out)``; called layer by layer with NumPy's RandomState, and for each of
      the ``maxout_pieces``.""",
    "rho": """\
float or None, default=None
    Decay rate of the mean of squared gradients in 'adadelta' and 'rmsprop', in (0, 1). None is
    PyTorch's: 0.9 and 0.99.""",
    "warmup_fraction": """\
float, default=0.0
    Part of all ``max_iter`` epochs, in [0, 1), in which the learning rate rises linearly, step by
    step, from near 0; the schedule begins behind it.""",
    "learning_rate_min": """\
float, default=0.0
    Smallest learning rate of the schedules that scikit-learn has not.""",
    "decay_rate": """\
float, default=0.1
    Factor of ``learning_rate`` 'step', 'exponential' and 'plateau', in (0, 1).""",
    "decay_steps": """\
int or None, default=None
    Steps (mini-batches) until ``learning_rate`` 'step' and 'exponential' have decayed by
    ``decay_rate``, and 'cosine_restarts' starts again. None: a third of all.""",
    "weight_decay": """\
float, default=0.0
    Decoupled weight decay: before each step, weights lose ``rate * weight_decay`` of themselves.
    Unlike that of ``alpha`` its strength does not depend on the size of gradients.""",
    "l1": """\
float, default=0.0
    L1 penalty on the weights, as a proximal step: after each step,
    ``w = sign(w) * max(abs(w) - rate * l1, 0)``, which makes weights exactly zero. Like
    ``weight_decay`` it is not part of ``loss_``. An average of weights that have been zero, of
    'schedulefree' or ``ema_decay``, need not be.""",
    "max_norm": """\
float or None, default=None
    Largest Euclidean norm of the incoming weights of a unit, outputs included, biases not. Longer
    ones are scaled down after each step.""",
    "gradient_clip": """\
float or None, default=None
    Largest Euclidean norm of the gradient over all weights and biases of a mini-batch. Longer ones
    are scaled down.""",
    "ema_decay": """\
float or None, default=None
    Decay rate d, in (0, 1), of an exponential average of the weights, which validates and predicts,
    while training goes on from the weights themselves. After n steps it is the mean of the weights
    after step i, each with weight ``d ** (n - i)``: without bias, the initial weights do not count.
    `partial_fit` goes on with it, unless ``coefs_`` have been set by hand.""",
}

_CUSTOM_LOSS = """
    An object with two methods is a loss of your own. Both get y and raw, the network's output
    before the output activation, of shape (n, n_outputs), for the n rows of a mini-batch, and
    their sample weights (n,) or None; both return what they return times these weights:
    ``loss(y, raw, sample_weight)`` the losses (n,), ``gradient(y, raw, sample_weight)`` the
    derivatives by raw (n, n_outputs), finite wherever raw is. The step divides by the sum of
    weights. y has {y}."""

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
        y="class indices (n,), or 0 and 1 of labels (n, n_labels), or probabilities\n"
        "    (n, n_classes), or class indices of several columns (n, n_columns)"
    ),
    "output_activation": """\
{'auto'}, default='auto'
    Activation of the outputs: softmax, or logistic for two classes and for labels.""",
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
    multiplied. With soft targets the expected weight. They count in validation scores, too.
    `partial_fit` takes no 'balanced'.""",
}

ATTRIBUTES = """\
classes_ : ndarray of shape (n_classes,) or list of them
    Class labels, sorted; of each column, if y has several columns of classes.
coefs_ : list of ndarray of shape (n_in, n_out)
    Weight matrix of each layer. They are views of one vector: writing into them changes the model.
intercepts_ : list of ndarray of shape (n_out,)
    Bias vector of each layer, views as well.
activation_slopes_ : list of (ndarray of shape (n_units,) or None)
    Slopes of the 'prelu' neurons of each hidden layer, views as well; None where its activation is
    another. With 'prelu' only.
normalization_scales_, normalization_shifts_ : list of ndarray of shape (n_units,)
    Trained scale and shift of each hidden layer, views as well; of a 'maxout' layer one for each
    column of its matrix. With ``normalization`` only.
normalization_means_, normalization_variances_ : list of ndarray of shape (n_units,)
    What prediction normalizes each hidden layer by. With ``normalization='batch'`` only.
residual_projections_ : list of (ndarray of shape (n_in, n_units) or None)
    For each hidden layer what its input goes through before it is added to the output, a view as
    well; None where the widths are equal. With ``residual`` only, unless all are equal.
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
.. [3] Lin et al.: "Focal Loss for Dense Object Detection", 2017, arXiv:1708.02002.
.. [4] Chen et al.: "Symbolic Discovery of Optimization Algorithms", 2023, arXiv:2302.06675.
.. [5] Zhuang et al.: "AdaBelief Optimizer", 2020, arXiv:2010.07468.
.. [6] Jordan: "Muon: An optimizer for hidden layers in neural networks", 2024,
   https://kellerjordan.github.io/posts/muon.
.. [7] Defazio et al.: "The Road Less Scheduled", 2024, arXiv:2405.15682.
.. [8] Igel, Huesken: "Improving the Rprop Learning Algorithm", 2000.
.. [9] Holzmueller et al.: "Better by Default", 2024, arXiv:2407.04491.
.. [10] Srivastava et al.: "Dropout: A Simple Way to Prevent Neural Networks from Overfitting",
   2014, JMLR 15.
.. [11] Ioffe, Szegedy: "Batch Normalization: Accelerating Deep Network Training by Reducing
   Internal Covariate Shift", 2015, arXiv:1502.03167.
.. [12] Ba, Kiros, Hinton: "Layer Normalization", 2016, arXiv:1607.06450.
.. [13] He et al.: "Deep Residual Learning for Image Recognition", 2015, arXiv:1512.03385."""


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
