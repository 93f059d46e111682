"""Record what torch.optim does: 20 full-batch steps of a small float64 network, solver by solver.

    python tests/data/torch_trajectories.py     writes torch_trajectories.npz beside this file

The network is 5-4-3-2 with tanh; the loss is scikit-learn's half squared error per row, plus its L2
penalty where a case has `alpha`. Muon's matrix is the one between the hidden layers, all else is
AdamW's; torch orthogonalizes it in bfloat16, which is made float64 here.
"""

from itertools import pairwise
from pathlib import Path
from unittest import mock

import numpy as np

FILE = Path(__file__).with_suffix(".npz")
SIZES = (5, 4, 3, 2)
N_STEPS = 20
RECORDED = [0, 1, 2, 4, 9, 19]  # steps kept in the file

# name: solver, our hyperparameters, torch's class, its arguments for weights, and for biases
# beside the learning rate and those that carry the same name.
CASES = {
    "sgd": ("sgd", {"momentum": 0.9, "nesterov": False}, "SGD", {"momentum": 0.9}),
    "nesterov": ("sgd", {"momentum": 0.8, "nesterov": True}, "SGD",
                 {"momentum": 0.8, "nesterov": True}),
    "adamw": ("adamw", {"weight_decay": 0.1}, "AdamW", {"weight_decay": 0.1}),
    "adamw-alpha": ("adamw", {"alpha": 0.5, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-3}, "AdamW",
                    {"betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0}),
    "amsgrad": ("amsgrad", {"beta_2": 0.9}, "Adam", {"betas": (0.9, 0.9), "amsgrad": True}),
    "nadam": ("nadam", {}, "NAdam", {}),
    "nadam-decay": ("nadam", {"weight_decay": 0.1}, "NAdam",
                    {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": ("radam", {}, "RAdam", {}),
    "radam-decay": ("radam", {"beta_2": 0.95, "weight_decay": 0.1}, "RAdam",
                    {"betas": (0.9, 0.95), "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "adamax": ("adamax", {}, "Adamax", {}),
    "adagrad": ("adagrad", {"epsilon": 1e-10}, "Adagrad", {}),
    "adadelta": ("adadelta", {"epsilon": 1e-6}, "Adadelta", {}),
    "rmsprop": ("rmsprop", {"rho": 0.99}, "RMSprop", {}),
    "rprop": ("rprop", {}, "Rprop", {}),
    "muon": ("muon", {"weight_decay": 0.1}, "Muon", {"weight_decay": 0.1}),
}  # fmt: skip
RATES = {"adagrad": 0.05, "adadelta": 1.0, "sgd": 0.05, "nesterov": 0.05}


def problem():
    """X, y and the flat parameters to start from."""
    rng = np.random.RandomState(20)
    n_params = sum((a + 1) * b for a, b in pairwise(SIZES))
    X = rng.normal(size=(12, SIZES[0]))
    y = np.stack([np.sin(X[:, 0]), X[:, 1] * X[:, 2]], axis=1)
    return X, y, rng.uniform(-0.8, 0.8, n_params)


def optimizers_of(name, weights, biases):
    """torch's optimizers for a case; two with Muon, which takes matrices alone."""
    import torch

    _, _, kind, arguments = CASES[name]
    rate = RATES.get(name, 0.01)
    if kind == "Muon":
        rest = [{"params": [weights[0], weights[2]]}, {"params": biases, "weight_decay": 0.0}]
        return [
            torch.optim.Muon([weights[1]], lr=rate, **arguments),
            torch.optim.AdamW(rest, lr=rate, **arguments),
        ]
    groups = [{"params": weights}, {"params": biases, "weight_decay": 0.0}]
    if "weight_decay" not in arguments:
        groups = weights + biases
    return [getattr(torch.optim, kind)(groups, lr=rate, **arguments)]


def trajectory(name):
    """Flat parameters after every step, (N_STEPS, n_params), by the torch that is installed."""
    import torch

    alpha = CASES[name][1].get("alpha", 0)
    exact = mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # NAdam keeps a scalar in it
    try:
        X, y, flat = map(torch.tensor, problem())
        weights, biases, at = [], [], 0  # (n_out, n_in) as in torch.nn.Linear
        for n_in, n_out in pairwise(SIZES):
            weights.append(flat[at : at + n_in * n_out].reshape(n_in, n_out).T.clone())
            at += n_in * n_out
        for n_out in SIZES[1:]:
            biases.append(flat[at : at + n_out].clone())
            at += n_out
        for tensor in weights + biases:
            tensor.requires_grad_()
        optimizers = optimizers_of(name, weights, biases)
        found = []
        for _ in range(N_STEPS):
            a = X
            for i, (W, b) in enumerate(zip(weights, biases, strict=True)):
                a = a @ W.T + b
                a = torch.tanh(a) if i < len(weights) - 1 else a
            loss = 0.5 * ((a - y) ** 2).sum() / len(X)
            penalty = sum((W**2).sum() for W in weights)
            for optimizer in optimizers:
                optimizer.zero_grad()
            (loss + 0.5 * alpha / len(X) * penalty).backward()
            with exact:
                for optimizer in optimizers:
                    optimizer.step()
            now = [W.detach().T for W in weights] + [b.detach() for b in biases]
            found.append(torch.cat([t.ravel() for t in now]).numpy().copy())
        return np.stack(found)
    finally:
        torch.set_default_dtype(before)


if __name__ == "__main__":
    np.savez_compressed(FILE, **{name: trajectory(name)[RECORDED] for name in CASES})
