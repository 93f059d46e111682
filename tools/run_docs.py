"""Check Markdown pages: run their Python blocks, page by page; follow their links to files."""

import re
import sys
from pathlib import Path


def run_blocks(path, text):
    """Run the blocks of a page one after the other; a traceback has the page and line."""
    names = {"__name__": "__main__"}
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for block in blocks:
        line = text[: block.start(1)].count("\n")
        exec(compile("\n" * line + block[1], path, "exec"), names)
    return len(blocks)


def follow_links(path, text):
    """Stop if a file that the page links to is missing."""
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if not (path.parent / link.split("#")[0]).exists()]
    if missing:
        sys.exit(f"{path}: links to what is not there: {', '.join(missing)}")
    return len(links)


for page in map(Path, sys.argv[1:]):
    content = page.read_text(encoding="utf-8")
    n_links = follow_links(page, content)
    print(f"{page}: {run_blocks(page, content)} blocks run, {n_links} links to files followed")
