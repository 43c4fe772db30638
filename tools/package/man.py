#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""man.py PROGRAM VERSION: a manual page from what PROGRAM --help says, which is where options are declared.

The first paragraph of the help is what the program does, a line that ends in a colon begins a section, and what stands
at the end is text. Of a program with commands each has a section, of what PROGRAM COMMAND --help says.
"""

import itertools
import os
import re
import subprocess
import sys

OPTION = re.compile(r"^  (\S.*?)(?:  +(.*))?$")
CONDITION = re.compile(r" ((?:Excludes|Needs): .*)$")
STATUS = "Exit status: "
# What CLI11 calls a list, and what a page does.
LISTS = {"OPTIONS": "OPTIONS", "POSITIONALS": "POSITIONALS", "ARGUMENTS": "ARGUMENTS", "SUBCOMMANDS": "COMMANDS"}


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
        if name in LISTS:
            in_options = True
            out.append(".SH " + LISTS[name])
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


def commands_of(lines):
    """The names of a program's commands."""
    names, listed = [], False
    for line in lines:
        name = heading(line.strip())
        if name:
            listed = LISTS.get(name) == "COMMANDS"
        elif listed and (option := OPTION.match(line)) and not line.startswith("   "):
            names.append(option[1].strip())
    return names


def command_section(text):
    """roff of one command: what it does and takes. What stands at the end is the program's, and told there."""
    usage, what, lines = parts_of(text)
    own = itertools.takewhile(lambda line: not line.startswith(STATUS), lines)
    listed = [line for line in own if not line.startswith("  -h,--help ")]
    body_lines = [line for line in body(listed) if not line.startswith(".SH ")]
    return [".SS " + escape(usage), escape(what + "."), *body_lines]


def page(name, version, text, help_of):
    usage, what, lines = parts_of(text)
    short = what.split(". ")[0].rstrip(".")
    out = [f'.TH {name.upper()} 1 "" "Skald {version}" "Skald"',
           ".SH NAME", f"{escape(name)} \\- {escape(short[:1].lower() + short[1:])}",
           ".SH SYNOPSIS", ".B " + escape(usage or name),
           ".SH DESCRIPTION", escape(what)]
    sections = body(lines)
    commands = [line for command in commands_of(lines) for line in command_section(help_of(command))]
    if commands:
        # Behind the list of them.
        at = next((i for i, line in enumerate(sections) if line in (".SH EXIT STATUS", ".SH NOTES")), len(sections))
        sections[at:at] = commands
    return "\n".join(out + sections) + "\n"


def main():
    program, version = sys.argv[1:]

    def help_of(*command):
        return subprocess.run([program, *command, "--help"], check=True, text=True, capture_output=True,
                              env=dict(os.environ, COLUMNS="100")).stdout

    sys.stdout.write(page(os.path.basename(program), version, help_of(), help_of))


if __name__ == "__main__":
    main()
