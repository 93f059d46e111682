"""Learning-rate schedules: what happens to the rate after an epoch and on a plateau.

A schedule is stateless, the current rate belongs to the optimizer.
"""

# "adaptive" gives up below this rate, as scikit-learn does.
_SMALLEST_ADAPTIVE_RATE = 1e-6


class Constant:
    """The rate never changes, a plateau ends training."""

    def after_epoch(self, rate, initial, samples_seen):
        """Return the rate of the next epoch.

        Parameters
        ----------
        rate, initial : float
            Current and initial learning rate.
        samples_seen : int
            Training samples seen so far, over all epochs and calls.
        """
        return rate

    def on_plateau(self, rate):
        """Return ``(rate, message)``; a rate of None ends training."""
        return None, "Stopping."


class InvScaling(Constant):
    """``initial / (samples_seen + 1) ** power_t``."""

    def __init__(self, power_t):
        self.power_t = power_t

    def after_epoch(self, rate, initial, samples_seen):
        return float(initial) / (samples_seen + 1) ** self.power_t


class Adaptive(Constant):
    """A fifth of the rate on every plateau, the end when that has become too small."""

    def on_plateau(self, rate):
        if rate <= _SMALLEST_ADAPTIVE_RATE:
            return None, "Learning rate too small. Stopping."
        rate /= 5.0
        return rate, f"Setting learning rate to {rate:f}"


def make_schedule(name, power_t=0.5):
    """Build the schedule called ``name``: "constant", "invscaling" or "adaptive"."""
    if name == "invscaling":
        return InvScaling(power_t)
    return {"constant": Constant, "adaptive": Adaptive}[name]()
