"""torch: a plain training loop with fused Adam, eager and compiled, and inference."""

import contextlib
import itertools

import numpy as np
import torch
from timing import Side

from .estimators import thread_counts, threads_word

ACTIVATIONS = {
    "identity": torch.nn.Identity,
    "logistic": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
}
ALPHA = 1e-4  # the estimators' default penalty


@contextlib.contextmanager
def torch_threads(n_threads):
    """Give torch so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def make_model(shape):
    """Return the network without its output activation."""
    layers = []
    for a, b in itertools.pairwise(shape.sizes):
        layers += [torch.nn.Linear(a, b), ACTIVATIONS[shape.activation]()]
    return torch.nn.Sequential(*layers[:-1]).to(getattr(torch, shape.dtype))


class TrainingLoop:
    """A network and its data, trained the way the estimators train.

    Tensors are made before any clock runs. Every epoch has its own permutation; batches are taken
    with one index_select from the whole tensor. The estimators' penalty is the optimizer's
    weight_decay. The loss of a step is not read, which the estimators do.

    Parameters
    ----------
    shape : Shape
    X, y : ndarray
    compiled : bool
        Compile the step (forward, loss, backward) for this shape.
    """

    def __init__(self, shape, X, y, compiled=False):
        self.shape = shape
        self.model = make_model(shape)
        self.initial = [p.detach().clone() for p in self.model.parameters()]
        self.inputs = torch.from_numpy(X)
        self.targets, self.loss_function = targets_and_loss(shape, y)
        self.step = self.loss_and_gradients
        if compiled:
            torch.compiler.reset()  # what was compiled for other shapes is still looked through
            self.step = torch.compile(self.loss_and_gradients, dynamic=False)
        self.restart()

    def loss_and_gradients(self, x, y):
        """Forward, loss, backward."""
        self.loss_function(self.model(x), y).backward()

    def restart(self, weights=None):
        """Begin anew, from the first weights or from these (a list as ``model.parameters()``)."""
        with torch.no_grad():
            for p, start in zip(self.model.parameters(), weights or self.initial, strict=True):
                p.copy_(start)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=1e-3, weight_decay=ALPHA / self.shape.batch, fused=True
        )

    def train(self, epochs):
        """Train for some epochs."""
        for _ in range(epochs):
            for rows in torch.randperm(len(self.inputs)).split(self.shape.batch):
                self.optimizer.zero_grad()
                self.step(self.inputs.index_select(0, rows), self.targets.index_select(0, rows))
                self.optimizer.step()

    def fit(self):
        """Do what ``fit`` of an estimator does."""
        self.restart()
        self.train(self.shape.epochs)


def targets_and_loss(shape, y):
    """Return targets as torch wants them, and the loss."""
    if shape.task == "regression":
        return torch.from_numpy(y.reshape(len(y), -1)), torch.nn.MSELoss()
    if shape.sizes[-1] == 1:
        y = y.astype(shape.dtype).reshape(-1, 1)
        return torch.from_numpy(y), torch.nn.BCEWithLogitsLoss()
    return torch.from_numpy(y.astype(np.int64)), torch.nn.CrossEntropyLoss()


BOTH = ("torch", "torch.compile")


def sides(bench, call_of, variants=("",), libraries=BOTH):
    """Make torch's sides: eager and compiled, each with all threads and with one.

    Parameters
    ----------
    bench : Bench
    call_of : callable
        ``call_of(compiled, variant)`` returns the function to time.
    variants : sequence of str
        Ways of doing the work, for the name; the better counts.
    libraries : sequence of str
        Without "torch.compile" where that would take too long.

    Returns
    -------
    list of Side
    """
    found = []
    for library in sorted(bench.libraries.intersection(libraries)):
        for variant in variants:
            call = call_of(library == "torch.compile", variant)
            for n in thread_counts(bench.n_threads):
                words = ", ".join(filter(None, (threads_word(n), variant)))
                side = Side(library, call, words, lambda n=n: torch_threads(n))
                if library == "torch" or bench.can_compile(side):
                    found.append(side)
    return found


def fit_sides(bench, shape, X, y, **options):
    """Sides that train from the first weights for ``shape.epochs`` epochs."""
    return sides(bench, lambda compiled, _: TrainingLoop(shape, X, y, compiled).fit, **options)


def inference(shape, estimator, compiled=False):
    """Return a function from a tensor to a tensor of probabilities, with an estimator's weights."""
    model = make_model(shape)
    with torch.no_grad():
        layers = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
        for layer, w, b in zip(layers, estimator.coefs_, estimator.intercepts_, strict=True):
            layer.weight.copy_(torch.from_numpy(w.T.copy()))
            layer.bias.copy_(torch.from_numpy(b.copy()))
    last = torch.nn.Sigmoid() if shape.sizes[-1] == 1 else torch.nn.Softmax(dim=1)
    model = torch.nn.Sequential(*model, last).eval()
    if compiled:
        torch.compiler.reset()
        model = torch.compile(model, dynamic=False)
    return torch.inference_mode()(lambda x: model(x))
