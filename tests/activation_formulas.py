"""The activation functions and their derivatives as one writes them on paper: the oracle.

Formulas, and slopes at kinks, are those of PyTorch's documentation. Both are functions of z, in
float64 with an error of a few units of 1e-16.
"""

import numpy as np
from scipy.special import expit, log1p, log_ndtr

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def softplus(z):
    return np.maximum(z, 0) + log1p(np.exp(-abs(z)))


def normal_cdf(z):
    return np.exp(log_ndtr(z))


def normal_density(z):
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def elu(z, scale=1.0, alpha=1.0):
    return scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


def elu_slope(z, scale=1.0, alpha=1.0):
    return scale * np.where(z > 0, 1, alpha * np.exp(np.minimum(z, 0)))


def mish_slope(z):
    t = np.tanh(softplus(z))
    return t + z * (1 - t) * (1 + t) * expit(z)


def hard_swish_slope(z):
    return np.where(z <= -3, 0, np.where(z >= 3, 1, z / 3 + 0.5))


# name: f, f'
ACTIVATIONS = {
    "identity": (lambda z: z, np.ones_like),
    "logistic": (expit, lambda z: expit(z) * expit(-z)),
    "tanh": (np.tanh, lambda z: (1 - np.tanh(z)) * (1 + np.tanh(z))),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1, 0.01)),
    "elu": (elu, elu_slope),
    "selu": (
        lambda z: elu(z, SELU_SCALE, SELU_ALPHA),
        lambda z: elu_slope(z, SELU_SCALE, SELU_ALPHA),
    ),
    "gelu": (lambda z: z * normal_cdf(z), lambda z: normal_cdf(z) + z * normal_density(z)),
    "silu": (lambda z: z * expit(z), lambda z: expit(z) * (1 + z * expit(-z))),
    "mish": (lambda z: z * np.tanh(softplus(z)), mish_slope),
    "softplus": (softplus, expit),
    "softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "hard_sigmoid": (
        lambda z: np.clip(z + 3, 0, 6) / 6,
        lambda z: np.where(abs(z) < 3, 1 / 6, 0),
    ),
    "hard_swish": (lambda z: z * np.clip(z + 3, 0, 6) / 6, hard_swish_slope),
}

# Where f' or f'' jumps.
KINKS = {
    "relu": [0.0],
    "leaky_relu": [0.0],
    "elu": [0.0],
    "selu": [0.0],
    "softsign": [0.0],
    "hard_sigmoid": [-3.0, 3.0],
    "hard_swish": [-3.0, 3.0],
}


# Those that are more than a function of one number.


def prelu(z, slopes):
    """Value, derivative by z and derivative by the slope of each unit, all like z."""
    positive = z > 0
    return np.where(positive, z, slopes * z), np.where(positive, 1, slopes), np.minimum(z, 0)


def maxout(z, pieces):
    """Value (m, n) and derivative by the columns of z (m, n * pieces): piece p of unit j is column
    p * n + j. Of equal pieces the first one has the derivative."""
    by_piece = z.reshape(len(z), pieces, -1)
    won = winner(z, pieces)[:, None] == np.arange(pieces)[:, None]
    return by_piece.max(axis=1), won.astype(float).reshape(z.shape)


def winner(z, pieces):
    """Which piece of each unit is the largest, the first of equals."""
    return z.reshape(len(z), pieces, -1).argmax(axis=1)
