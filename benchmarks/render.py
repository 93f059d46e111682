"""Turn a result file of ``run.py`` into the tables and the chart of the documentation.

Tables go between ``<!-- bench:NAME -->`` and ``<!-- /bench -->``; NAME is a topic, ``summary`` (for
the README) or ``machine``. Everything else in a document stays as it is.
"""

import argparse
import json
import re
from pathlib import Path

from figures import conclude
from tables import TABLES, machine_line, summary

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/performance.md")
CHART = "docs/images/training.svg"
MARKED = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def blocks(report):
    """Return {name: markdown} of everything that a document may ask for."""
    found = {"machine": machine_line(report), "summary": summary(report)}
    for name, topic in report["topics"].items():
        found[name] = TABLES[name](topic) if topic["rows"] else "Not measured here."
    return found


def fill(text, found):
    """Replace what is between the markers of a document.

    Parameters
    ----------
    text : str
    found : dict
        ``blocks(report)``. A table that it does not have stays as it was.

    Returns
    -------
    str
    """

    def replacement(match):
        begin, name, end = match.groups()
        return f"{begin}{found[name]}\n{end}" if name in found else match.group()

    return MARKED.sub(replacement, text)


def main(arguments=None):
    """Render into the documents, or print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="JSON of run.py")
    parser.add_argument("--print", action="store_true", help="print all tables, write nothing")
    parser.add_argument("--root", type=Path, default=ROOT, help="where the documents are")
    options = parser.parse_args(arguments)
    report = json.loads(options.report.read_text())
    conclude(report)
    found = blocks(report)
    if options.print:
        print("\n\n".join(f"## {name}\n\n{text}" for name, text in found.items()))
        return
    for path in (options.root / name for name in DOCUMENTS):
        if path.exists() and MARKED.search(text := path.read_text()):
            path.write_text(fill(text, found))
            print(f"{path.relative_to(options.root)}: tables written")
    if "training" in report["topics"]:
        draw(report, options.root / CHART)


def draw(report, path):
    """Draw the chart, where there is matplotlib."""
    try:
        from chart import draw_training
    except ImportError:
        print("no chart: matplotlib is not installed")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_training(report, path)
    print(f"{path}: drawn")


if __name__ == "__main__":
    main()
