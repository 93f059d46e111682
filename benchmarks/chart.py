"""The chart of the README: how many times as fast fastmlp trains, on a logarithmic axis."""

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

INK = "#808890"  # readable on white and on GitHub's dark background
COLORS = {"ratio_sklearn": "#e8782f", "ratio_torch": "#8f6be8"}
LABELS = {"ratio_sklearn": "than scikit-learn", "ratio_torch": "than torch (eager or compiled)"}
ABOVE = ("ratio_sklearn",)  # the point; the other's number stands below its point
TICKS = (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


def label(row):
    """Name of a network, short."""
    words = [f"{row['network']}, batch {row['batch']}"]
    words += [row["dtype"]] * (row["dtype"] != "float32")
    words += [row["activation"]] * (row["activation"] != "relu")
    return ", ".join(words)


def draw_training(report, path):
    """Draw the ratios of the training table.

    Parameters
    ----------
    report : dict
        With figures, see `figures.conclude`.
    path : Path
        Where the picture goes; its suffix says which kind.
    """
    rows = report["topics"]["training"]["rows"][::-1]
    keys = [key for key in LABELS if any(key in row["figures"] for row in rows)]
    values = {key: [row["figures"].get(key) for row in rows] for key in keys}
    colors = {"text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK}
    colors |= {"xtick.color": INK, "ytick.color": INK, "svg.hashsalt": "fastmlp"}
    with mpl.rc_context(colors):
        figure = Figure(figsize=(8, 1.2 + 0.36 * len(rows)), layout="constrained")
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.axvline(1, color=INK, linewidth=1.5)
        for key in keys:
            points = [(x, y) for y, x in enumerate(values[key]) if x is not None]
            axes.scatter(*zip(*points, strict=True), s=55, color=COLORS[key], label=LABELS[key])
            for x, y in points:
                axes.annotate(
                    f"{x:.2g}×" if x < 10 else f"{x:.0f}×", (x, y), (0, 6 if key in ABOVE else -12),
                    textcoords="offset points", ha="center", fontsize=7, color=COLORS[key],
                )  # fmt: skip
        axes.set_yticks(range(len(rows)), [label(row) for row in rows])
        axes.set_ylim(-0.6, len(rows) - 0.3)
        span = [x for key in keys for x in values[key] if x is not None] + [1]
        axes.set_xlim(min(span) / 1.3, max(span) * 1.4)
        ticks = [tick for tick in TICKS if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]]
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}×")
        axes.set_xlabel(f"times as fast in training, {report['machine']['threads']} threads")
        axes.grid(axis="x", color=INK, alpha=0.25)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(left=False)
        figure.legend(loc="outside upper center", ncols=len(keys), frameon=False)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, transparent=True, metadata=metadata)
