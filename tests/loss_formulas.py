"""The losses and their derivatives as one writes them on paper: the oracle.

`loss_and_slope` gives the loss of each row and its derivative by the raw outputs z, in float64.
Below it, one function a loss. Kinks have slope 0; probabilities of the log-loss are clipped to
[eps, 1 - eps] in its value, as in scikit-learn.
"""

import numpy as np
from scipy.special import expit, log_softmax, logsumexp, xlogy

EPS64 = np.finfo(float).eps
LOWEST, HIGHEST = np.log(1e-6), 80.0  # logarithm of the variance in gaussian_nll

# Arguments to try: huber_delta, levels of quantile, tweedie_power, focal_gamma.
ARGS = {
    "huber": [(1.0,), (0.3,)],
    "quantile": [(0.5,), (0.1,), (0.9, 0.1, 0.5)],
    "tweedie": [(-1.0,), (0.0,), (1.0,), (1.5,), (2.0,), (3.0,)],
    "focal": [(0.0,), (0.5,), (2.0,)],
}

# ------------------------------------------------------------------------- output activations


def softplus(z):
    return np.logaddexp(0, z)


def link(output, z):
    """Prediction m(z), m', log m and (log m)'; the logarithm where m is positive."""
    if output == "logistic":
        return expit(z), expit(z) * expit(-z), -softplus(-z), expit(-z)
    if output == "exp":
        return np.exp(z), np.exp(z), z, np.ones_like(z)
    if output == "softplus":
        m, left = softplus(z), z < -300
        safe = np.where(left, 1, m)
        return m, expit(z), np.where(left, z, np.log(safe)), np.where(left, 1, expit(z) / safe)
    if output == "tanh":
        return np.tanh(z), (1 - np.tanh(z)) * (1 + np.tanh(z)), None, None
    return z, np.ones_like(z), None, None


# ------------------------------------------------------- of the residual d = m - y: value, slope


def squared_error(d, _):
    return d**2 / 2, d


def absolute_error(d, _):
    return abs(d), np.sign(d)


def huber(d, delta):
    far = abs(d) > delta
    return np.where(far, delta * (abs(d) - delta / 2), d**2 / 2), np.where(
        far, delta * np.sign(d), d
    )


def log_cosh(d, _):
    return abs(d) + np.log1p(np.exp(-2 * abs(d))) - np.log(2), np.tanh(d)


def quantile(d, q):
    slope = np.where(d > 0, 1 - q, np.where(d < 0, -q, 0))
    return slope * d, slope


RESIDUALS = {f.__name__: f for f in [squared_error, absolute_error, huber, log_cosh, quantile]}

# --------------------------------- half deviances: terms of the value, and of its slope by log m


def poisson(y, m, log_m, _):
    return (xlogy(y, y), -times(y, log_m), -y, m), (m, -y)


def gamma(y, m, log_m, _):
    ratio = y * np.exp(-log_m)
    return (ratio, log_m, -np.log(y), -np.ones_like(y)), (np.ones_like(y), -ratio)


def tweedie(y, m, log_m, p):
    if p in (1, 2):
        return (poisson if p == 1 else gamma)(y, m, log_m, p)
    low, high = np.exp((1 - p) * log_m), np.exp((2 - p) * log_m)
    # not infinity - infinity: where both powers overflow, it is clear which one wins
    low, high = (
        np.minimum(low, 1e300 if p < 0 else np.inf),
        np.minimum(high, 1e300 if p > 2 else np.inf),
    )
    constant = np.where(y > 0, np.exp((2 - p) * np.log(np.where(y > 0, y, 1))), 0)
    value = constant / (1 - p) / (2 - p), -times(y, low) / (1 - p), high / (2 - p)
    return value, (high, -times(y, low))


def times(x, y):
    """x y, 0 where x is 0, whatever y is."""
    return np.where(x == 0, 0, x * np.where(x == 0, 1, y))


DEVIANCES = {f.__name__: f for f in [poisson, gamma, tweedie]}

# ------------------------------------------------------- of probabilities: value (n,), slope (n, k)


def smoothed(Y, smoothing, n_classes):
    return (1 - smoothing) * Y + smoothing / n_classes


def focal_terms(log_p, log_q, g):
    """-(1 - p)^g log p and its slope by log p, with q = 1 - p."""
    p, q = np.exp(log_p), np.exp(log_q)
    ratio = np.where(q == 0, -1, log_p / np.where(q == 0, 1, q))
    power = np.ones_like(q) if g == 0 else np.exp(g * log_q)
    return -times(power, log_p), power * (g * p * ratio - 1)


