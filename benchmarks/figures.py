"""What follows from the measured times: speeds, ratios, shares of the limits, targets met or not.

A figure is computed from the JSON alone, so that old files can be read anew.
"""

import math

from shapes import MEAN_TARGETS

RIVALS = {
    "sklearn": ("sklearn",),
    "torch": ("torch", "torch.compile"),  # the better of eager and compiled
    "onnxruntime": ("onnxruntime",),
}
SLOWER_THAN_TORCH = 2  # so many shapes of the sweep may be


def best(row, *libraries):
    """Name and figure of the best side of some libraries.

    Parameters
    ----------
    row : dict
        A row of the report.
    *libraries : str

    Returns
    -------
    tuple of (str, float), or None where none of them took part
    """
    statistic = row.get("statistic", "min")
    found = [
        (name, side[statistic])
        for name, side in row["sides"].items()
        if side["library"] in libraries and side["counts"]
    ]
    return min(found, key=lambda pair: pair[1], default=None)


def figures(row, limits):
    """Compute the figures of a row.

    Parameters
    ----------
    row : dict
    limits : dict
        ``Limits.as_dict()["best"]``.

    Returns
    -------
    dict
        What can be computed of: seconds or megabytes, samples_per_second, flops_per_second,
        peak_share, bandwidth_share, ratio_<rival> (how many times better fastmlp is),
        ratio_threads and ratio_8_threads (n_threads None and 8 against the better of 1 and 2).
    """
    _, own = best(row, "fastmlp")
    found = {"megabytes" if row.get("unit") == "MB" else "seconds": own}
    for rival, libraries in RIVALS.items():
        if (other := best(row, *libraries)) is not None:
            found[f"ratio_{rival}"] = other[1] / own if own > 0 else math.inf
    if "samples" in row:
        found["samples_per_second"] = row["samples"] / own
    if "flops" in row and limits.get(row["dtype"]):
        found["flops_per_second"] = row["flops"] / own
        found["peak_share"] = found["flops_per_second"] / limits[row["dtype"]]
    if "bytes" in row and limits.get("bandwidth"):
        found["bandwidth_share"] = row["bytes"] / own / limits["bandwidth"]
    return found | thread_ratios(row.get("thread_sides", row["sides"]))


def thread_ratios(sides):
    """n_threads None and 8 against the better of 1 and 2, where they were measured."""
    seconds = {
        n: side["min"]
        for n in (1, 2, 8)
        if (side := sides.get(f"fastmlp, {n} thread{'s' * (n > 1)}"))
    }
    if not {1, 2} <= set(seconds):
        return {}
    better = min(seconds[1], seconds[2])
    found = {"ratio_threads": better / sides["fastmlp"]["min"]}
    return found | ({"ratio_8_threads": better / seconds[8]} if 8 in seconds else {})


def verdicts(targets, found):
    """Return {figure: True, False, or None where it was not measured}.

    A target under ``most_<figure>`` is an upper bound, any other a lower one.
    """
    met = {}
    for key, bound in targets.items():
        figure = key.removeprefix("most_")
        value = found.get(figure)
        below = value is not None and value <= bound
        above = value is not None and value >= bound
        met[figure] = None if value is None else (below if key.startswith("most_") else above)
    return met


def geometric_mean(values):
    """Geometric mean of positive numbers."""
    return math.exp(sum(map(math.log, values)) / len(values))


def conclude(report):
    """Write figures and verdicts into all rows of a report, and summaries into its topics."""
    limits = report["limits"]["best"]
    for name, topic in report["topics"].items():
        for row in topic["rows"]:
            row["figures"] = figures(row, limits)
            row["met"] = verdicts(row["targets"], row["figures"])
        if name in SUMMARIES and topic["rows"]:
            topic["summary"] = SUMMARIES[name](topic["rows"])


def column(rows, key):
    """A figure of all rows that have it."""
    return [row["figures"][key] for row in rows if key in row["figures"]]


def training_summary(rows):
    """Geometric means of the ratios."""
    found = {key: geometric_mean(column(rows, key)) for key in MEAN_TARGETS if column(rows, key)}
    return {"means": found, "targets": MEAN_TARGETS, "met": verdicts(MEAN_TARGETS, found)}


def sweep_summary(rows):
    """How many shapes are slower than elsewhere, and how few may be."""
    allowed = {"ratio_sklearn": 0, "ratio_torch": SLOWER_THAN_TORCH}
    allowed |= {"ratio_threads": 0, "ratio_8_threads": 0}
    found = {}
    for key, most in allowed.items():
        if values := column(rows, key):
            failed = sum(row["met"][key] is False for row in rows)
            at_first = sum(key in row.get("missed", {}) for row in rows)
            found[key] = {
                "bound": rows[0]["targets"][key],
                "shapes": len(values),
                "failed": failed,
                "failed_at_first": at_first,
                "allowed": most,
                "met": failed <= most,
                "least": min(values),
                "geometric_mean": geometric_mean(values),
            }
    return found


SUMMARIES = {"training": training_summary, "sweep": sweep_summary}
