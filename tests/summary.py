#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""summary.py DIRECTORY: read the JUnit XML that the suites left, show what failed with its output and where the time
went, and end with one line, "N passed, N failed, N skipped". Exit status 0 only if something passed and nothing failed."""

import re
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

TAIL_LINES = 60
SLOWEST = 10


@dataclass
class Case:
    name: str
    outcome: str  # passed, failed, skipped
    output: str
    seconds: float = 0.0


def read_case(suite: str, element: ElementTree.Element) -> Case:
    """One <testcase>, as GoogleTest or CTest writes it."""
    group = element.get("classname", "")
    name = element.get("name", "?")
    full = name if group in ("", name) else f"{group}.{name}"
    text = "\n".join(part for tag in ("failure", "error", "skipped", "system-out", "system-err")
                     for found in element.findall(tag) for part in (found.get("message"), found.text) if part)
    if element.find("failure") is not None or element.find("error") is not None or element.get("status") == "fail":
        outcome = "failed"
    elif (element.find("skipped") is not None or element.get("status") in ("notrun", "disabled")
          or element.get("result") in ("skipped", "suppressed")):
        outcome = "skipped"
    else:
        outcome = "passed"
    return Case(f"{suite}: {full}", outcome, text, float(element.get("time") or 0))


def read_file(path: Path) -> list[Case]:
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        return [Case(f"{path.stem}: results", "failed", f"{path} is no XML: {error}")]
    return [read_case(path.stem, element) for element in root.iter("testcase")]


def suite_cases(directory: Path, suite: str) -> list[Case]:
    """All cases of one suite; a bad end that no failed case explains is a case of its own."""
    files = sorted(set(directory.glob(f"{suite}.xml")) | set(directory.glob(f"{suite}-*.xml")))
    cases = [case for file in files for case in read_file(file)]
    status = int((directory / f"{suite}.status").read_text())
    if not any(case.outcome == "failed" for case in cases):
        log = (directory / f"{suite}.log").read_text(errors="replace")
        if status != 0:
            cases.append(Case(f"{suite}: the suite as a whole", "failed", f"ended with status {status}\n{log}"))
        elif not cases:
            cases.append(Case(f"{suite}: the suite as a whole", "failed", f"no test was run\n{log}"))
    return cases


def reason_to_skip(output: str) -> str:
    """What the test says after "FILE:LINE: Skipped", as GoogleTest prints it, or "FILE:LINE", as its XML has it; of others
    the first line."""
    lines = [line for line in map(str.strip, output.splitlines()) if line]
    for place, line in enumerate(lines[:-1]):
        if re.fullmatch(r"\S+:\d+(: Skipped)?", line):
            return lines[place + 1]
    return lines[0] if lines else "no reason given"


def show_skipped(cases: list[Case]) -> None:
    """A line for each reason."""
    names: dict[str, list[str]] = {}
    for case in cases:
        if case.outcome == "skipped":
            names.setdefault(reason_to_skip(case.output), []).append(case.name)
    for reason, (first, *more) in names.items():
        print(f"skipped {first}{f' and {len(more)} more' if more else ''}: {reason}")


def show(case: Case) -> None:
    print(f"FAILED {case.name}")
    for line in case.output.rstrip().splitlines()[-TAIL_LINES:]:
        print(f"    {line}")


def seconds_of(file: Path) -> int:
    return int(file.read_text()) if file.exists() else 0


def show_times(directory: Path, suites: list[str], cases: list[Case]) -> None:
    """Suite by suite, what building took of its time and all of it of processors; then the slowest tests: seconds."""
    print(f"{'seconds':<12}{'building':>10}{'testing':>10}{'together':>10}{'CPU':>10}")
    rows = [(suite, *(seconds_of(directory / f"{suite}.{what}") for what in ("building", "seconds", "cpu")))
            for suite in suites]
    for name, building, together, cpu in rows + [("all", *(sum(row[i] for row in rows) for i in (1, 2, 3)))]:
        print(f"{name:<12}{building:>10}{together - building:>10}{together:>10}{cpu:>10}")
    if (directory / "elapsed").exists():  # less than the sum, since suites run beside each other
        print(f"{'from start to end':<32}{seconds_of(directory / 'elapsed'):>10}")
    show_stages(directory, suites)
    for case in sorted(cases, key=lambda case: -case.seconds)[:SLOWEST]:
        print(f"{case.seconds:10.1f} s  {case.name}")


def show_stages(directory: Path, suites: list[str]) -> None:
    """What was built, the dearest first. Stages run side by side: their seconds sum up to more than those of `building`."""
    stages: dict[str, tuple[int, int]] = {}
    for suite in suites:
        file = directory / f"{suite}.stages"
        for line in file.read_text().splitlines() if file.exists() else []:
            name, seconds, cpu = line.split("\t")
            before = stages.get(name, (0, 0))
            stages[name] = (before[0] + int(seconds), before[1] + int(cpu))
    shown = {name: cost for name, cost in stages.items() if cost[1] > 0}
    if shown:
        print(f"{'building':<44}{'seconds':>8}{'CPU':>10}")
    for name, (seconds, cpu) in sorted(shown.items(), key=lambda item: -item[1][1]):
        print(f"{name:<44}{seconds:>8}{cpu:>10}")


def main() -> int:
    directory = Path(sys.argv[1])
    suites = [file.stem for file in sorted(directory.glob("*.status"), key=lambda file: file.stat().st_mtime_ns)]
    cases = [case for suite in suites for case in suite_cases(directory, suite)]
    counts = {outcome: sum(case.outcome == outcome for case in cases) for outcome in ("passed", "failed", "skipped")}
    show_skipped(cases)
    for case in cases:
        if case.outcome == "failed":
            show(case)
    show_times(directory, suites, cases)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 0 if counts["passed"] and not counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
