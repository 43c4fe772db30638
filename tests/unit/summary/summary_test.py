#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `make test` says at its end: failures, where the time went, and the counts alone on the last line."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SUMMARY = Path(__file__).resolve().parents[2] / "summary.py"


class Summary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = Path(folder.name)

    def suite(self, name, cases, status=0, building=None, seconds=None, cpu=None, stages=()):
        """cases: name, seconds, and what is inside of the element."""
        text = "".join(f'<testcase classname="T" name="{case}" time="{time}">{inside}</testcase>'
                       for case, time, inside in cases)
        (self.results / f"{name}.xml").write_text(f"<testsuite>{text}</testsuite>")
        (self.results / f"{name}.log").write_text("what the suite said\n")
        if building is not None:
            (self.results / f"{name}.building").write_text(f"{building}\n")
        if seconds is not None:
            (self.results / f"{name}.seconds").write_text(f"{seconds}\n")
        if cpu is not None:
            (self.results / f"{name}.cpu").write_text(f"{cpu}\n")
        if stages:
            (self.results / f"{name}.stages").write_text("".join("\t".join(map(str, stage)) + "\n" for stage in stages))
        (self.results / f"{name}.status").write_text(f"{status}\n")

    def summary(self, status):
        done = subprocess.run([sys.executable, SUMMARY, self.results], capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout.splitlines()

    def test_counts_stand_alone_on_the_last_line(self):
        self.suite("host", [("a", 1, ""), ("b", 2, "<skipped/>")], building=5, seconds=8)
        self.assertEqual(self.summary(0)[-1], "1 passed, 0 failed, 1 skipped")

    def test_each_reason_to_skip_is_told_once(self):
        no_amx = '<skipped message="t.cpp:7&#xA;no amx"/>'
        self.suite("host", [("a", 1, ""), ("b", 0, no_amx), ("c", 0, no_amx)])
        self.suite("vm", [("d", 0, no_amx), ("e", 0, '<skipped message="no igt"/>'), ("f", 0, "<skipped/>")])
        lines = self.summary(0)
        self.assertEqual([line for line in lines if line.startswith("skipped")],
                         ["skipped host: T.b and 2 more: no amx", "skipped vm: T.e: no igt",
                          "skipped vm: T.f: no reason given"])
        self.assertEqual(lines[-1], "1 passed, 0 failed, 5 skipped")

    def test_time_is_shown_suite_by_suite_and_sums_up(self):
        self.suite("host", [("a", 1, "")], building=50, seconds=80, cpu=120)
        self.suite("vm", [("a", 1, "")], building=7, seconds=207, cpu=210)
        rows = [line.split() for line in self.summary(0)]
        self.assertIn(["host", "50", "30", "80", "120"], rows)
        self.assertIn(["vm", "7", "200", "207", "210"], rows)
        self.assertIn(["all", "57", "230", "287", "330"], rows)

    def test_what_passed_from_start_to_end_is_told_beside_the_sum(self):
        self.suite("host", [("a", 1, "")], building=50, seconds=80, cpu=120)
        self.assertFalse([line for line in self.summary(0) if line.startswith("from start")])
        (self.results / "elapsed").write_text("61\n")
        self.assertIn("from start to end 61", [" ".join(line.split()) for line in self.summary(0)])

    def test_what_was_built_comes_by_its_cost_and_once(self):
        self.suite("lint", [("a", 1, "")], stages=[("host: all", 30, 50), ("qemu", 40, 70), ("packages", 0, 0)])
        self.suite("host", [("a", 1, "")], stages=[("host: all", 2, 25)])
        rows = [" ".join(line.split()) for line in self.summary(0)]
        self.assertEqual(rows[rows.index("building seconds CPU") + 1:][:2], ["host: all 32 75", "qemu 40 70"])
        self.assertFalse([row for row in rows if row.startswith("packages")])

    def test_the_ten_slowest_tests_come_in_order(self):
        self.suite("host", [(f"t{i}", i, "") for i in range(20)], seconds=200)
        slow = [line.split()[-1] for line in self.summary(0) if " s  host: " in line]
        self.assertEqual(slow, [f"T.t{i}" for i in range(19, 9, -1)])

    def test_a_suite_that_ended_badly_fails_and_its_time_counts(self):
        self.suite("vm", [("a", 1, "")], status=1, building=3, seconds=9)
        lines = self.summary(1)
        self.assertIn("FAILED vm: the suite as a whole", lines)
        self.assertIn(["vm", "3", "6", "9", "0"], [line.split() for line in lines])
        self.assertEqual(lines[-1], "1 passed, 1 failed, 0 skipped")


if __name__ == "__main__":
    unittest.main()
