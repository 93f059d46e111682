"""Run every Python block of the given Markdown pages, those of a page one after the other."""

import re
import sys
from pathlib import Path


def main(paths):
    """Stop with the page and line of a block that fails."""
    for path in paths:
        text = Path(path).read_text(encoding="utf-8")
        names = {"__name__": "__main__"}
        blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
        for block in blocks:
            line = text[: block.start(1)].count("\n")
            exec(compile("\n" * line + block[1], path, "exec"), names)
        print(f"{path}: {len(blocks)} blocks run")


main(sys.argv[1:])
