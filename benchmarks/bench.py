"""What a topic is given: options, who takes part, the limits; and how its rows are made."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

from machine import Limits
from timing import PAUSE, take_turns


@dataclass
class Bench:
    """Settings of a run.

    Parameters
    ----------
    libraries : set of str
    n_threads : int
        What fastmlp's n_threads=None means here; the most that any library gets.
    limits : Limits
    repeats : int
        Turns of each side.
    seconds : float
        Least length of a turn.
    rows_scale : float
        Factor on the number of rows, for trials.
    sweep : int
        Number of random shapes.
    data : Path or None
        Folder with real data and a load.py.
    pause, patience : float
        Seconds of silence before each turn, after waiting for the machine so long at most.
    """

    libraries: set
    n_threads: int
    limits: Limits
    repeats: int = 5
    seconds: float = 0.1
    rows_scale: float = 1.0
    sweep: int = 60
    data: Path | None = None
    pause: float = PAUSE
    patience: float = 1.0

    def rows(self, n_rows, least=10):
        """A number of rows, scaled."""
        return max(least, round(n_rows * self.rows_scale))

    def rest(self):
        """Before a turn: let neighbours and idle threads come to an end."""
        self.limits.wait(self.patience)
        time.sleep(self.pause)

    def race(self, sides, dtype=None, **options):
        """Time the sides, then the FMA peak, so that it is measured all through the run."""
        settings = {"repeats": self.repeats, "seconds": self.seconds, "rest": self.rest}
        result = take_turns(sides, **{**settings, **options})
        if dtype is not None:
            time.sleep(self.pause)
            self.limits.measure_peak(dtype, self.seconds)
        return result

    def can_compile(self, side):
        """Try a compiled side once: torch.compile needs a C++ compiler. Complain if it fails."""
        try:
            with side.context():
                side.call()
        except Exception as error:
            lines = str(error).strip().splitlines() or [repr(error)]
            print(f"{side.name} is left out: {lines[0]}", file=sys.stderr)
            return False
        return True


def shape_row(shape, sides):
    """A row of the report about one shape; what `figures.py` works with."""
    return {
        "name": shape.name,
        "network": shape.network,
        "features": shape.features,
        "hidden": list(shape.hidden),
        "outputs": shape.outputs,
        "batch": shape.batch,
        "dtype": shape.dtype,
        "activation": shape.activation,
        "task": shape.task,
        "rows": shape.rows,
        "epochs": shape.epochs,
        "samples": shape.rows * shape.epochs,
        "flops": shape.flops_per_row * shape.rows * shape.epochs,
        "bytes": shape.bytes_per_row * shape.rows * shape.epochs,
        "sides": sides,
        "targets": shape.targets,
    }
