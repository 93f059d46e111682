"""Markdown tables of a report, one function for each topic."""

from figures import RIVALS, best

NAMES = {"sklearn": "scikit-learn", "torch": "torch", "onnxruntime": "onnxruntime"}
WORDS = {
    "ratio_sklearn": "× scikit-learn",
    "ratio_torch": "× torch",
    "ratio_threads": "threads",
    "ratio_8_threads": "8 threads",
    "peak_share": "FMA peak",
    "seconds": "time",
    "megabytes": "memory",
}
SWEEP_WORDS = {
    "ratio_sklearn": "slower than scikit-learn",
    "ratio_torch": "slower than torch",
    "ratio_threads": "n_threads=None below 0.95 × the better of 1 and 2",
    "ratio_8_threads": "n_threads=8 below 0.6 × the better of 1 and 2",
}
SWEEP_WORST = 3  # shapes shown for each question
BUSY_LOAD, BUSY_CPUS = 0.5, 0.1  # from which on other programs disturb


# ------------------------------------------------------------------------------------------ words


def table(head, rows):
    """Lay out a table: a head and rows of cells; the first column to the left."""
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def number(value):
    """Three digits or so, thousands separated."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds):
    """Seconds, milliseconds or microseconds."""
    if seconds is None:
        return "–"
    for unit, size in (("s", 1), ("ms", 1e-3)):
        if seconds >= size:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds * 1e6)} µs"


def share(value):
    """Percent."""
    return "–" if value is None else f"{value:.0%}"


def ratio(row, key, form=number):
    """A figure, with its target in brackets."""
    value, target = row["figures"].get(key), row["targets"].get(key)
    return form(value) + (f" ({form(target)})" if target is not None else "")


def met(verdicts):
    """All targets of a row: met, or which not."""
    if not verdicts:
        return ""
    failed = [WORDS[key] for key, value in verdicts.items() if value is False]
    missing = [WORDS[key] for key, value in verdicts.items() if value is None]
    words = ["**not met**: " + ", ".join(failed)] * bool(failed)
    words += ["not measured: " + ", ".join(missing)] * bool(missing)
    return "; ".join(words) or "met"


def rivals(rows):
    """The rivals that took part in any of the rows."""
    return [name for name in RIVALS if any(best(row, *RIVALS[name]) for row in rows)]


def winner(row, rival, form):
    """The figure of a rival's best side, and which it was."""
    found = best(row, *RIVALS[rival])
    if found is None:
        return "–"
    name, value = found
    way = "compiled, " * name.startswith("torch.compile") + ", ".join(name.split(", ")[1:])
    return form(value) + (f" ({way})" if way else "")


def machine_line(report):
    """Where and with what a report was measured."""
    found, only = report["machine"], report["options"]
    versions = [
        f"{package} {found[package]}"
        for package in ("scikit-learn", "torch", "onnxruntime", "numpy")
        if found.get(package)
    ]
    text = (
        f"{found['processor']}, {found['threads']} threads of {found['cpus']} CPUs, {found['isa']},"
        f" {found['compiler']}, Python {found['python']}, fastmlp {found['fastmlp']},"
        f" {', '.join(versions)}; best of {only['repeats']} turns, {report['started'][:10]}."
    )
    if best_limits := report.get("limits", {}).get("best"):
        text += " Measured limits: " + ", ".join(limit_words(best_limits)) + "."
    waits = report.get("limits", {}).get("waits") or {}
    if waits.get("turns"):
        late = waits["in_vain"] / waits["turns"]
        text += f" {late:.0%} of the turns began while the FMA peak was below 0.9 of its best."
    topics = report["topics"].values()
    others = max((topic["other_programs_cpus"] or 0 for topic in topics), default=0)
    if only["rows_scale"] != 1:
        text += f" **A trial on {only['rows_scale']} of the rows: the figures mean nothing.**"
    if (found["load_average"] or 0) > BUSY_LOAD or others > BUSY_CPUS:
        words = [f"load average {found['load_average']} before"]
        words += [f"other programs on up to {others} CPUs"] if topics else []
        text += f" **The machine was busy: {', '.join(words)}. Expect wrong figures.**"
    return text


def limit_words(limits):
    """FMA peaks and bandwidth in words."""
    for dtype in ("float32", "float64"):
        if limits.get(dtype):
            yield f"{limits[dtype] / 1e9:,.0f} GFLOP/s {dtype}"
    if limits.get("bandwidth"):
        yield f"{limits['bandwidth'] / 1e9:.1f} GB/s"


# ----------------------------------------------------------------------------------------- topics


def first_cells(row):
    """Network, batch and type of a row about a shape."""
    kind = row["activation"] * (row["activation"] != "relu")
    return [row["network"], str(row["batch"]), ", ".join(filter(None, [row["dtype"], kind]))]


def training(topic):
    """Samples a second and ratios, targets in brackets."""
    rows = topic["rows"]
    found = rivals(rows)
    head = ["network", "batch", "type", "fastmlp", "1 thread", *(NAMES[name] for name in found)]
    head += [f"× {NAMES[name]}" for name in found] + ["FMA peak", "bandwidth", "targets"]
    lines = []
    for row in rows:
        own, samples = row["figures"], row["samples"]
        one = row["sides"].get("fastmlp, 1 thread")
        cells = [*first_cells(row), number(own["samples_per_second"])]
        cells += [number(samples / one["min"]) if one else "–"]
        cells += [winner(row, name, lambda s, n=samples: number(n / s)) for name in found]
        cells += [ratio(row, f"ratio_{name}") for name in found]
        cells += [ratio(row, "peak_share", share), share(own.get("bandwidth_share"))]
        lines.append([*cells, met(row["met"])])
    summary = topic["summary"]
    means = {"figures": summary["means"], "targets": summary["targets"]}
    cells = ["**geometric mean**"] + [""] * (4 + len(found))
    cells += [ratio(means, f"ratio_{name}") for name in found] + ["", "", met(summary["met"])]
    return table(head, [*lines, cells])


