"""Hold two result files of ``run.py`` against each other: what became faster, what slower.

The other libraries are the control: where they changed too, the machine did, not fastmlp.
"""

import argparse
import json
from pathlib import Path

from figures import geometric_mean
from tables import BUSY_CPUS, BUSY_LOAD, number, table

# In the middle of a noisy machine's ratios this much is nothing.
NOISE = 0.05
SAME = ("processor", "threads", "isa", "compiler", "python", "scikit-learn", "torch", "onnxruntime")


def pairs(a, b):
    """Yield (topic, row name, side name, side of a, side of b) for what both reports have."""
    for name, topic in a["topics"].items():
        others = {row["name"]: row for row in b["topics"].get(name, {"rows": []})["rows"]}
        for row in topic["rows"]:
            other = others.get(row["name"])
            if other is None:
                continue
            statistic = row.get("statistic", "min")
            work_a, work_b = row.get("samples", 1), other.get("samples", 1)
            for side in row["sides"].keys() & other["sides"].keys():
                figure_a = row["sides"][side][statistic] / work_a
                figure_b = other["sides"][side][statistic] / work_b
                if figure_a > 0 and figure_b > 0:
                    yield name, row["name"], side, figure_a, figure_b


def compare(a, b):
    """Compare two reports.

    Parameters
    ----------
    a, b : dict
        Reports, the older one first.

    Returns
    -------
    list of (str, str, float, float)
        Topic, row, how many times better fastmlp is in b than in a, and the geometric mean of the
        same for all other libraries (NaN without any).
    """
    own, control = {}, {}
    for topic, row, side, before, after in pairs(a, b):
        if side == "fastmlp":
            own[topic, row] = before / after
        elif not side.startswith("fastmlp"):
            control.setdefault((topic, row), []).append(before / after)
    return [
        (*key, gain, geometric_mean(control[key]) if key in control else float("nan"))
        for key, gain in own.items()
    ]


def differences(a, b):
    """Yield warnings about what makes two reports hard to compare."""
    for key in SAME:
        if a["machine"].get(key) != b["machine"].get(key):
            yield f"{key}: {a['machine'].get(key)} and {b['machine'].get(key)}"
    for key in ("rows_scale", "seconds", "repeats"):
        if a["options"][key] != b["options"][key]:
            yield f"{key}: {a['options'][key]} and {b['options'][key]}"
    for name, report in (("first", a), ("second", b)):
        others = max(topic["other_programs_cpus"] or 0 for topic in report["topics"].values())
        if (report["machine"]["load_average"] or 0) > BUSY_LOAD or others > BUSY_CPUS:
            yield f"the {name} was measured on a busy machine"


def main(arguments=None):
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--all", action="store_true", help="also what changed by less than 5 %%")
    options = parser.parse_args(arguments)
    a, b = (json.loads(path.read_text()) for path in (options.before, options.after))
    for text in differences(a, b):
        print(f"not alike: {text}")
    found = compare(a, b)
    if not found:
        raise SystemExit("the files have no row in common")
    lines = [
        [f"{topic}: {row}", f"{gain:.2f}x", f"{control:.2f}x"]
        for topic, row, gain, control in sorted(found, key=lambda line: line[2])
        if options.all or abs(gain - 1) > NOISE
    ]
    head = ["work", "fastmlp is faster", "the others are"]
    print(table(head, lines) if lines else "nothing changed by more than 5 %")
    for topic in dict.fromkeys(line[0] for line in found):
        gains = [line[2] for line in found if line[0] == topic]
        print(f"{topic}: {number(geometric_mean(gains))}x over {len(gains)} rows")


if __name__ == "__main__":
    main()