def log_of_rest(log_p):
    """log(1 - p) of each of the classes: that of the sum of the others."""
    others = [np.delete(log_p, k, axis=-1) for k in range(log_p.shape[-1])]
    if log_p.shape[-1] == 1:
        return np.full_like(log_p, -np.inf)
    return np.stack([logsumexp(o, axis=-1) for o in others], axis=-1)


def of_softmax(loss, z, Y, args, eps):
    log_p = log_softmax(z, axis=1)
    p = np.exp(log_p)
    if loss == "log_loss":
        return -xlogy(Y, np.clip(p, eps, 1 - eps)).sum(axis=1), p * Y.sum(axis=1)[:, None] - Y
    if loss == "focal":
        value, slope = focal_terms(log_p, log_of_rest(log_p), args[0])
        by_log_p = Y * slope  # d log p_j / d z_k = [j = k] - p_k
        return (Y * value).sum(axis=1), by_log_p - p * by_log_p.sum(axis=1, keepdims=True)
    d = p - Y  # brier; d p_j / d z_k = p_j ([j = k] - p_k)
    return (d**2).sum(axis=1) / 2, p * (d - (d * p).sum(axis=1, keepdims=True))


def of_logistic(loss, z, Y, args, eps):
    p, q = expit(z), expit(-z)
    if loss == "log_loss":
        c = np.clip(p, eps, 1 - eps)
        return -(xlogy(Y, c) + xlogy(1 - Y, 1 - c)).sum(axis=1), p - Y
    if loss == "focal":
        log_p, log_q = -softplus(-z), -softplus(z)
        yes, slope_yes = focal_terms(log_p, log_q, args[0])
        no, slope_no = focal_terms(log_q, log_p, args[0])
        value = (Y * yes + (1 - Y) * no).sum(axis=1)
        return value, Y * slope_yes * q - (1 - Y) * slope_no * p
    return ((p - Y) ** 2).sum(axis=1) / 2, (p - Y) * p * q


# ------------------------------------------------------------------------------------ any loss


def gaussian_nll(z, Y):
    """Means, then logarithms of variances."""
    mean, s = np.split(z, 2, axis=1)
    s = np.clip(s, LOWEST, HIGHEST)
    d = mean - Y
    square = d**2 * np.exp(-s)
    return (s + square).sum(axis=1) / 2, np.concatenate([d * np.exp(-s), (1 - square) / 2], axis=1)


def elementwise(loss, output, z, Y, arg):
    """Value and slope of each output, (n, k)."""
    m, dm, log_m, dlog_m = link(output, z)
    if loss == "tweedie" and arg == 0:
        loss = "squared_error"
    if loss in RESIDUALS:
        value, slope = RESIDUALS[loss](m - Y, arg)
        return value, slope * dm
    value, slope = DEVIANCES[loss](Y, m, log_m, arg)
    return sum(value), times(dlog_m, sum(slope))


def loss_and_slope(loss, output, z, Y, args=(), smoothing=0.0, groups=(), eps=EPS64):
    """Loss of each row (n,) and its derivative by z (n, n_outputs).

    Of the squared error the value is the mean over outputs, the derivative that of the sum, like
    scikit-learn's.
    """
    if groups:
        ends = np.cumsum(groups)[:-1]
        parts = [
            loss_and_slope(loss, output, z_g, Y_g, args, smoothing, (), eps)
            for z_g, Y_g in zip(np.split(z, ends, 1), np.split(Y, ends, 1), strict=True)
        ]
        return sum(value for value, _ in parts), np.concatenate([d for _, d in parts], axis=1)
    if loss in ("log_loss", "focal", "brier"):
        softmax = output == "softmax"
        Y = smoothed(Y, smoothing, z.shape[1] if softmax else 2)
        return (of_softmax if softmax else of_logistic)(loss, z, Y, args, eps)
    if loss == "gaussian_nll":
        return gaussian_nll(z, Y)
    levels = args if args else (None,)
    value, slope = np.empty_like(z), np.empty_like(z)
    for i, level in enumerate(levels):  # of each target side by side
        part = np.s_[:, i :: len(levels)]
        value[part], slope[part] = elementwise(loss, output, z[part], Y, level)
    return value.mean(axis=1) if loss == "squared_error" else value.sum(axis=1), slope