def steps(topic):
    """Time of a step, and shares of the FMA peak: of the best turn, of the one in the middle."""
    lines = []
    for row in topic["rows"]:
        found, sides = row["figures"], row["sides"]
        one = sides.get("fastmlp, 1 thread", sides["fastmlp"])
        cells = first_cells(row)
        cells += [duration(side["min"] / row["steps"]) for side in (sides["fastmlp"], one)]
        best_share = found.get("peak_share")
        middle = best_share and best_share * sides["fastmlp"]["min"] / sides["fastmlp"]["median"]
        lines.append([*cells, share(best_share), share(middle)])
    head = ["network", "batch", "type", "a step", "1 thread", "FMA peak", "median turn"]
    return table(head, lines)


def times(topic, form=duration):
    """A figure for each library, and ratios: throughput, latency, sparse and the like."""
    rows = topic["rows"]
    found = rivals(rows)
    head = ["work", "fastmlp", *(NAMES[name] for name in found)]
    head += [f"× {NAMES[name]}" for name in found]
    limited = any("peak_share" in row["figures"] for row in rows)
    head += ["FMA peak", "bandwidth"] * limited + ["targets"]
    lines = []
    for row in rows:
        own = row["figures"]
        cells = [row["name"], form(best(row, "fastmlp")[1])]
        cells += [winner(row, name, form) for name in found]
        cells += [ratio(row, f"ratio_{name}") for name in found]
        cells += [share(own.get("peak_share")), share(own.get("bandwidth_share"))] * limited
        bounds = [form(v) for key, v in row["targets"].items() if key.startswith("most_")]
        words = " ".join([met(row["met"]), *(f"(at most {bound})" for bound in bounds)])
        lines.append([*cells, words])
    return table(head, lines)


def memory(topic):
    """Megabytes."""
    return times(topic, lambda megabytes: f"{number(megabytes)} MB")


def accuracy(topic):
    """Seconds and epochs, medians over the seeds."""
    lines = []
    for row in topic["rows"]:
        for name, side in row["sides"].items():
            epochs = sorted(side["epochs"])
            reached = f"{side['reached']} of {len(epochs)}"
            middle = epochs[len(epochs) // 2]
            lines.append([f"{row['name']}: {name}", duration(side["median"]), str(middle), reached])
    return table(["work", "training time", "epochs", "seeds that got there"], lines)


def threads(topic):
    """Samples a second for each n_threads."""
    numbers = [1, 2, 8]
    head = ["network", "batch", "None", *map(str, numbers), "None / best", "8 / best", "targets"]
    lines = []
    for row in topic["rows"]:
        own, samples = row["figures"], row["samples"]
        sides = [row["sides"][f"fastmlp, {n} thread{'s' * (n > 1)}"] for n in numbers]
        cells = [row["network"], str(row["batch"]), number(own["samples_per_second"])]
        cells += [number(samples / side["min"]) for side in sides]
        cells += [ratio(row, "ratio_threads"), ratio(row, "ratio_8_threads"), met(row["met"])]
        lines.append(cells)
    return table(head, lines)


def sweep(topic):
    """How many random shapes fail each question, in the end and at first, and the worst of them."""
    lines, worst = [], []
    for key, found in topic["summary"].items():
        verdict = "met" if found["met"] else "**not met**"
        cells = [f"{SWEEP_WORDS[key]}", f"{found['failed']} of {found['shapes']}"]
        cells += [str(found["failed_at_first"]), str(found["allowed"])]
        cells += [number(found["least"]), number(found["geometric_mean"])]
        lines.append([*cells, verdict])
        rows = [row for row in topic["rows"] if key in row["figures"]]
        rows.sort(key=lambda row: row["figures"][key])
        for row in rows[:SWEEP_WORST]:
            worst.append([row["name"], WORDS[key], number(row["figures"][key])])
    head = ["shapes that are", "number", "at first", "allowed", "least ratio"]
    head += ["geometric mean", "target"]
    return table(head, lines) + "\n\n" + table(["lowest ratios", "of", "ratio"], worst)


TABLES = {
    "training": training,
    "steps": steps,
    "accuracy": accuracy,
    "throughput": times,
    "latency": times,
    "partial_fit": times,
    "sparse": times,
    "memory": memory,
    "threads": threads,
    "sweep": sweep,
}


def summary(report):
    """A short table for the README: some networks, and what else is in the report."""
    lines = []
    for row in report["topics"].get("training", {"rows": []})["rows"]:
        if row["dtype"] == "float32" and row["activation"] == "relu":
            name = f"training {row['network']}, batch {row['batch']}"
            speed = f"{number(row['figures']['samples_per_second'])} rows/s"
            lines.append([name, speed, *ratios(row)])
    words = {
        "throughput": "predict_proba of ",
        "latency": "",
        "partial_fit": "",
        "sparse": "an epoch of ",
    }
    for name, word in words.items():
        for row in report["topics"].get(name, {"rows": []})["rows"]:
            lines.append([word + row["name"], duration(row["figures"]["seconds"]), *ratios(row)])
    return table(["work", "fastmlp", *(f"× {name}" for name in NAMES.values())], lines)


def ratios(row):
    """All ratios of a row, as cells."""
    return [number(row["figures"].get(f"ratio_{name}")) for name in NAMES]
