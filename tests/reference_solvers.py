"""Every solver in plain NumPy float64, formula by formula: the oracle of the solver tests.

Nothing here knows of fastmlp. A rule is a function of the weights w, the finished gradient g, a
dict of state s that starts empty, the step's number t = 1, 2, ... and learning rate, and the
hyperparameters h; it returns the new weights.
"""

import numpy as np
import reference

DEFAULTS = {
    "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "rho": 0.9, "momentum": 0.9, "nesterov": True,
    "weight_decay": 0.0, "l1": 0.0, "max_norm": None, "gradient_clip": None, "ema_decay": None,
}  # fmt: skip


def mean(s, name, beta, x):
    """Exponential average of x under a name in the state."""
    s[name] = beta * s.get(name, np.zeros_like(x)) + (1 - beta) * x
    return s[name]


def soft_threshold(w, by):
    return np.sign(w) * np.maximum(abs(w) - by, 0)


def sgd(w, g, s, t, rate, h):
    """Sutskever et al. 2013."""
    v = s["v"] = h["momentum"] * s.get("v", 0 * w) - rate * g
    return w + (h["momentum"] * v - rate * g if h["nesterov"] else v)


def adam(w, g, s, t, rate, h):
    """Kingma & Ba 2014, the form at the end of section 2."""
    m, v = mean(s, "m", h["beta_1"], g), mean(s, "v", h["beta_2"], g**2)
    rate = rate * np.sqrt(1 - h["beta_2"] ** t) / (1 - h["beta_1"] ** t)
    return w - rate * m / (np.sqrt(v) + h["epsilon"])


def adamw(w, g, s, t, rate, h):
    """Kingma & Ba 2014, algorithm 1; Loshchilov & Hutter 2019 for its weight decay."""
    m, v = mean(s, "m", h["beta_1"], g), mean(s, "v", h["beta_2"], g**2)
    m, v = m / (1 - h["beta_1"] ** t), v / (1 - h["beta_2"] ** t)
    return w - rate * m / (np.sqrt(v) + h["epsilon"])


def amsgrad(w, g, s, t, rate, h):
    """Reddi, Kale & Kumar 2018."""
    m, v = mean(s, "m", h["beta_1"], g), mean(s, "v", h["beta_2"], g**2)
    top = s["top"] = np.maximum(s.get("top", 0 * w), v)
    m, top = m / (1 - h["beta_1"] ** t), top / (1 - h["beta_2"] ** t)
    return w - rate * m / (np.sqrt(top) + h["epsilon"])


def nadam(w, g, s, t, rate, h):
    """Dozat 2016 as in PyTorch, with its momentum_decay of 0.004."""

    def mu(t):
        return h["beta_1"] * (1 - 0.5 * 0.96 ** (t * 0.004))

    product = s["product"] = s.get("product", 1) * mu(t)
    m, v = mean(s, "m", h["beta_1"], g), mean(s, "v", h["beta_2"], g**2)
    ahead = mu(t + 1) * m / (1 - product * mu(t + 1)) + (1 - mu(t)) * g / (1 - product)
    return w - rate * ahead / (np.sqrt(v / (1 - h["beta_2"] ** t)) + h["epsilon"])


def radam(w, g, s, t, rate, h):
    """Liu et al. 2020."""
    m, v = mean(s, "m", h["beta_1"], g), mean(s, "v", h["beta_2"], g**2)
    m = m / (1 - h["beta_1"] ** t)
    b = h["beta_2"]
    most = 2 / (1 - b) - 1
    rho = most - 2 * t * b**t / (1 - b**t)
    if rho <= 5:
        return w - rate * m
    r = np.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
    return w - rate * r * m * np.sqrt(1 - b**t) / (np.sqrt(v) + h["epsilon"])


def adamax(w, g, s, t, rate, h):
    """Kingma & Ba 2014, algorithm 2."""
    m = mean(s, "m", h["beta_1"], g)
    u = s["u"] = np.maximum(h["beta_2"] * s.get("u", 0 * w), abs(g) + h["epsilon"])
    return w - rate / (1 - h["beta_1"] ** t) * m / u


def adagrad(w, g, s, t, rate, h):
    """Duchi, Hazan & Singer 2011."""
    s["sum"] = s.get("sum", 0) + g**2
    return w - rate * g / (np.sqrt(s["sum"]) + h["epsilon"])


def adadelta(w, g, s, t, rate, h):
    """Zeiler 2012."""
    v = mean(s, "v", h["rho"], g**2)
    d = np.sqrt(s.get("d", 0 * w) + h["epsilon"]) / np.sqrt(v + h["epsilon"]) * g
    mean(s, "d", h["rho"], d**2)
    return w - rate * d


def rmsprop(w, g, s, t, rate, h):
    """Hinton 2012."""
    return w - rate * g / (np.sqrt(mean(s, "v", h["rho"], g**2)) + h["epsilon"])


def lion(w, g, s, t, rate, h):
    """Chen et al. 2023."""
    m = s.get("m", 0 * w)
    direction = np.sign(h["beta_1"] * m + (1 - h["beta_1"]) * g)
    s["m"] = h["beta_2"] * m + (1 - h["beta_2"]) * g
    return w - rate * direction


