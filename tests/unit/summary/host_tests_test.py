#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the host tests are run: what shares a process, and that each test's result is its own all the same."""

import os
import stat
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
import host_tests  # noqa: E402

# Behaves like a GoogleTest program: tests named Bad.* fail, Crash.* end the process, Hangs.* never end,
# Company.* fail beside others, Leaks.* end badly when all is done.
PROGRAM = """#!/usr/bin/env python3
import os, sys, time
names = next(w.split('=', 1)[1] for w in sys.argv if w.startswith('--gtest_filter=')).split(':')
xml = next(w.split(':', 1)[1] for w in sys.argv if w.startswith('--gtest_output='))
cases = ''
bad = any(name.startswith('Leaks.') for name in names)
for name in names:
    suite, _, test = name.rpartition('.')
    if suite == 'Hangs':
        print('for ever', flush=True)
        time.sleep(60)
    if suite == 'Crash':
        print('it fell over', flush=True)
        os.abort()
    fails = suite == 'Bad' or suite == 'Company' and len(names) > 1
    bad = bad or fails
    inside = '<failure message="wrong"/>' if fails else ''
    cases += f'<testcase status="run" classname="{suite}" name="{test}" time="0">{inside}</testcase>'
open(xml, 'w').write(f'<testsuites><testsuite>{cases}</testsuite></testsuites>')
sys.exit(1 if bad else 0)
"""


class HostTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.program = os.path.join(folder.name, "program")
        Path(self.program).write_text(PROGRAM)
        os.chmod(self.program, os.stat(self.program).st_mode | stat.S_IXUSR)

    def made(self, *names, environment=None):
        return [host_tests.Test(name, [self.program, f"--gtest_filter={name}"], self.folder, environment or {})
                for name in names]

    def failures(self, *names):
        cases = host_tests.results_of(self.made(*names))
        self.assertEqual([f"{case.get('classname')}.{case.get('name')}" for case in cases], list(names))
        return [f"{case.get('classname')}.{case.get('name')}" for case in cases if case.find("failure") is not None]

    def test_small_suites_share_a_process_and_large_ones_are_cut(self):
        tests = self.made("A.a", "B.a", "A.b", "C.a", "C.b", "C.c", "D.a")
        names = [[test.name for test in batch] for batch in host_tests.batches(tests, most=3)]
        self.assertEqual(names, [["A.a", "A.b", "B.a"], ["C.a", "C.b", "C.c"], ["D.a"]])

    def test_every_test_is_in_one_batch(self):
        tests = self.made(*(f"S{number % 7}.t{number}" for number in range(100)))
        batched = [test.name for batch in host_tests.batches(tests, most=8) for test in batch]
        self.assertEqual(sorted(batched), sorted(test.name for test in tests))

    def test_another_environment_is_another_process(self):
        tests = self.made("A.a") + self.made("A.b", environment={"X": "1"})
        self.assertEqual(len(host_tests.batches(tests)), 2)

    def test_a_program_that_is_no_googletest_stays_alone(self):
        other = host_tests.Test("other", ["/bin/false"], self.folder, {})
        self.assertEqual(host_tests.batches([other, *self.made("A.a")])[0], [other])
        self.assertIsNotNone(host_tests.results_of([other])[0].find("failure"))

    def test_all_pass_in_one_process(self):
        self.assertEqual(self.failures("A.a", "A.b", "B.a"), [])

    def test_one_that_fails_leaves_the_others_their_results(self):
        self.assertEqual(self.failures("A.a", "Bad.a", "B.a"), ["Bad.a"])

    def test_one_that_crashes_leaves_the_others_their_results_and_its_output(self):
        cases = host_tests.results_of(self.made("A.a", "Crash.a", "B.a"))
        self.assertEqual([case.find("failure") is not None for case in cases], [False, True, False])
        self.assertIn("it fell over", cases[1].findtext("system-out"))

    def test_a_bad_end_after_a_good_result_is_a_failure(self):
        self.assertEqual(self.failures("A.a", "Leaks.a"), ["Leaks.a"])

    def test_what_fails_in_company_only_has_the_result_of_its_own_process(self):
        self.assertEqual(self.failures("A.a", "Company.a"), [])

    def test_one_that_hangs_is_killed_and_fails_with_what_it_said(self):
        with unittest.mock.patch.object(host_tests, "TIMEOUT", 2):
            case = host_tests.results_of(self.made("Hangs.a"))[0]
        self.assertIn("for ever", case.findtext("system-out"))
        self.assertIn("killed", case.findtext("system-out"))

    def test_a_googletest_that_says_nothing_has_failed(self):
        test = host_tests.Test("A.a", ["/bin/true", "--gtest_filter=A.a"], self.folder, {})
        self.assertIsNotNone(host_tests.results_of([test])[0].find("failure"))


if __name__ == "__main__":
    unittest.main()
