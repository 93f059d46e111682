"""
Quantiles that never cross
==========================

The spread of the targets grows with x. One network with three outputs learns the 10 %, 50 % and
90 % quantiles together, so that no band crosses another.
"""

import matplotlib.pyplot as plt
import numpy as np

from fastmlp import MLPRegressor

rng = np.random.default_rng(0)
x = rng.uniform(0, 6, size=(2000, 1))
y = np.sin(x[:, 0]) + rng.normal(scale=0.05 + 0.1 * x[:, 0])

quantiles = [0.1, 0.5, 0.9]
model = MLPRegressor(
    "quantile",
    (64, 64),
    quantile=quantiles,
    learning_rate_init=0.003,
    max_iter=400,
    early_stopping=True,
    random_state=0,
)
model.fit(x, y)

grid = np.linspace(0, 6, 200)[:, None]
low, middle, high = model.predict(grid).T

figure, axes = plt.subplots(figsize=(7, 4))
axes.plot(x, y, ".", color="0.7", markersize=2, label="training rows")
axes.fill_between(grid[:, 0], low, high, alpha=0.3, label="10 % to 90 %")
axes.plot(grid, middle, label="median")
axes.set(xlabel="x", ylabel="y")
axes.legend()

# %%
# The share of training rows below each quantile:

for q, predicted in zip(quantiles, model.predict(x).T, strict=True):
    print(f"{q:.0%} quantile: {np.mean(y <= predicted):.1%} of the rows")
plt.show()
