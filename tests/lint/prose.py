#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""prose.py FILE.md...: names every line of a document that has 120 characters or more, and fails if there is one. What
nobody can break is let pass: a line that is one word (a URL) or one link; in code, a line with a word that is too long
by itself."""

import re
import sys
from pathlib import Path

LIMIT = 120
MARKER = re.compile(r"([-*+>]|\d+[.)])\s+")
LINK = re.compile(r"!?\[[^]]*\]\([^)]*\)[.,:;]?|\[[^]]*\]: \S+")


def breakable(line: str, code: bool) -> bool:
    if code:
        indent = len(line) - len(line.lstrip())
        return all(indent + len(word) < LIMIT for word in line.split())
    text = MARKER.sub("", line.strip(), count=1)
    return len(text.split()) > 1 and not LINK.fullmatch(text)


def long_lines(text: str) -> list[tuple[int, int]]:
    """Number and length of each."""
    found = []
    fenced = False
    for number, line in enumerate(text.split("\n"), 1):
        fence = line.lstrip().startswith(("```", "~~~"))
        fenced ^= fence
        code = fenced or fence or line.startswith("    ")
        if len(line) >= LIMIT and breakable(line, code):
            found.append((number, len(line)))
    return found


def main() -> int:
    bad = 0
    for name in sys.argv[1:]:
        for number, length in long_lines(Path(name).read_text(encoding="utf-8")):
            bad += 1
            print(f"{name}:{number}: {length} characters, {LIMIT - 1} are allowed")
    print(f"{len(sys.argv) - 1} documents looked at, {bad} lines too long")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
