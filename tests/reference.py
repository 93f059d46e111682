"""A multilayer perceptron in plain NumPy float64: the oracle of the test-suite.

Read it from top to bottom: layout, activations, forward, loss, gradient, optimizers, epoch. Nothing
here is clever or fast, everything is written the way one would write it on paper, and it knows
nothing of fastmlp. The conventions are scikit-learn's:

* parameters: one flat vector, all weight matrices (n_in, n_out) row-major, then all bias vectors;
* squared_error: half the mean over outputs of the weighted mean over rows;
* poisson and log_loss: the sum over outputs of the weighted mean over rows;
* L2: ``alpha / 2 * |W|^2 / sum of weights`` (or number of rows), weights only, not biases.
"""

from itertools import pairwise

import numpy as np
from activation_formulas import ACTIVATIONS as HIDDEN_ACTIVATIONS
from loss_formulas import loss_and_slope

# ------------------------------------------------------------------------------ parameter layout


def n_parameters(layer_sizes):
    """Number of weights and biases of a network with these layer sizes."""
    return sum(n_in * n_out + n_out for n_in, n_out in pairwise(layer_sizes))


def unflatten(params, layer_sizes):
    """Cut the flat vector into ``(weights, biases)``, two lists of views."""
    weights, biases, position = [], [], 0
    for n_in, n_out in pairwise(layer_sizes):
        weights.append(params[position : position + n_in * n_out].reshape(n_in, n_out))
        position += n_in * n_out
    for n_out in layer_sizes[1:]:
        biases.append(params[position : position + n_out])
        position += n_out
    assert position == params.size
    return weights, biases


def flatten(weights, biases):
    """Inverse of `unflatten`."""
    return np.concatenate([np.ravel(a) for a in [*weights, *biases]])


def init_params(layer_sizes, rng, activation="relu"):
    """Glorot-uniform parameters drawn as scikit-learn draws them: W then b, layer by layer."""
    weights, biases = [], []
    for n_in, n_out in pairwise(layer_sizes):
        bound = np.sqrt((2.0 if activation == "logistic" else 6.0) / (n_in + n_out))
        weights.append(rng.uniform(-bound, bound, (n_in, n_out)))
        biases.append(rng.uniform(-bound, bound, n_out))
    return flatten(weights, biases)


# ----------------------------------------------------------------------------------- activations


def softmax(z):
    """Rows of ``z`` to probabilities that sum to one."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


ACTIVATIONS = {
    **{name: f for name, (f, _) in HIDDEN_ACTIVATIONS.items()},
    "exp": np.exp,
    "softmax": softmax,
}

DERIVATIVES = {name: derivative for name, (_, derivative) in HIDDEN_ACTIVATIONS.items()}


# --------------------------------------------------------------------------------------- forward


def all_activations(params, layer_sizes, hidden, output, X):
    """Activations of every layer, the input first. ``hidden``: one name per hidden layer."""
    weights, biases = unflatten(params, layer_sizes)
    names = [*hidden, output]
    assert len(names) == len(weights)
    activations = [X]
    for W, b, name in zip(weights, biases, names, strict=True):
        activations.append(ACTIVATIONS[name](activations[-1] @ W + b))
    return activations


def forward(params, layer_sizes, hidden, output, X):
    """The network's output for every row of ``X``."""
    return all_activations(params, layer_sizes, hidden, output, X)[-1]


# ------------------------------------------------------------------------------------------ loss


def one_hot(y, n_classes):
    """Class indices (n,) to a (n, n_classes) matrix of zeros and ones."""
    Y = np.zeros((len(y), n_classes))
    Y[np.arange(len(y)), y] = 1
    return Y


def penalty(params, layer_sizes, alpha, total_weight):
    """Half of alpha times the squared norm of all weight matrices, over the total weight."""
    weights, _ = unflatten(params, layer_sizes)
    return 0.5 * alpha * sum((W**2).sum() for W in weights) / total_weight


def loss_and_gradient(
    params, layer_sizes, hidden, output, loss, X, Y, sample_weight=None, alpha=0.0, **kwargs
):
    """Loss of the whole batch and its gradient, flat like ``params``.

    ``Y`` is (n, n_targets); class indices go through `one_hot` first. ``kwargs``: those of
    `loss_formulas.loss_and_slope`.
    """
    weights, biases = unflatten(params, layer_sizes)
    activations = all_activations(params, layer_sizes, hidden, output, X)
    row_weight = np.ones(len(Y)) if sample_weight is None else np.asarray(sample_weight)
    total = row_weight.sum()

    z = activations[-2] @ weights[-1] + biases[-1]
    rows, delta = loss_and_slope(loss, output, z, Y, **kwargs)
    value = np.average(rows, weights=row_weight) + penalty(params, layer_sizes, alpha, total)

    delta = delta * row_weight[:, None]
    dW, db = [None] * len(weights), [None] * len(weights)
    for i in reversed(range(len(weights))):
        dW[i] = (activations[i].T @ delta + alpha * weights[i]) / total
        db[i] = delta.sum(axis=0) / total
        if i > 0:
            z = activations[i - 1] @ weights[i - 1] + biases[i - 1]
            delta = (delta @ weights[i].T) * DERIVATIVES[hidden[i - 1]](z)
    return value, flatten(dW, db)


# ------------------------------------------------------------------------------------ optimizers


def sgd_step(params, state, gradient, learning_rate, momentum=0.9, nesterov=True):
    """One step, in place. ``state``: (1, n_params), the velocity."""
    velocity = state[0]
    velocity[:] = momentum * velocity - learning_rate * gradient
    params += momentum * velocity - learning_rate * gradient if nesterov else velocity


def adam_step(params, state, gradient, learning_rate, t, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """One step, in place. ``state``: (2, n_params), m and v; ``t``: steps done, with this one."""
    m, v = state
    m[:] = beta_1 * m + (1 - beta_1) * gradient
    v[:] = beta_2 * v + (1 - beta_2) * gradient**2
    rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
    params -= rate * m / (np.sqrt(v) + epsilon)


# ----------------------------------------------------------------------------------------- epoch


def train_epoch(
    params,
    state,
    network,
    solver,
    X,
    Y,
    order,
    batch_size,
    *,
    t=0,
    learning_rate=1e-3,
    alpha=0.0,
    sample_weight=None,
    **hyper,
):
    """One pass over ``X[order]`` in consecutive mini-batches, in place.

    ``network`` is ``(layer_sizes, hidden, output, loss)``. A mini-batch whose weights are all zero
    is left out: no step, no loss. Returns the steps done so far and the epoch's loss, the mean over
    rows of the loss of the mini-batch they are in.
    """
    layer_sizes, hidden, output, loss = network
    loss_sum, n_trained = 0.0, 0
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        weight = None if sample_weight is None else sample_weight[rows]
        if weight is not None and not weight.any():
            continue
        value, gradient = loss_and_gradient(
            params, layer_sizes, hidden, output, loss, X[rows], Y[rows], weight, alpha
        )
        loss_sum += value * len(rows)
        n_trained += len(rows)
        t += 1
        if solver == "sgd":
            sgd_step(params, state, gradient, learning_rate, **hyper)
        else:
            adam_step(params, state, gradient, learning_rate, t, **hyper)
    return t, loss_sum / n_trained
