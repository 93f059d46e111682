"""Interleaved timing: the sides of a comparison take turns, and every turn is kept."""

import contextlib
import gc
import math
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

# A library's threads go on waiting for more work in a loop, on the processor that the next side
# needs: OpenBLAS for 2**26 cycles, OpenMP and onnxruntime for a few milliseconds.
PAUSE = 0.03

# Variants of a library (threads, block sizes) this much slower than its best one while the number
# of calls is found are out of the race: only the best one counts.
OUT_OF_THE_RACE = 1.5


@dataclass(frozen=True)
class Side:
    """One participant.

    Parameters
    ----------
    library : str
        "fastmlp", "sklearn", "torch", "torch.compile" or "onnxruntime".
    call : callable
        Does one piece of work; the same work on each side.
    variant : str, default=""
        What is particular, for the name.
    context : callable, default=nullcontext
        Returns a context manager entered around each turn and not timed, for thread counts.
    counts : bool, default=True
        Whether the library's figure may come from this side. Sides that do not count are there to
        be looked at, and stay until the end.
    """

    library: str
    call: Callable[[], object]
    variant: str = ""
    context: Callable[[], AbstractContextManager] = contextlib.nullcontext
    counts: bool = True

    @property
    def name(self):
        """The library and what is particular."""
        return f"{self.library}, {self.variant}" if self.variant else self.library


def silence():
    """What precedes a turn unless the caller knows better."""
    time.sleep(PAUSE)


def mean_of_calls(call, n_calls):
    """Seconds a call, over a turn."""
    start = time.perf_counter()
    for _ in range(n_calls):
        call()
    return (time.perf_counter() - start) / n_calls


def nanoseconds_of_calls(call, n_calls):
    """What each call takes."""
    clock = time.perf_counter_ns
    found = []
    for _ in range(n_calls):
        start = clock()
        call()
        found.append(clock() - start)
    return found


def median_of_calls(call, n_calls):
    """Median of the seconds of single calls, for those that take microseconds."""
    return statistics.median(nanoseconds_of_calls(call, n_calls)) * 1e-9


def best_of_calls(call, n_calls):
    """Least seconds of single calls, to be held against limits that are measured likewise."""
    return min(nanoseconds_of_calls(call, n_calls)) * 1e-9


def take_turn(side, n_calls, rest, clock=mean_of_calls):
    """Let one side work for ``n_calls`` calls; return the seconds of one."""
    rest()
    with side.context():
        gc.disable()
        try:
            return clock(side.call, n_calls)
        finally:
            gc.enable()


def take_turns(sides, *, repeats, seconds, rest=silence, clock=mean_of_calls):
    """Time all sides in turn, ``repeats`` times, in alternating order.

    Parameters
    ----------
    sides : list of Side
    repeats : int
        Turns of each side.
    seconds : float
        Least length of a turn. Each call is the same work; a faster side makes more of them in its
        turn, and its figure is their mean.
    rest : callable
        Called before each turn, to let what went before come to an end.
    clock : callable
        What a turn's figure is: `mean_of_calls`, `median_of_calls` or `best_of_calls`.

    Returns
    -------
    dict
        Of each side, under its name: library, whether it counts, the calls in a turn, all figures
        with minimum and median, the seconds of its first call (compilation included).
    """
    gc.collect()  # once: it is off in all turns
    first = {side.name: take_turn(side, 1, rest) for side in sides}
    second = {side.name: take_turn(side, 1, rest) for side in sides}
    n_calls = {name: max(1, math.ceil(seconds / one)) for name, one in second.items()}
    running = [side for side in sides if stays(side, sides, second)]
    turns = {side.name: [] for side in sides}
    for i in range(repeats):
        for side in running if i % 2 == 0 else reversed(running):
            turns[side.name].append(take_turn(side, n_calls[side.name], rest, clock))
    return {
        side.name: record(
            side,
            turns[side.name] or [second[side.name]],
            calls=n_calls[side.name],
            first_call=first[side.name],
            out_of_the_race=side not in running,
        )
        for side in sides
    }


def stays(side, sides, seconds):
    """Whether a side is, or may turn out to be, the best of its library."""
    rivals = [seconds[s.name] for s in sides if s.counts and s.library == side.library]
    return not side.counts or seconds[side.name] <= OUT_OF_THE_RACE * min(rivals)


def record(side, figures, **extra):
    """What the JSON says about a side."""
    return {
        "library": side.library,
        "counts": side.counts,
        "min": min(figures),
        "median": statistics.median(figures),
        "all": figures,
        **extra,
    }
