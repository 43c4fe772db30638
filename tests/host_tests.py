#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""host_tests.py TREE RESULTS.xml [--jobs N]: every test that CTest knows in a build tree, but those labelled qtest.
The tests of a GoogleTest suite share a process, small suites of one program too, since starting a program under ASan takes
longer than most tests. A test's own process still has the last word: where a process ends badly, its tests run again,
each alone, and that is their result; one that failed in company only is named. Results are JUnit."""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

FILTER = "--gtest_filter="
# Tests in one process: enough to be cheap to start, few enough that no process is the one all wait for.
MOST = 40
# Of one process, as CTest has it for one test; what hangs is killed.
TIMEOUT = 1500
TAIL_LINES = 200


@dataclasses.dataclass
class Test:
    name: str
    command: list[str]
    folder: str
    environment: dict[str, str]

    @property
    def gtest(self) -> str | None:
        """Its name as GoogleTest has it; none for a program that is something else."""
        return next((word[len(FILTER):] for word in self.command if word.startswith(FILTER)), None)

    @property
    def home(self) -> tuple:
        """Tests for which this is the same may share a process."""
        rest = [word for word in self.command if not word.startswith(FILTER)]
        return tuple(rest), self.folder, tuple(sorted(self.environment.items()))


@dataclasses.dataclass
class Outcome:
    status: int
    output: str
    cases: list[ElementTree.Element]

    @property
    def good(self) -> bool:
        return self.status == 0


def read_tests(listing: dict) -> list[Test]:
    """CTest's own list, as --show-only=json-v1 prints it."""
    tests = []
    for entry in listing["tests"]:
        properties = {item["name"]: item["value"] for item in entry["properties"]}
        if "command" not in entry:
            sys.exit(f"host_tests.py: {entry['name']} has no program: was the tree built?")
        pairs = (pair.split("=", 1) for pair in properties.get("ENVIRONMENT", []))
        tests.append(Test(entry["name"], entry["command"], properties.get("WORKING_DIRECTORY", "."), dict(pairs)))
    return tests


def suite_of(test: Test) -> str:
    return (test.gtest or test.name).rsplit(".", 1)[0]


def batches(tests: list[Test], most: int = MOST) -> list[list[Test]]:
    """Whole suites together up to `most` tests; a larger suite is cut; what is no GoogleTest stays alone."""
    suites: dict[tuple, dict[str, list[Test]]] = {}
    result = []
    for test in tests:
        if test.gtest is None:
            result.append([test])
        else:
            suites.setdefault(test.home, {}).setdefault(suite_of(test), []).append(test)
    for of_program in suites.values():
        batch: list[Test] = []
        for suite in of_program.values():
            if len(batch) + len(suite) > most and batch:
                result.append(batch)
                batch = []
            for start in range(0, len(suite), most):
                part = suite[start:start + most]
                if len(part) == most:
                    result.append(part)
                else:
                    batch = batch + part
        if batch:
            result.append(batch)
    return result


def start(tests: list[Test]) -> Outcome:
    """One process that runs these."""
    first = tests[0]
    with tempfile.TemporaryDirectory() as scratch:
        xml = Path(scratch) / "results.xml"
        command = [word for word in first.command if not word.startswith(FILTER)]
        if first.gtest is not None:
            command += [FILTER + ":".join(test.gtest for test in tests), f"--gtest_output=xml:{xml}"]
        try:
            run = subprocess.run(command, cwd=first.folder, env={**os.environ, **first.environment}, text=True,
                                 errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=TIMEOUT, check=False)
            status, output = run.returncode, run.stdout
        except subprocess.TimeoutExpired as late:
            # Bytes, in spite of text=True.
            said = late.stdout if isinstance(late.stdout, str) else (late.stdout or b"").decode(errors="replace")
            status, output = -1, f"{said}\nnot done after {TIMEOUT} s, killed"
        except OSError as error:
            return Outcome(-1, f"{command[0]} cannot be started: {error}", [])
        try:
            cases = [case for case in ElementTree.parse(xml).getroot().iter("testcase")
                     if case.get("status") != "notrun"]
        except (OSError, ElementTree.ParseError):
            cases = []
        return Outcome(status, output, cases)


def case_of(test: Test, outcome: Outcome) -> ElementTree.Element:
    """The result of a test that ran alone."""
    if len(outcome.cases) == 1 and (outcome.good or outcome.cases[0].find("failure") is not None):
        case = outcome.cases[0]
    else:
        group, _, name = (test.gtest or test.name).rpartition(".")
        case = ElementTree.Element("testcase", classname=group, name=name)
        # A GoogleTest that says nothing of itself has not run.
        if not outcome.good or test.gtest is not None:
            ElementTree.SubElement(case, "failure", message=f"ended with status {outcome.status}")
    if case.find("failure") is not None:
        lines = outcome.output.splitlines()[-TAIL_LINES:]
        clean = "".join(c for c in "\n".join(lines) if c in "\n\t" or ord(c) >= 32)
        ElementTree.SubElement(case, "system-out").text = clean
    return case


def results_of(tests: list[Test]) -> list[ElementTree.Element]:
    together = start(tests)
    if len(tests) == 1:
        return [case_of(tests[0], together)]
    if together.good and len(together.cases) == len(tests):
        return together.cases
    alone = [case_of(test, start([test])) for test in tests]
    if not any(case.find("failure") is not None for case in alone):
        print(f"in company only, status {together.status}: {' '.join(test.name for test in tests)}\n"
              + "\n".join(together.output.splitlines()[-TAIL_LINES:]), flush=True)
        print(f"  fails in company, passes alone: one of {tests[0].name} and {len(tests) - 1} more", file=sys.stderr)
    return alone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", type=Path)
    parser.add_argument("results", type=Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    listing = subprocess.run(["ctest", "--test-dir", arguments.tree, "-LE", "qtest", "--show-only=json-v1"],
                             capture_output=True, text=True, check=True).stdout
    tests = read_tests(json.loads(listing))
    if not tests:
        sys.exit(f"host_tests.py: no test in {arguments.tree}")
    root = ElementTree.Element("testsuite", name="host")
    # More than one at a time comes from processes: a thread waits for each.
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for cases in pool.map(results_of, batches(tests)):
            root.extend(cases)
    failed = sum(case.find("failure") is not None for case in root)
    root.attrib.update(tests=str(len(root)), failures=str(failed))
    ElementTree.ElementTree(root).write(arguments.results, encoding="unicode", xml_declaration=True)
    for case in root:
        if case.find("failure") is not None:
            print(f"FAILED {case.get('classname')}.{case.get('name')}")
    print(f"{len(root)} tests, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
