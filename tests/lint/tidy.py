#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tidy.py BUILD CACHE [--all]: clang-tidy over the sources of the product; with --all over those of the tests as well, and with
clang's analyzer, which takes several times as long. A source that was clean once is not looked at again until it, a header of
ours that it includes, its command or the checks change: the cache holds their hash.

Most of the time goes into standard headers, so sources of one folder that are compiled alike are looked at as one. The
analyzer looks at main files only, so there each goes alone; and so do the two checks of using-declarations and of names for
namespaces, which take a third of what all take. Where something is found in company, each is looked at again alone, and that
is its result."""

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-19"
# Sources in company: enough to share the headers, few enough that one finding does not cost much.
MOST = 12

# Checks of main files, and what they are about.
MAIN_FILE_CHECKS = "--checks=-*,misc-unused-using-decls,misc-unused-alias-decls"
MAIN_FILE = re.compile(r"^\s*(using\s+(?!namespace\b)[\w:]+;|namespace\s+\w+\s*=)", re.MULTILINE)
PRIVATE = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", re.MULTILINE | re.DOTALL)
TYPE_NAME = re.compile(r"\b(?:struct|class|enum|union)\s+(?:class\s+)?(\w+)")
PROSE = re.compile(r'//.*|"(?:[^"\\\n]|\\.)*"')
# Not what is a member of something: x.name, x->name, x::name.
WORD = re.compile(r"(?<![.>:\w])\w+")
NAME = re.compile(r"(\w+)(?:\[[^]]*\])*\s*(?:[({=;]|$)")


@dataclasses.dataclass
class Source:
    path: str
    stamp: Path
    checks: list[str]
    options: list[str]  # of the compiler, without the names of files

    def clean(self) -> None:
        self.stamp.touch()


def dependencies(build: Path) -> dict[str, list[str]]:
    """Object file -> the files of ours it was made from, as Ninja recorded them."""
    result: dict[str, list[str]] = {}
    current: list[str] = []
    listing = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        if line and not line.startswith((" ", "ninja:")):
            current = result.setdefault(line.split(": #deps")[0], [])
        elif line.strip():
            path = os.path.normpath(os.path.join(build, line.strip()))
            if path.startswith(f"{ROOT}/"):
                current.append(path)
    return result


def key_of(command: dict, sources: list[str], checks: bytes) -> str:
    digest = hashlib.sha256(checks)
    digest.update(command["command"].replace(str(ROOT), "").encode())
    for path in sorted(set(sources)):
        digest.update(path[len(str(ROOT)):].encode() + b"\0" + Path(path).read_bytes())
    return digest.hexdigest()


def object_of(command: dict) -> str:
    """The object file as Ninja names it: older CMakes only say it in the command."""
    words = shlex.split(command["command"])
    return command.get("output") or words[words.index("-o") + 1]


def options_of(command: dict) -> list[str]:
    """Of the compiler, without what is about this one source."""
    words = shlex.split(command["command"])
    options = words[next(i for i, word in enumerate(words) if word.startswith("-")):]
    result = []
    while options:
        word = options.pop(0)
        if word in ("-o", "-MF", "-MT", "-MQ"):
            options.pop(0)
        elif word not in ("-c", "-MD", command["file"]):
            result.append(word)
    return result


def private_names(text: str) -> set[str]:
    """What a source calls things that no other source sees; those of two may be the same."""
    names: set[str] = set()
    for part in PRIVATE.findall(text) + re.findall(r"^(?:static|#define) .*", text, re.MULTILINE):
        for line in part.splitlines():
            if line[:1] not in ("", " ", "}", "/"):
                found = TYPE_NAME.search(line) or NAME.search(line)
                names.update(found.groups() if found else ())
    return names


@dataclasses.dataclass
class Company:
    sources: list[Source] = dataclasses.field(default_factory=list)
    private: set[str] = dataclasses.field(default_factory=set)
    words: set[str] = dataclasses.field(default_factory=set)


def companies(sources: list[Source], most: int = MOST) -> list[list[Source]]:
    """What is looked at together; what is in no company is a list of one."""
    result = []
    kinds: dict[tuple, list[Company]] = {}
    for source in sources:
        text = Path(source.path).read_text(encoding="utf-8")
        if source.checks or not source.path.endswith(".cpp"):
            result.append([source])
            continue
        # A private name of one may be a public one of a header that another uses.
        private, words = private_names(text), set(WORD.findall(PROSE.sub("", text)))
        of_kind = kinds.setdefault(tuple(source.options), [])
        company = next((company for company in of_kind if len(company.sources) < most
                        and not company.private & words and not company.words & private), None)
        if company is None:
            company = Company()
            of_kind.append(company)
            result.append(company.sources)
        company.sources.append(source)
        company.private |= private
        company.words |= words
    # What takes longest first.
    return sorted(result, key=len, reverse=True)


def look(build: Path, source: Source, *checks: str) -> tuple[bool, str]:
    # The precompiled header of tests is g++'s, and what clang has instead is empty.
    command = [TIDY, "-p", build, "--quiet", "--extra-arg=-Wno-ignored-gch", *source.checks, *checks, source.path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode == 0, run.stdout


def look_together(company: list[Source]) -> bool:
    with tempfile.TemporaryDirectory() as scratch:
        together = Path(scratch) / "together.cpp"
        together.write_text("".join(f'#include "{source.path}"  // NOLINT\n' for source in company))
        # No warnings of the compiler: private names that now hide each other are none of ours.
        # And findings in whatever room, since what is included counts as a header.
        command = [TIDY, f"--config-file={ROOT / '.clang-tidy'}", "--quiet", f"--header-filter=^{re.escape(str(ROOT))}/",
                   str(together), "--", *company[0].options, "-w"]
        return subprocess.run(command, cwd=scratch, capture_output=True, check=False).returncode == 0


def results_of(build: Path, company: list[Source]) -> list[tuple[Source, bool, str]]:
    if len(company) > 1 and look_together(company):
        about_main_file = [bool(MAIN_FILE.search(Path(source.path).read_text(encoding="utf-8"))) for source in company]
        return [(source, *(look(build, source, MAIN_FILE_CHECKS) if alone else (True, "")))
                for source, alone in zip(company, about_main_file)]
    return [(source, *look(build, source)) for source in company]


def main() -> int:
    build, cache = Path(sys.argv[1]), Path(sys.argv[2])
    cache.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    everything = "--all" in sys.argv[3:]
    checks = version + (ROOT / ".clang-tidy").read_bytes() + (ROOT / "tests/.clang-tidy").read_bytes()
    recorded = dependencies(build)
    todo: dict[str, Source] = {}
    for command in json.loads((build / "compile_commands.json").read_text()):
        if Path(command["file"]).is_relative_to(build.resolve()):
            continue  # made by a generator
        of_tests = command["file"].startswith(f"{ROOT}/tests/")
        if of_tests and not everything:
            continue
        sources = recorded.get(object_of(command), []) + [command["file"]]
        options = ["--checks=clang-analyzer-*"] if everything and not of_tests else []
        stamp = cache / key_of(command, sources, checks + " ".join(options).encode())
        if not stamp.exists():
            todo[command["file"]] = Source(command["file"], stamp, options, options_of(command))
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for results in pool.map(lambda company: results_of(build, company), companies(list(todo.values()))):
            for source, clean, text in results:
                if clean:
                    source.clean()
                else:
                    bad += 1
                    print(text)
    print(f"{len(todo)} sources looked at, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
