"""Gradients of random combinations of all that the menu has: activations, losses with their output
activations, normalization, residuals, dropout and noise of given masks, weights, sparse rows.

Each is held against 4-point differences of the engine's own loss and against the formulas.
"""

import numpy as np
import pytest
import reference_layers
from activation_formulas import KINKS
from core.problems import HEADS, Problem, close, random_head
from core.test_layers import SEED, Case
from loss_formulas import link, loss_and_slope

from fastmlp import _core

COMBINATIONS = 600
H = 3e-4  # the differences' error is of the order of h^4
KINK = 0.01  # no input this close to a kink, so that no difference steps over it
SPREAD = 0.3  # no variance below the square of it: 1 / sqrt(var) would bend too much
HIDDEN = list(_core.ACTIVATIONS)


def normalization_of(number):
    return [None, "batch", "layer"][number // 7 % 3]


class Combination(Case):
    """A random network of the menu with rows for it; the number says what is surely in it."""

    def __init__(self, rng, number):
        depth = 1 + int(rng.integers(3))
        hidden = [HIDDEN[number % len(HIDDEN)], *rng.choice(HIDDEN, depth - 1)]
        rng.shuffle(hidden)
        n_outputs, self.head = random_head(rng, HEADS[number % len(HEADS)])
        sizes = (3, *rng.choice([2, 3, 3, 4], depth), n_outputs)
        sparse = bool(rng.integers(2))
        options = {
            "normalization": normalization_of(number),
            "residual": bool(rng.integers(2)),
            "dropout": [float(rng.choice([0, 0.3, 0.6])) for _ in hidden],
            "input_dropout": float(rng.choice([0, 0.3])),
            "input_noise": 0.0 if sparse else float(rng.choice([0, 0.2])),
        }
        data = Problem(
            rng, np.float64, sizes, hidden=["identity"] * depth, n=6,
            weights=[None, "random", "some zero"][rng.integers(3)],
            density=0.6 if sparse else None, index_dtype=[np.int32, np.int64][rng.integers(2)],
            **self.head,
        )  # fmt: skip
        self.spec = reference_layers.Spec(
            sizes, tuple(hidden), options["normalization"], options["residual"],
            int(rng.integers(2, 4)),
        )  # fmt: skip
        args, smoothing, groups = (data.head[name] for name in ("args", "smoothing", "groups"))
        self.net = _core.Network(
            sizes, hidden, data.output, data.loss, float, loss_args=args,
            label_smoothing=smoothing, groups=groups, maxout_pieces=self.spec.pieces, **options,
        )  # fmt: skip
        self.loss_of = data.loss, data.output
        self.loss_options = args, smoothing, groups
        self.dropout = options["dropout"]
        self.input_dropout, self.input_noise = options["input_dropout"], options["input_noise"]
        self.params = reference_layers.random_params(self.spec, rng)
        self.X, self.dense, self.y, self.Y, self.weight = (
            data.X, data.dense, data.y, data.Y, data.weight,
        )  # fmt: skip
        self.w = np.ones(data.n) if data.weight is None else data.weight
        self.done = reference_layers.forward(
            self.spec, self.params, self.inputs(), self.masks(), self.w
        )

    def is_smooth(self):
        """Whether differences may be taken: no kink nearby, nothing divided by next to nothing."""
        present = self.w > 0
        for name, y in zip(self.spec.hidden, self.done.y, strict=True):
            if name == "maxout":
                pieces = np.sort(y.reshape(len(y), self.spec.pieces, -1), axis=1)
                if (pieces[:, -1] - pieces[:, -2]).min() < KINK:
                    return False
            for kink in KINKS.get(name, [0.0] if name == "prelu" else []):
                if abs(y - kink).min() < KINK:
                    return False
        for std in self.done.std:
            if std[present if len(std) > 1 else 0].min() < SPREAD:
                return False
        loss, output = self.loss_of
        if loss in ("absolute_error", "quantile", "huber"):
            levels = self.loss_options[0]
            Y = np.repeat(self.Y, len(levels) if loss == "quantile" else 1, axis=1)
            d = abs(link(output, self.done.z)[0] - Y)
            return abs(d - (levels[0] if loss == "huber" else 0)).min() > KINK
        return True

    def expected(self, alpha):
        """Loss and gradient by the formulas."""
        value, slope = loss_and_slope(*self.loss_of, self.done.z, self.Y, *self.loss_options)
        share = self.w / self.w.sum()
        gradient = reference_layers.backward(
            self.spec, self.params, self.done, slope * share[:, None], self.w
        )
        parts = self.spec.unflatten(self.params)
        decay = {k: alpha * v * (k[0] in ("W", "P")) / self.w.sum() for k, v in parts.items()}
        penalty = alpha / 2 * self.squares(self.params) / self.w.sum()
        return value @ share + penalty, gradient + self.spec.flatten(decay)

    def squares(self, params):
        """Sum of what is penalized."""
        parts = self.spec.unflatten(params)
        return sum((part**2).sum() for (name, _), part in parts.items() if name in ("W", "P"))

    def differences(self, trainer, alpha):
        """Of the engine's loss. That of the squared error is the mean over outputs, its gradient
        that of the sum, as scikit-learn's."""
        factor = self.net.n_outputs if self.loss_of[0] == "squared_error" else 1
        params, rest, want = self.params.copy(), np.empty_like(self.params), []
        for i, at in enumerate(self.params):
            values = []
            for step in (-2, -1, 1, 2):
                params[i] = at + step * H
                trainer.write(params)
                data = trainer.loss_grad(0.0, rest) * factor
                values.append(data + alpha / 2 * self.squares(params) / self.w.sum())
            params[i] = at
            want.append((values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * H))
        return np.array(want)


def smooth_combination(number):
    rng = np.random.default_rng(number)
    for _ in range(5000):
        case = Combination(rng, number)
        if case.is_smooth():
            return case
    raise AssertionError("no problem without kinks found")


@pytest.mark.parametrize("number", range(COMBINATIONS))
def test_combination(number):
    case, alpha = smooth_combination(number), 0.1
    gradient = np.empty_like(case.params)
    trainer = _core.Trainer(
        case.net, None, case.params, None, case.X, case.y, case.weight, len(case.y), seed=SEED
    )
    loss = trainer.loss_grad(alpha, gradient)
    want_loss, want = case.expected(alpha)
    close(loss, want_loss, 1e-11)
    close(gradient, want, 1e-10)
    close(gradient, case.differences(trainer, alpha), 1e-6)


def test_combinations_cover_the_menu():
    """Every activation and every loss with each of its outputs, with every normalization."""
    for menu in (HIDDEN, HEADS):
        pairs = {(n % len(menu), normalization_of(n)) for n in range(COMBINATIONS)}
        assert len(pairs) == 3 * len(menu), "more COMBINATIONS are needed"
