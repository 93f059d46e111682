"""The benchmark suite on next to no rows: it runs, and its JSON can be compared and rendered."""

import importlib
import json
import os
import subprocess
import sys
import time
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pytest

from fastmlp import _core

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
TINY = "--rows-scale 0.001 --repeats 2 --seconds 0.001 --pause 0 --patience 0 --sweep 2".split()
TOPICS = "accuracy throughput latency partial_fit sparse steps threads sweep training".split()

pytestmark = pytest.mark.slow


def script(name, *arguments):
    """Run a script of the suite, on one thread, and return what it prints."""
    command = [sys.executable, str(BENCHMARKS / name), *map(str, arguments)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=alone, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Path of a report of all topics but memory, fastmlp and scikit-learn only."""
    path = tmp_path_factory.mktemp("bench") / "report.json"
    script("run.py", *TINY, "--only", *TOPICS, "--without", "torch", "onnxruntime", "--json", path)
    return path


def test_every_repeat_is_recorded(report):
    found = json.loads(report.read_text())
    assert list(found["topics"]) == TOPICS
    assert {"processor", "compiler", "isa", "threads", "load_average"} <= set(found["machine"])
    assert found["limits"]["best"]["float32"] > 1e8
    for name, topic in found["topics"].items():
        for row in topic["rows"]:
            libraries = {side["library"] for side in row["sides"].values()}
            assert "fastmlp" in libraries <= {"fastmlp", "sklearn"}
            turns = 6 if row.get("missed") else 2  # again, and more of them
            check_turns(row["sides"], 6 if name == "threads" else turns)
            if name == "sweep":
                check_turns(row["thread_sides"], 3 * turns)
                assert row["figures"]["ratio_threads"] == min(
                    row["thread_sides"][f"fastmlp, {n} thread{'s' * (n > 1)}"]["min"]
                    / row["thread_sides"]["fastmlp"]["min"]
                    for n in (1, 2)
                )


def check_turns(sides, turns):
    for side in sides.values():
        out = side.get("out_of_the_race", False)
        assert len(side["all"]) == (1 if out else turns)
        assert side["min"] == min(side["all"]) > 0


def test_same_work_on_all_sides(report):
    found = json.loads(report.read_text())["topics"]
    for row in found["training"]["rows"]:
        assert row["rows"] % row["batch"] == 0
        assert row["samples"] == row["rows"] * row["epochs"]


def test_steps_go_round_the_rows(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    steps, shapes = importlib.import_module("topics.steps"), importlib.import_module("shapes")
    loop = steps.Loop(shapes.Shape(5, (4,), 2, 8, rows=24, epochs=1), n_threads=1)
    before, after = (np.empty(loop.trainer.net.n_params, np.float32) for _ in range(2))
    loop.trainer.read(before)
    for done in (7, 14):
        loop.train(7)
        assert (loop.done, loop.at) == (done, done % 3 * 8)
    loop.trainer.read(after)
    assert 0 < np.abs(after - before).max() < 15 * steps.LEARNING_RATE


def test_a_missed_bound_is_measured_again(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    sweep, tables = importlib.import_module("topics.sweep"), importlib.import_module("tables")
    bench = importlib.import_module("bench").Bench({"fastmlp", "sklearn"}, 2, None, 5, sweep=2)
    names = ["fastmlp", "fastmlp, 1 thread", "fastmlp, 2 threads", "fastmlp, 8 threads", "sklearn"]
    slow, races = [2, 6, 8], []  # of n_threads=None; turns of each race

    def race(bench, shape):
        races.append(bench.repeats)
        seconds = dict.fromkeys(names, 1.0) | {"fastmlp": 2.0 if len(races) in slow else 0.9}
        return {
            name: {"library": name[:7], "min": value, "counts": "thread" not in name}
            for name, value in seconds.items()
        }

    monkeypatch.setattr(sweep, "race", race)
    monkeypatch.setattr(sweep.threads, "race", race)
    rows = list(sweep.rows(bench))
    assert races == [5, 5, 15, 15, 5, 5, 15, 15]
    assert [row["missed"] for row in rows] == [{"ratio_threads": 0.5}] * 2
    report = {"limits": {"best": {}}, "topics": {"sweep": {"rows": rows}}}
    importlib.import_module("figures").conclude(report)
    found = report["topics"]["sweep"]["summary"]["ratio_threads"]
    assert (found["failed_at_first"], found["failed"], found["met"]) == (2, 1, False)
    assert "| 1 of 2 | 2 | 0 | 0.5 |" in tables.sweep(report["topics"]["sweep"])


def test_targets_have_verdicts(report):
    rows = json.loads(report.read_text())["topics"]["training"]["rows"]
    assert len(rows) == 13
    for row in rows:
        ratio = row["figures"]["ratio_sklearn"]
        assert row["met"]["ratio_sklearn"] is (ratio >= row["targets"]["ratio_sklearn"])
        assert row["met"]["ratio_torch"] is None, "torch took no part: neither met nor not met"


@pytest.mark.parametrize(("now", "in_vain"), [(0.95, 0), (0.5, 1)])
def test_turns_wait_for_the_machine(monkeypatch, now, in_vain):
    monkeypatch.syspath_prepend(BENCHMARKS)
    machine = importlib.import_module("machine")
    peaks = chain([1e9] * machine.PROBES, repeat(now * 1e9))
    monkeypatch.setattr(machine._kernels, "fma_peak", lambda *_, **__: next(peaks))
    limits = machine.Limits(1)
    monkeypatch.setattr(machine, "TRY_AGAIN", 0.01)
    start = time.perf_counter()
    limits.wait(0.3)
    assert time.perf_counter() - start > 0.3 * in_vain
    assert limits.as_dict()["waits"] == {"turns": 1, "in_vain": in_vain}


def test_compare_sees_a_change(report, tmp_path):
    found = json.loads(report.read_text())
    row = found["topics"]["training"]["rows"][0]
    row["sides"]["fastmlp"]["min"] /= 2
    faster = tmp_path / "faster.json"
    faster.write_text(json.dumps(found))
    assert "nothing changed" in script("compare.py", report, report)
    printed = script("compare.py", report, faster)
    assert f"| training: {row['name']} | 2.00x | 1.00x |" in printed


def test_render_replaces_what_is_between_markers(report, tmp_path):
    (tmp_path / "docs").mkdir()
    readme, page = tmp_path / "README.md", tmp_path / "docs/performance.md"
    readme.write_text("before\n<!-- bench:summary -->\nold\n<!-- /bench -->\nafter\n")
    page.write_text(
        "<!-- bench:sweep --><!-- /bench -->\n<!-- bench:memory -->\nkept\n<!-- /bench -->"
    )
    script("render.py", report, "--root", tmp_path)
    text = readme.read_text()
    assert text.startswith("before\n<!-- bench:summary -->\n| work |")
    assert text.endswith("<!-- /bench -->\nafter\n")
    assert "old" not in text
    assert "kept" in page.read_text(), "a table that was not measured stays"


def test_render_marks_trials(report):
    assert "the figures mean nothing" in script("render.py", report, "--print")


def test_memory(tmp_path):
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("needs Linux")
    path = tmp_path / "memory.json"
    others = ["sklearn", "torch", "onnxruntime"]
    script("run.py", *TINY, "--only", "memory", "--without", *others, "--json", path)
    rows = json.loads(path.read_text())["topics"]["memory"]["rows"]
    assert [row["met"] for row in rows] == [{"megabytes": True}, {}]


def test_menu_speed_shows_every_solver():
    """Ratios mean nothing on so few rows, and neither does the exit status."""
    command = [sys.executable, str(BENCHMARKS / "menu_speed.py"), "--rounds", "1", "--rows", "600"]
    done = subprocess.run([*command, "solvers"], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    rows = {line[:20].strip(): line[20:].split() for line in done.stdout.splitlines()}
    for name in ("lbfgs", *_core.SOLVERS):
        assert float(rows[name][0]) > 0, name
        assert float(rows[name][1]) > 0, name


def test_menu():
    """Every entry of the engine's tables is in the page."""
    from fastmlp import _core
    from fastmlp._losses import CLASSIFICATION, REGRESSION
    from fastmlp._schedules import SCHEDULES

    page = script("menu.py", "--rows", 60, "--epochs", 1)
    for name in [
        "lbfgs",
        *_core.SOLVERS,
        *_core.ACTIVATIONS,
        *CLASSIFICATION,
        *REGRESSION,
        *SCHEDULES,
    ]:
        assert f"| `{name}` |" in page
    assert "diverged" not in page
    for line in page.splitlines():
        if line.startswith("| **adam, relu** |"):
            assert line.count(" s |") == 3, "all data sets have their figures"
