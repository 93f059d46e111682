"""A hidden layer with everything on, forward and backward in float64: the oracle of the pipeline

    z = x W + b -> normalisation -> activation -> dropout -> + residual

It is written for one network after the other, as one would on paper, and knows nothing of fastmlp.
Masks and noise are given: philox.py has the engine's.
"""

from dataclasses import dataclass, field

import numpy as np
from activation_formulas import ACTIVATIONS, maxout, prelu

EPS = 1e-5


@dataclass
class Spec:
    """What a network is, beside its parameters."""

    sizes: tuple
    hidden: tuple  # activation of each hidden layer
    normalization: str | None = None
    residual: bool = False
    pieces: int = 2  # of maxout

    def columns(self, layer):
        """Of the weight matrix."""
        many = layer < len(self.hidden) and self.hidden[layer] == "maxout"
        return self.sizes[layer + 1] * (self.pieces if many else 1)

    def shapes(self):
        """(name, layer, shape) of every parameter in the order of the flat vector."""
        pairs = list(zip(self.sizes, self.sizes[1:], strict=False))
        columns = [self.columns(i) for i in range(len(pairs))]
        shapes = [("W", i, (n_in, columns[i])) for i, (n_in, _) in enumerate(pairs)]
        shapes += [("b", i, (n,)) for i, n in enumerate(columns)]
        for i, (n_in, n_out) in enumerate(pairs[:-1]):
            if self.normalization:
                shapes += [("scale", i, (columns[i],)), ("shift", i, (columns[i],))]
            if self.hidden[i] == "prelu":
                shapes.append(("slopes", i, (n_out,)))
            if self.residual and n_in != n_out:
                shapes.append(("P", i, (n_in, n_out)))
        return shapes

    def unflatten(self, params):
        """{(name, layer): view}."""
        parts, at = {}, 0
        for name, layer, shape in self.shapes():
            n = int(np.prod(shape))
            parts[name, layer] = params[at : at + n].reshape(shape)
            at += n
        assert at == len(params)
        return parts

    def n_params(self):
        return sum(int(np.prod(shape)) for _, _, shape in self.shapes())

    def flatten(self, parts):
        return np.concatenate([np.ravel(parts[name, i]) for name, i, _ in self.shapes()])


@dataclass
class Pass:
    """One forward pass, with what the backward pass needs of it."""

    z: np.ndarray = None  # raw outputs
    x: list = field(default_factory=list)  # input of each layer
    y: list = field(default_factory=list)  # what each activation is a function of
    hat: list = field(default_factory=list)
    slope: list = field(default_factory=list)  # f' times the mask, for each column
    by_slope: list = field(default_factory=list)  # derivative by prelu's slopes, times the mask
    std: list = field(default_factory=list)
    mean: list = field(default_factory=list)  # batch statistics, (1, n)
    var: list = field(default_factory=list)


def normalise(spec, z, weight, running):
    """z^, standard deviation, mean and variance; weight: how often each row counts."""
    if spec.normalization == "layer":
        mean, var = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    elif running is not None:
        mean, var = running
    else:
        mean = np.average(z, axis=0, weights=weight)[None]
        var = np.average((z - mean) ** 2, axis=0, weights=weight)[None]
    std = np.sqrt(var + EPS)
    return (z - mean) / std, std, mean, var


def activate(spec, name, y, slopes):
    """Value, derivative for each column of y, derivative by the slopes."""
    if name == "prelu":
        return prelu(y, slopes)
    if name == "maxout":
        return *maxout(y, spec.pieces), None
    f, derivative = ACTIVATIONS[name]
    return f(y), derivative(y), None


def forward(spec, params, X, masks=None, weight=None, running=None):
    """Forward pass.

    Parameters
    ----------
    masks : list of ndarray, optional
        Factor on each hidden layer's activations, 0 or 1 / (1 - p).
    weight : ndarray of shape (n,), optional
        Sample weights, for batch statistics.
    running : list of (mean, var), optional
        Use these instead of the batch's: prediction.
    """
    parts, done = spec.unflatten(np.asarray(params, float)), Pass()
    x = np.asarray(X, float)
    for i, name in enumerate(spec.hidden):
        done.x.append(x)
        y = z = x @ parts["W", i] + parts["b", i]
        if spec.normalization:
            hat, std, mean, var = normalise(spec, z, weight, running and running[i])
            y = hat * parts["scale", i] + parts["shift", i]
            done.hat.append(hat)
            done.std.append(std)
            done.mean.append(mean)
            done.var.append(var)
        done.y.append(y)
        a, slope, by_slope = activate(spec, name, y, parts.get(("slopes", i)))
        mask = np.ones_like(a) if masks is None else masks[i] * np.ones_like(a)
        done.slope.append(slope * np.tile(mask, slope.shape[1] // a.shape[1]))
        done.by_slope.append(None if by_slope is None else by_slope * mask)
        a = a * mask
        if spec.residual:
            a = a + (x @ parts["P", i] if ("P", i) in parts else x)
        x = a
    done.x.append(x)
    last = len(spec.hidden)
    done.z = x @ parts["W", last] + parts["b", last]
    return done


def backward(spec, params, done, delta, weight=None):
    """Gradient of a loss whose derivative with respect to the raw outputs is ``delta``."""
    parts, grad = spec.unflatten(np.asarray(params, float)), {}
    last = len(spec.hidden)
    grad["W", last], grad["b", last] = done.x[last].T @ delta, delta.sum(axis=0)
    dh = delta @ parts["W", last].T
    share = np.ones(len(delta)) if weight is None else np.asarray(weight, float)
    share = (share / share.sum())[:, None]
    for i in reversed(range(last)):
        dz = dy = np.tile(dh, done.slope[i].shape[1] // dh.shape[1]) * done.slope[i]
        if spec.hidden[i] == "prelu":
            grad["slopes", i] = (dh * done.by_slope[i]).sum(axis=0)
        if spec.normalization:
            hat = done.hat[i]
            grad["scale", i], grad["shift", i] = (dy * hat).sum(axis=0), dy.sum(axis=0)
            g = dy * parts["scale", i]
            if spec.normalization == "layer":
                inner = g.mean(axis=1, keepdims=True) + hat * (g * hat).mean(axis=1, keepdims=True)
            else:
                inner = share * (g.sum(axis=0) + hat * (g * hat).sum(axis=0))
            dz = (g - inner) / done.std[i]
        grad["W", i], grad["b", i] = done.x[i].T @ dz, dz.sum(axis=0)
        below = dz @ parts["W", i].T
        if ("P", i) in parts:
            grad["P", i] = done.x[i].T @ dh
            below = below + dh @ parts["P", i].T
        elif spec.residual:
            below = below + dh
        dh = below
    return spec.flatten(grad)


def random_params(spec, rng):
    """Glorot-uniform matrices, everything else of size one."""
    parts = {}
    for name, i, shape in spec.shapes():
        if len(shape) == 2:
            parts[name, i] = rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape))
        else:
            parts[name, i] = rng.normal(size=shape) * 0.5 + (name == "scale")
    return spec.flatten(parts)
