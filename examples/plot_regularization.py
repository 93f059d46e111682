"""
What regularization does
========================

Two noisy half moons, few rows, a network with far more freedom than it needs. Each panel holds one
thing against it; the title has the accuracy on 2,000 rows that training has not seen.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)  # 'nothing' would go on and on
X, y = make_moons(120, noise=0.35, random_state=0)
X_test, y_test = make_moons(2000, noise=0.35, random_state=1)
common = {"learning_rate_init": 0.01, "max_iter": 400, "tol": 0, "n_iter_no_change": 60}
against = {
    "nothing": {"alpha": 0.0},
    "alpha=1": {"alpha": 1.0},
    "dropout=0.3": {"dropout": 0.3},
    "input_noise=0.3": {"input_noise": 0.3},
    "label_smoothing=0.3": {"label_smoothing": 0.3},
    "early_stopping": {"early_stopping": True},
}

# %%
# Shades are probabilities: a network that is never held back is sure of itself everywhere.

x1, x2 = np.meshgrid(np.linspace(-2, 3, 200), np.linspace(-1.7, 2.2, 200))
figure, axes = plt.subplots(2, 3, figsize=(10, 6), sharex=True, sharey=True, layout="constrained")
for ax, (name, parameters) in zip(axes.flat, against.items(), strict=True):
    model = MLPClassifier((128, 128), random_state=0, **common, **parameters)
    model.fit(X, y)
    p = model.predict_proba(np.c_[x1.ravel(), x2.ravel()])[:, 1].reshape(x1.shape)
    ax.contourf(x1, x2, p, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.7)
    ax.scatter(*X.T, c=y, cmap="RdBu_r", edgecolors="k", s=18)
    ax.set_title(f"{name}: {model.score(X_test, y_test):.3f}")
plt.show()
