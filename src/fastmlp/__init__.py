"""fastmlp: multilayer perceptrons on CPUs, a drop-in for those of scikit-learn."""

import os

# First of all, before NumPy's and scikit-learn's libraries take the room: the OpenMP runtime needs
# static thread-local storage, of which a process has little.
from . import _core  # isort: skip
from ._classifier import MLPClassifier
from ._regressor import MLPRegressor
from ._show import show_config
from ._version import __version__

__all__ = ["MLPClassifier", "MLPRegressor", "__version__", "show_config"]


def _choose_isa(wanted):
    """Use the best instruction set of this machine, or the one wanted."""
    available = _core.available_isas()
    if not wanted:
        wanted = available[-1]
    elif wanted not in available:
        raise ValueError(
            f"FASTMLP_ISA={wanted!r} is not an instruction set that this build and this machine "
            f"have; valid names are {', '.join(available)}"
        )
    _core.set_isa(wanted)


_choose_isa(os.environ.get("FASTMLP_ISA"))
