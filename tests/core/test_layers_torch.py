"""Normalization, dropout of given masks and residuals: outputs, gradients and running statistics
beside PyTorch's autograd in float64."""

import itertools

import numpy as np
import pytest
from core.problems import close
from core.test_layers import Case

from fastmlp import _core

torch = pytest.importorskip("torch")
functional = torch.nn.functional

ACTIVATIONS = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "elu": functional.elu,
    "hard_swish": functional.hardswish,
    "mish": functional.mish,
}
CHOICES = list(
    itertools.product([None, "batch", "layer"], [False, True], [0.0, 0.4], [False, True])
)


class Twin:
    """A case's network in PyTorch."""

    def __init__(self, case):
        self.case, self.spec = case, case.spec
        self.parts = {
            key: torch.tensor(part, requires_grad=True)
            for key, part in case.spec.unflatten(case.params).items()
        }
        self.running = [
            (torch.zeros(n, dtype=torch.float64), torch.ones(n, dtype=torch.float64))
            for n in case.spec.sizes[1:-1]
        ]

    def normalised(self, i, z, training):
        scale, shift = self.parts["scale", i], self.parts["shift", i]
        if self.spec.normalization == "layer":
            return functional.layer_norm(z, z.shape[1:], scale, shift)
        return functional.batch_norm(z, *self.running[i], scale, shift, training=training)

    def forward(self, x, masks=None):
        """Raw outputs; masks: training."""
        for i, name in enumerate(self.spec.hidden):
            y = x @ self.parts["W", i] + self.parts["b", i]
            if self.spec.normalization:
                y = self.normalised(i, y, masks is not None)
            h = ACTIVATIONS[name](y) * (1 if masks is None else torch.tensor(masks[i]))
            if self.spec.residual:
                projected = ("P", i) in self.parts
                h = h + (x @ self.parts["P", i] if projected else x)
            x = h
        last = len(self.spec.hidden)
        return x @ self.parts["W", last] + self.parts["b", last]

    def gradient(self):
        """Loss and flat gradient of all rows in training."""
        z = self.forward(torch.tensor(self.case.inputs()), self.case.masks())
        loss = functional.cross_entropy(z, torch.tensor(self.case.y, dtype=torch.int64))
        loss.backward()
        return loss.item(), self.spec.flatten({k: p.grad.numpy() for k, p in self.parts.items()})

    def predict(self, X):
        with torch.no_grad():
            return self.forward(torch.tensor(X)).numpy()


@pytest.mark.parametrize(("normalization", "residual", "dropout", "sparse"), CHOICES)
def test_like_torch(normalization, residual, dropout, sparse, rng):
    for sizes in [(6, 4, 3), (9, 9, 17, 17, 4), (20, 33, 3, 5)]:
        case = Case(
            rng, sizes, normalization=normalization, residual=residual, dropout=dropout,
            input_dropout=dropout / 2, input_noise=0.0 if sparse else dropout, sparse=sparse,
            hidden=list(rng.choice(list(ACTIVATIONS), len(sizes) - 2)), n=31,
        )  # fmt: skip
        twin = Twin(case)
        want_loss, want = twin.gradient()
        loss, gradient, _ = case.gradient(0.0)
        close(loss, want_loss, 1e-12)
        close(gradient, want, 1e-11)

        # A step at a rate of next to nothing moves the running statistics as PyTorch's are.
        trainer = case.trainer("sgd", len(case.Y))
        trainer.train(None, 0, len(case.Y), step=0, learning_rate=1e-300, alpha=0.0)
        running = np.empty(case.net.n_running)
        trainer.read_running(running)
        if normalization == "batch":
            statistics = [s.numpy() for pair in twin.running for s in pair]
            close(running, np.concatenate(statistics), 1e-12)
        close(trainer.forward(case.X, raw=True), twin.predict(case.dense), 1e-11)
        got = _core.forward(case.net, case.params, case.X, raw=True, running=running)
        assert np.array_equal(got, trainer.forward(case.X, raw=True))
