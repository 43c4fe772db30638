#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How clang-tidy is run: what is looked at together, and that each source has its own result all the same."""

import stat
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lint"))
import tidy  # noqa: E402

# Finds something in every file that says so, also through what the file includes, and counts its calls.
PROGRAM = """#!/usr/bin/env python3
import re, sys
source = next(w for w in sys.argv[1:] if w.endswith('.cpp'))
text = open(source).read()
text += ''.join(open(name).read() for name in re.findall('#include "(.*)"', text))
open(LOG, 'a').write(source + chr(10))
together = source.endswith('together.cpp')
if 'WRONG' in text or 'COMPANY' in text and together or 'ALONE' in text and not together:
    print(source + ': wrong')
    sys.exit(1)
"""


class Fixture(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.folder = Path(self.scratch.name)

    def source(self, name: str, text: str, options: tuple = ("-O2",), checks: tuple = ()) -> tidy.Source:
        (self.folder / name).write_text(text)
        return tidy.Source(str(self.folder / name), self.folder / f"{name}.clean", list(checks), list(options))


class Companies(Fixture):
    def names(self, *sources: tidy.Source, most: int = 12) -> list[list[str]]:
        return [[Path(source.path).name for source in company] for company in tidy.companies(list(sources), most)]

    def test_sources_compiled_alike_are_looked_at_together(self):
        a, b = self.source("a.cpp", "int a;\n"), self.source("b.cpp", "int b;\n")
        c = self.source("c.cpp", "int c;\n", ("-O2", "-DC"))
        self.assertEqual(self.names(a, b, c), [["a.cpp", "b.cpp"], ["c.cpp"]])

    def test_no_company_is_larger_than_the_limit(self):
        sources = [self.source(f"{name}.cpp", f"int {name};\n") for name in "abcde"]
        self.assertEqual([len(company) for company in tidy.companies(sources, 2)], [2, 2, 1])

    def test_the_analyzer_sees_each_alone(self):
        a, b = (self.source(name, "", checks=("--checks=clang-analyzer-*",)) for name in ("a.cpp", "b.cpp"))
        self.assertEqual(len(self.names(a, b)), 2)

    def test_sources_with_the_same_private_name_do_not_meet(self):
        for declaration in ("void same(int) {", "constexpr int same = 1;", "struct same {", "enum class same : int {",
                            "const char* const same[2] = {", "std::vector<int>\nsame(int x) {"):
            text = "namespace {\n\n" + declaration + "\n    int inside = 0;\n}\n\n}  // namespace\n"
            a, b = self.source("a.cpp", text), self.source("b.cpp", text)
            self.assertEqual(len(self.names(a, b)), 2, declaration)
        a, b = self.source("a.cpp", "static int same() {\n"), self.source("b.cpp", "static int same() {\n")
        self.assertEqual(len(self.names(a, b)), 2)

    def test_a_private_name_does_not_meet_one_that_others_use(self):
        a = self.source("a.cpp", "namespace {\n\nconstexpr int kMost = 1;\n\n}  // namespace\n")
        b, c = self.source("b.cpp", "int b = kMost;\n"), self.source("c.cpp", 'auto c = "kMost";  // kMost\n')
        self.assertEqual(self.names(a, b, c), [["a.cpp", "c.cpp"], ["b.cpp"]])
        self.assertEqual(self.names(b, a, c), [["b.cpp", "c.cpp"], ["a.cpp"]])

    def test_a_member_is_no_name_that_others_use(self):
        a = self.source("a.cpp", "namespace {\n\nvoid add(int) {\n}\n\n}  // namespace\n")
        for text in ("int b = c.add(1);\n", "int b = c->add(1);\n", "int b = Sum::add(1);\n"):
            self.assertEqual(len(self.names(a, self.source("b.cpp", text))), 1, text)
        self.assertEqual(len(self.names(a, self.source("b.cpp", "int b = add(1);\n"))), 2)

    def test_options_are_those_of_the_command_without_its_files(self):
        command = {"file": "/s/a.cpp",
                   "command": "/usr/bin/ccache /usr/bin/c++ -DX -I/s -O2 -MD -MF a.d -MT a.o -o a.cpp.o -c /s/a.cpp"}
        self.assertEqual(tidy.options_of(command), ["-DX", "-I/s", "-O2"])


class Results(Fixture):
    def setUp(self):
        super().setUp()
        self.log = self.folder / "log"
        program = self.folder / "tidy"
        program.write_text(PROGRAM.replace("LOG", repr(str(self.log))))
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        patch = unittest.mock.patch.object(tidy, "TIDY", str(program))
        patch.start()
        self.addCleanup(patch.stop)

    def test_clean_company_costs_one_look(self):
        company = [self.source("a.cpp", "int a;\n"), self.source("b.cpp", "int b;\n")]
        self.assertEqual([clean for _, clean, _ in tidy.results_of(self.folder, company)], [True, True])
        self.assertEqual(len(self.log.read_text().splitlines()), 1)

    def test_what_looks_at_main_files_only_sees_each_alone_too(self):
        for line, looks in (("using std::span;", 2), ("  using a::b::C;", 2), ("namespace fs = std::filesystem;", 2),
                            ("using namespace std;", 1), ("using Name = int;", 1), ("namespace skald {", 1)):
            self.log.write_text("")
            company = [self.source("a.cpp", f"{line}\n"), self.source("b.cpp", "int b;\n")]
            self.assertEqual([clean for _, clean, _ in tidy.results_of(self.folder, company)], [True, True])
            self.assertEqual(len(self.log.read_text().splitlines()), looks, line)

    def test_a_finding_of_checks_of_main_files_is_that_of_its_source(self):
        company = [self.source("a.cpp", "using std::span;  // ALONE\n"), self.source("b.cpp", "int b;\n")]
        self.assertEqual([clean for _, clean, _ in tidy.results_of(self.folder, company)], [False, True])

    def test_a_finding_is_that_of_its_source(self):
        company = [self.source("a.cpp", "WRONG\n"), self.source("b.cpp", "int b;\n")]
        results = tidy.results_of(self.folder, company)
        self.assertEqual([clean for _, clean, _ in results], [False, True])
        self.assertIn("a.cpp: wrong", results[0][2])

    def test_what_is_wrong_in_company_only_is_clean(self):
        company = [self.source("a.cpp", "COMPANY\n"), self.source("b.cpp", "int b;\n")]
        self.assertTrue(all(clean for _, clean, _ in tidy.results_of(self.folder, company)))


if __name__ == "__main__":
    unittest.main()
