"""Philox 4x32-10 and what the engine makes of it, in plain NumPy: the oracle of masks and noise.

Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011. A random number
belongs to a place, (seed, step, stream), a row of the mini-batch and a unit of that row.
"""

import numpy as np

_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


def philox(counter, key):
    """Four random words (..., 4) for counters (..., 4) under a key of two words."""
    x = [np.asarray(counter, np.uint64)[..., i] for i in range(4)]
    k0, k1 = (np.uint64(k) for k in key)
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * x[0], np.uint64(0xCD9E8D57) * x[2]
        x = [(b >> _32) ^ x[1] ^ k0, b & _LOW, (a >> _32) ^ x[3] ^ k1, a & _LOW]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & _LOW, (k1 + np.uint64(0xBB67AE85)) & _LOW
    return np.stack(x, axis=-1)


def words(place, rows, counters):
    """(len(rows), len(counters), 4) words of a place."""
    seed, step, stream = place
    counter = np.empty((len(rows), len(counters), 4), np.uint64)
    counter[..., 0] = counters
    counter[..., 1] = np.asarray(rows)[:, None]
    counter[..., 2], counter[..., 3] = stream, step
    return philox(counter, (seed & 0xFFFFFFFF, seed >> 32))


def mask(place, rows, n_units, p):
    """1 / (1 - p) where a unit is kept, else 0, (len(rows), n_units).

    A unit has 16 random bits: groups of 64 units share 8 counters.
    """
    unit = np.arange(n_units)
    word = words(place, rows, unit // 64 * 8 + unit % 16 // 2)
    word = np.take_along_axis(word, (unit % 64 // 16)[None, :, None], axis=2)[..., 0]
    number = word >> np.uint64(16) * (unit % 2).astype(np.uint64) & np.uint64(0xFFFF)
    return (number >= min(int(p * 65536 + 0.5), 65535)) / (1 - p)


def normal(place, rows, n_units):
    """Standard normal deviates (len(rows), n_units) by Box and Muller.

    Groups of 64 units share 16 counters: units i and 16 + i of a group come from words 0 and 1 of
    counter i, units 32 + i and 48 + i from words 2 and 3.
    """
    unit = np.arange(n_units)
    word = words(place, rows, unit // 64 * 16 + unit % 16).astype(float)
    second = unit % 64 // 32 == 1
    radius = np.sqrt(-2 * np.log((np.where(second, word[..., 2], word[..., 0]) + 0.5) / 2**32))
    quarters = np.where(second, word[..., 3], word[..., 1]) / 2**30
    quadrant = np.floor(quarters)
    angle = np.pi / 2 * (quarters - quadrant - 0.5)
    c, s = np.cos(angle), np.sin(angle)
    c = np.where(quadrant % 2 == 1, -c, c)  # the right or the left quadrant
    swapped = quadrant >= 2  # the upper or the lower one
    sine = unit % 32 // 16 == 1  # of the pair, this unit has the second
    return radius * np.where(swapped == sine, c, s)
