#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tidy.py BUILD CACHE [--all]: clang-tidy over the sources of the product; with --all over those of the tests as well, and with
clang's analyzer, which takes several times as long. A source that was clean once is not looked at again until it, a header of
ours that it includes, its command or the checks change: the cache holds their hash."""

import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-19"


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


def look(build: Path, source: str, options: list[str]) -> tuple[bool, str]:
    command = [TIDY, "-p", build, "--quiet", *options, source]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.returncode == 0, run.stdout


def main() -> int:
    build, cache = Path(sys.argv[1]), Path(sys.argv[2])
    cache.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    everything = "--all" in sys.argv[3:]
    checks = version + (ROOT / ".clang-tidy").read_bytes() + (ROOT / "tests/.clang-tidy").read_bytes()
    recorded = dependencies(build)
    todo: dict[str, tuple[Path, list[str]]] = {}
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
            todo[command["file"]] = (stamp, options)
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, (clean, text) in zip(todo, pool.map(lambda source: look(build, source, todo[source][1]), todo)):
            if clean:
                todo[source][0].touch()
            else:
                bad += 1
                print(text)
    print(f"{len(todo)} sources looked at, {bad} with findings")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
