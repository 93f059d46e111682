"""What `import fastmlp` costs beyond scikit-learn's networks: at most 30 ms, the best of a few."""

import os
import statistics
import subprocess
import sys

LIMIT = 0.030
THEIRS, OURS = "import sklearn.neural_network", "import fastmlp"
CODE = """
import time
{before}
start = time.perf_counter()
{timed}
print(time.perf_counter() - start)
"""


# As installed: with compiled bytecode.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def seconds(timed, before=""):
    """Of one import in a process of its own."""
    command = [sys.executable, "-c", CODE.format(timed=timed, before=before)]
    done = subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT)
    return float(done.stdout)


def main():
    """Print the figures; exit with 1 if they are over the limit."""
    seconds(OURS)  # compiles the bytecode
    theirs, ours, beyond = [], [], []
    for _ in range(7):  # taken in turns
        theirs.append(seconds(THEIRS))
        ours.append(seconds(OURS))
        beyond.append(seconds(OURS, before=THEIRS))
    for what, times in [(THEIRS, theirs), (OURS, ours), ("fastmlp after it", beyond)]:
        print(f"{what:30} {1e3 * min(times):7.1f} ms, median {1e3 * statistics.median(times):7.1f}")
    return min(beyond) > LIMIT


sys.exit(main())
