# SPDX-License-Identifier: MIT
"""Cases that boot a guest of their own each: a program that has some hands them to main()."""

import argparse
import pathlib
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET

from talk import PATIENCE, QEMUS_RACE, Failure, died_of_qemus_race, expect

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


class Skip(Exception):
    """A case that cannot run on this machine, and why."""


def expect_in(part, text, what):
    if part not in text:
        raise Failure(f"{what}: {text!r} has no {part!r}")


class Bench:
    """Where things are, and how a guest is run."""

    def __init__(self, options, suite, name, folder):
        self.build = options.build
        self.model = options.build / "host/test-bin/data/default.skald"
        self.folder = pathlib.Path(folder)
        self.vm = options.build / "bin/skald-vm"
        self.logs = options.results / f"vm-{suite}" / name
        self.logs.mkdir(parents=True, exist_ok=True)

    def command(self, script, *options, logs=True):
        words = [self.vm, "--timeout", PATIENCE, *(["--logs", self.logs] if logs else []), *options, "--", "bash", "-c",
                 script]
        return [str(word) for word in words]

    def run(self, script, *options, **how):
        """Status, standard output and standard error of a script in a guest."""
        how = {"stdout": subprocess.PIPE, **how}
        done = subprocess.run(self.command(script, *options), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, errors="replace", **how)
        return done.returncode, done.stdout, done.stderr

    def expect_line(self, command, line, *options, status=1):
        """A command that fails with this one line."""
        found, out, err = self.run(command, "--disk", self.model, *options)
        expect((found, out, err), (status, "", line + "\n"), command)


TRIES = 3


def attempt(suite_name, run, options):
    """A case, once more where QEMU itself fell over."""
    for left in reversed(range(TRIES)):
        with tempfile.TemporaryDirectory(prefix="skald-cases-") as folder:
            bench = Bench(options, suite_name, name_of(run), folder)
            try:
                return run(bench) or ""
            except Failure:
                if left == 0 or not died_of_qemus_race(bench.logs):
                    raise
                print(f"{name_of(run)}: QEMU ended with an assertion of its own ({QEMUS_RACE}), once more", flush=True)
    raise AssertionError


def name_of(case):
    return "".join(word.capitalize() for word in case.__name__.split("_"))


def main(suite_name, about, all_cases):
    """The whole of a program that runs cases."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", help="names, or parts of them; default all")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="where all was built")
    parser.add_argument("--results", type=pathlib.Path, help="where results go; default BUILD/test-results")
    parser.add_argument("--list", action="store_true", help="list the cases")
    options = parser.parse_args()
    options.build = options.build.resolve()
    options.results = (options.results or options.build / "test-results").resolve()
    cases = [case for case in all_cases if not options.case or any(part in name_of(case) for part in options.case)]
    if options.list:
        print("\n".join(map(name_of, cases)))
        return 0
    suites = ET.Element("testsuites", name=f"vm.{suite_name}")
    suite = ET.SubElement(suites, "testsuite", name=f"vm.{suite_name}")
    failed = skipped = 0
    for run in cases:
        case = ET.SubElement(suite, "testcase", name=name_of(run), classname=f"vm.{suite_name}")
        start = time.monotonic()
        said, verdict = "", "ok"
        try:
            said = attempt(suite_name, run, options)
        except Skip as reason:
            skipped += 1
            verdict = "skipped"
            said = str(reason)
            ET.SubElement(case, "skipped", message=said)
        except (Failure, OSError, subprocess.SubprocessError) as failure:
            failed += 1
            verdict = "FAILED"
            said = f"{failure}\nlogs in {options.results / f'vm-{suite_name}' / name_of(run)}"
            ET.SubElement(case, "failure", message=str(failure).splitlines()[0]).text = said
        case.set("time", f"{time.monotonic() - start:.1f}")
        print(f"vm {suite_name} {name_of(run)}: {verdict}, {time.monotonic() - start:.0f} s", flush=True)
        if said:
            print(said, flush=True)
    for element in (suite, suites):
        element.attrib.update(tests=str(len(cases)), failures=str(failed), skipped=str(skipped))
    options.results.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(suites).write(options.results / f"vm-{suite_name}.xml", encoding="unicode", xml_declaration=True)
    return 1 if failed else 0
