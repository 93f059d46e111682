"""
Choosing a solver
=================

Training loss of several solvers on handwritten digits, with a constant learning rate and with one
that falls. How low the training loss gets is not how well unseen digits are told apart.
"""

# %%
# Learning rates are not comparable between solvers: 'lion' moves every weight by the same amount,
# and wants about a tenth of Adam's.

import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from fastmlp import MLPClassifier

warnings.simplefilter("ignore", ConvergenceWarning)  # all run for the same number of epochs
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(scale(X), y, random_state=0)
common = {"hidden_layer_sizes": (128, 128), "max_iter": 40, "tol": 0, "random_state": 0}
rates = {"sgd": 0.1, "adam": 0.005, "lion": 0.0005, "muon": 0.005, "schedulefree": 0.02}

# %%
# A constant rate (left) and one that falls to zero along a cosine (right).

figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
for ax, schedule in zip(axes, ("constant", "cosine"), strict=True):
    for solver, rate in rates.items():
        model = MLPClassifier(
            solver=solver, learning_rate_init=rate, learning_rate=schedule, **common
        ).fit(X_train, y_train)
        accuracy = model.score(X_test, y_test)
        ax.semilogy(model.loss_curve_, label=f"{solver}, test accuracy {accuracy:.3f}")
    ax.set(title=f"learning_rate='{schedule}'", xlabel="epoch")
    ax.legend()
axes[0].set_ylabel("training loss")
plt.show()
