"""Private names of scikit-learn's MLP that other people's code reads or calls.

Nothing in fastmlp uses them. They are computed from what the estimator really keeps, and an
instance may be given attributes of these names, as code that copies ``vars`` of a scikit-learn
model does.
"""

import numpy as np
from scipy.special import expit
from sklearn.utils.extmath import safe_sparse_dot, softmax

from ._core import loss_grad
from ._validation import layer_activations, to_engine
from ._weights import Weights, views

ACTIVATIONS = {
    "identity": lambda z: z,
    "logistic": expit,
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "exp": np.exp,
    "softplus": lambda z: np.logaddexp(0, z),
    "softmax": softmax,
}


class _Derived:
    """A computed attribute which, other than a property's, an instance may replace."""

    def __init__(self, function):
        self.function = function

    def __get__(self, instance, owner=None):
        return self if instance is None else self.function(instance)


class SklearnNames:
    """Mixin of the names."""

    @_Derived
    def _best_coefs(self):
        """With early stopping the best weights are the model's, always."""
        return self.coefs_

    @_Derived
    def _best_intercepts(self):
        return self.intercepts_

    @_Derived
    def _coef_indptr(self):
        """(start, stop, shape) of every weight matrix in the flat vector."""
        weights = self._current_weights()
        stops = np.cumsum([coef.size for coef in weights.coefs]).tolist()
        return [
            (stop - c.size, stop, c.shape) for stop, c in zip(stops, weights.coefs, strict=True)
        ]

    @_Derived
    def _intercept_indptr(self):
        """(start, stop) of every bias vector in the flat vector."""
        weights = self._current_weights()
        first = sum(coef.size for coef in weights.coefs)
        stops = (first + np.cumsum([b.size for b in weights.intercepts])).tolist()
        return [(stop - b.size, stop) for stop, b in zip(stops, weights.intercepts, strict=True)]

    def _forward_pass(self, activations):
        """Fill ``activations[1:]`` with the activations of every layer for ``activations[0]``."""
        # A private method of scikit-learn that its tests call, nothing of ours: it knows
        # scikit-learn's networks, and refuses others rather than compute something else.
        if any(getattr(self, name) for name in ("normalization", "residual")):
            raise NotImplementedError("_forward_pass has no normalization and no residual.")
        last = len(self.coefs_) - 1
        names = layer_activations(self.activation, last)
        for i, (coef, intercept) in enumerate(zip(self.coefs_, self.intercepts_, strict=True)):
            name = self.out_activation_ if i == last else names[i]
            activations[i + 1] = ACTIVATIONS[name](
                safe_sparse_dot(activations[i], coef) + intercept
            )
        return activations

    def _forward_pass_fast(self, X, check_input=True):
        """Output of the last layer."""
        return self._forward(X, check_input=check_input)

    def _loss_grad_lbfgs(
        self,
        packed_coef_inter,
        X,
        y,
        sample_weight,
        activations,
        deltas,
        coef_grads,
        intercept_grads,
    ):
        """Loss and flat gradient at ``packed_coef_inter``, which becomes the model's parameters.

        ``coef_grads`` and ``intercept_grads`` are filled, ``activations`` and ``deltas`` are not.
        """
        layout = self._current_weights().layout
        dtype = np.dtype(np.float32 if X.dtype == np.float32 else np.float64)
        weights = Weights(np.array(packed_coef_inter, dtype=dtype), layout)
        if self.out_activation_ == "softmax":
            targets = np.argmax(y, axis=1).astype(np.int32)
        else:
            targets = np.ascontiguousarray(y, dtype=dtype).reshape(len(y), -1)
        if sample_weight is not None:
            sample_weight = np.ascontiguousarray(sample_weight, dtype=dtype)
        grad = np.empty_like(weights.flat)
        loss = loss_grad(
            self._network(weights),
            weights.flat,
            to_engine(X, dtype),
            targets,
            sample_weight,
            float(self.alpha),
            grad,
        )
        self._install(weights)
        coef_grads[:], intercept_grads[:], _ = views(grad, layout)
        return loss, grad