def adabelief(w, g, s, t, rate, h):
    """Zhuang et al. 2020."""
    m = mean(s, "m", h["beta_1"], g)
    v = s["v"] = h["beta_2"] * s.get("v", 0 * w) + (1 - h["beta_2"]) * (g - m) ** 2 + h["epsilon"]
    m, v = m / (1 - h["beta_1"] ** t), v / (1 - h["beta_2"] ** t)
    return w - rate * m / (np.sqrt(v) + h["epsilon"])


def rprop(w, g, s, t, rate, h):
    """iRprop- of Igel & Huesken 2000, with Riedmiller's constants."""
    turn = g * s.get("g", 0 * w)
    factor = np.where(turn > 0, 1.2, np.where(turn < 0, 0.5, 1))
    s["size"] = np.clip(s.get("size", rate + 0 * w) * factor, 1e-6, 50)
    s["g"] = np.where(turn < 0, 0, g)
    return w - s["size"] * np.sign(s["g"])


def newton_schulz(u):
    """Keller Jordan 2024: a matrix with the singular vectors of u and singular values near 1."""
    x = u if u.shape[0] <= u.shape[1] else u.T
    x = x / max(np.linalg.norm(x), 1e-7)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x if u.shape[0] <= u.shape[1] else x.T


RULES = {
    rule.__name__: rule
    for rule in (sgd, adam, adamw, amsgrad, nadam, radam, adamax, adagrad, adadelta, rmsprop, lion,
                 adabelief, rprop)
}  # fmt: skip


class Solver:
    """A solver with what goes with all of them, on the flat vector of a network.

    Attributes
    ----------
    w : ndarray (n_params,)
        Where gradients are taken.
    average : ndarray (n_params,)
        What predicts.
    """

    def __init__(self, name, params, layer_sizes, **hyper):
        self.name, self.sizes = name, tuple(layer_sizes)
        self.h = {**DEFAULTS, **hyper}
        self.w = np.array(params, float)
        self.average = self.w.copy()
        self.state, self.t, self.rate_sum = {}, 0, 0.0
        self.n_weights = sum(matrix.size for matrix in self.matrices(self.w))

    def matrices(self, flat):
        """Views of the weight matrices, which a flat vector begins with."""
        return reference.unflatten(flat, self.sizes)[0]

    def step(self, g, rate):
        """One step with a gradient that has the L2 penalty in it."""
        h = self.h
        self.t += 1
        g = np.array(g, float)
        if h["gradient_clip"] is not None:
            g *= min(1, h["gradient_clip"] / np.linalg.norm(g))
        is_weight = np.arange(g.size) < self.n_weights
        if self.name == "schedulefree":
            self.schedulefree(g, rate, is_weight)
        else:
            w = np.where(is_weight, self.w * (1 - rate * h["weight_decay"]), self.w)
            w = self.muon(w, g, rate) if self.name == "muon" else self.rule(w, g, rate)
            self.w = np.where(is_weight, soft_threshold(w, rate * h["l1"]), w)
        if h["max_norm"] is not None:
            self.cap()
        if self.name != "schedulefree":
            d = h["ema_decay"] or 0  # the mean of d^(t - i) w_i, whose weights sum to 1
            mix = (1 - d) / (1 - d**self.t)
            self.average = (1 - mix) * self.average + mix * self.w

    def rule(self, w, g, rate):
        return RULES[self.name](w, g, self.state, self.t, rate, self.h)

    def schedulefree(self, g, rate, is_weight):
        """Defazio et al. 2024: w is y, average is x."""
        h = self.h
        z = self.state.setdefault("z", self.w.copy())
        v = mean(self.state, "v", h["beta_2"], g**2) / (1 - h["beta_2"] ** self.t)
        z = z - rate * (g / (np.sqrt(v) + h["epsilon"]) + is_weight * h["weight_decay"] * self.w)
        z = self.state["z"] = np.where(is_weight, soft_threshold(z, rate * h["l1"]), z)
        self.rate_sum += rate**2
        c = rate**2 / self.rate_sum
        self.average = (1 - c) * self.average + c * z
        self.w = (1 - h["beta_1"]) * z + h["beta_1"] * self.average

    def muon(self, w, g, rate):
        """AdamW, but for the matrices between two hidden layers."""
        new = adamw(w, g, self.state, self.t, rate, self.h)
        matrices, gradients, stepped = map(self.matrices, (w, g, new))
        for i in range(1, len(matrices) - 1):
            m = mean(self.state, i, 0.95, gradients[i])
            o = newton_schulz(0.05 * gradients[i] + 0.95 * m)
            n_in, n_out = o.shape
            stepped[i][:] = matrices[i] - rate * np.sqrt(max(1, n_out / n_in)) * o
        return new

    def cap(self):
        """Bring each unit's incoming weights down to the norm allowed."""
        points = [self.w]
        if self.name == "schedulefree":
            points += [self.state["z"], self.average]
        for point in points:
            for matrix in self.matrices(point):
                norms = np.linalg.norm(matrix, axis=0)
                matrix *= np.minimum(1, self.h["max_norm"] / np.maximum(norms, 1e-300))
