#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man.py PROGRAM VERSION: a manual page from what PROGRAM --help says, which is where options are declared.

The first paragraph of the help is what the program does, a line that ends in a colon begins a section, and what stands
at the end is text.
"""

import os
import re
import subprocess
import sys

OPTION = re.compile(r"^  (\S.*?)(?:  +(.*))?$")
CONDITION = re.compile(r" ((?:Excludes|Needs): .*)$")
STATUS = "Exit status: "


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def heading(line):
    """CLI11 writes "Options:" or "OPTIONS:"."""
    match = re.fullmatch(r"([A-Z][A-Za-z ]*):", line)
    return match and match[1].upper()


def parts_of(text):
    """Usage, what it does, and the rest by lines."""
    lines = text.splitlines()
    usage = next((line for line in lines if line.startswith("Usage:")), "")
    at = lines.index(usage) if usage else 0
    what = " ".join(line.strip() for line in lines[:at] if line.strip())
    return usage.removeprefix("Usage:").strip(), what, lines[at + 1:]


def body(lines):
    """roff of the sections behind the usage."""
    out, in_options = [], False
    for line in lines:
        name = heading(line.strip())
        option = OPTION.match(line) if in_options else None
        if name and name in ("OPTIONS", "POSITIONALS", "ARGUMENTS"):
            in_options = True
            out.append(".SH " + name)
        elif name and not line.startswith(" "):
            in_options = False
            out.append(".SH " + name)
        elif option:
            condition = CONDITION.search(option[1])
            out += [".TP", ".B " + escape(CONDITION.sub("", option[1]).strip())]
            if condition:
                out += [escape(condition[1] + "."), ".br"]
            if option[2]:
                out.append(escape(option[2].strip()))
        elif line.startswith(STATUS):
            in_options = False
            out += [".SH EXIT STATUS", escape(line.removeprefix(STATUS))]
        elif in_options and line.startswith("    "):
            out.append(escape(line.strip()))
        elif not line.strip():
            if out and not out[-1].startswith((".SH", ".PP")):
                out.append(".PP")
        else:
            if in_options:
                in_options = False
                out.append(".SH NOTES")
            out += ([".br"] if line.startswith("  ") else []) + [escape(line.strip())]
    return [line for line, after in zip(out, out[1:] + [".SH"]) if line != ".PP" or not after.startswith(".SH")]


def page(name, version, text):
    usage, what, lines = parts_of(text)
    short = what.split(". ")[0].rstrip(".")
    out = [f'.TH {name.upper()} 1 "" "Skald {version}" "Skald"',
           ".SH NAME", f"{escape(name)} \\- {escape(short[:1].lower() + short[1:])}",
           ".SH SYNOPSIS", ".B " + escape(usage or name),
           ".SH DESCRIPTION", escape(what)]
    return "\n".join(out + body(lines)) + "\n"


def main():
    program, version = sys.argv[1:]
    text = subprocess.run([program, "--help"], check=True, text=True, capture_output=True,
                          env=dict(os.environ, COLUMNS="100")).stdout
    sys.stdout.write(page(os.path.basename(program), version, text))


if __name__ == "__main__":
    main()
