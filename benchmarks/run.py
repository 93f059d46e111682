"""Run the benchmarks: fastmlp beside scikit-learn, torch and onnxruntime on the same work.

The sides of a comparison take turns in one process; warm-up and compilation are not timed, the best
turn of each counts and all are written to the JSON. README.md in this folder says what is fair
about it. ``render.py`` makes tables and the chart of the JSON, ``compare.py`` compares two files.
"""

import argparse
import datetime
import gc
import importlib
import json
import sys
import time
import warnings
from pathlib import Path

import machine
import peers
from bench import Bench
from figures import conclude
from sklearn.exceptions import ConvergenceWarning
from tables import TABLES, machine_line
from topics import TOPICS

FORMAT = 1


def parse_arguments(arguments=None):
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=TOPICS, default=TOPICS, metavar="NAME")
    parser.add_argument("--without", nargs="+", choices=peers.LIBRARIES[1:], default=[])
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--data", type=Path, help="folder with real data and a load.py")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each side")
    parser.add_argument("--seconds", type=float, default=0.1, help="least length of a turn")
    parser.add_argument("--sweep", type=int, default=60, help="number of random shapes")
    parser.add_argument("--rows-scale", type=float, default=1.0, help="factor on rows, for trials")
    parser.add_argument("--pause", type=float, default=Bench.pause, help="silence before a turn")
    patience = "wait so many seconds before a turn, at most, while the FMA peak is below its best"
    parser.add_argument("--patience", type=float, default=Bench.patience, help=patience)
    parser.epilog = "Topics: " + ", ".join(TOPICS)
    return parser.parse_args(arguments)


def run(options):
    """Measure all topics.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    dict
        The report, as in the JSON.
    """
    found = machine.describe()
    bench = Bench(
        libraries=peers.installed(options.without),
        n_threads=found["threads"],
        limits=machine.Limits(found["threads"]),
        repeats=options.repeats,
        seconds=options.seconds,
        rows_scale=options.rows_scale,
        sweep=options.sweep,
        data=options.data,
        pause=options.pause,
        patience=options.patience,
    )
    report = {
        "format": FORMAT,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": found,
        "options": {key: plain(value) for key, value in vars(options).items()},
        "libraries": [name for name in peers.LIBRARIES if name in bench.libraries],
        "topics": {},
    }
    gc.freeze()  # the modules need no looking through before each race
    print(machine_line(report), flush=True)
    for name in options.only:
        report["topics"][name] = run_topic(name, bench)
        report["limits"] = bench.limits.as_dict()
        conclude(report)
        print(f"\n## {name}\n\n{TABLES[name](report['topics'][name])}", flush=True)
        write(report, options.json)  # what there is, should the rest be interrupted
    return report


def run_topic(name, bench):
    """Measure one topic: its rows, how long it took, how busy the machine was."""
    module = importlib.import_module(f"topics.{name}")
    start, others = time.perf_counter(), machine.Others()
    if bench.rows_scale >= 0.1:
        bench.limits.measure_bandwidth()
    else:
        bench.limits.measure_bandwidth(megabytes=8)
    rows = []
    for row in module.rows(bench):
        progress(f"{name}: {row['name']}")
        rows.append(row)
    progress("")
    return {
        "rows": rows,
        "wall_seconds": time.perf_counter() - start,
        "other_programs_cpus": others.cpus(),
    }


def progress(text):
    """Overwrite the current line, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text[:100]}", end="", file=sys.stderr, flush=True)


def plain(value):
    """Options as JSON takes them."""
    return str(value) if isinstance(value, Path) else value


def write(report, path):
    """Write the report as JSON, whole or not at all."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(report, indent=1) + "\n")
    part.replace(path)


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs is the point
    run(parse_arguments())
