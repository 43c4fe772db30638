# SPDX-License-Identifier: MIT
"""Talking to a guest that runs, and to the QEMU that it runs in."""

import json
import os
import select
import socket
import subprocess
import time

PATIENCE = 600  # seconds: of a busy machine


class Failure(Exception):
    pass


def expect(found, wanted, what):
    if found != wanted:
        raise Failure(f"{what}: {found!r}, expected {wanted!r}")


class Monitor:
    """QMP, with the events that came meanwhile."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("rw")
        self.lines.readline()
        self.events = []
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                raise Failure(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
            self.events.append(answer)

    def wait_for(self, event, **data):
        def found():
            return any(e.get("event") == event and data.items() <= e.get("data", {}).items() for e in self.events)

        while not found():
            self.events.append(json.loads(self.lines.readline()))
        self.events = []


class Talk:
    """A guest whose script and we take turns."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.output = b""
        self.seen = 0

    def more(self):
        """Whether there is output that has not been looked at; False at its end."""
        deadline = time.monotonic() + PATIENCE
        while len(self.output) == self.seen:
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"no output for {PATIENCE} s, after {self.output[-200:]!r}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return False
            self.output += data
        return True

    def wait_for(self, text):
        """The output up to that text, from the last one on."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.output.find(text.encode(), self.seen)) < 0:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise Failure(f"no more output, waiting for {text!r}: {self.output[self.seen:]!r}, "
                              f"{self.process.stderr.read()!r}")
            self.output += data
        before = self.output[self.seen:at].decode(errors="replace")
        self.seen = at + len(text.encode())
        return before

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def finish(self):
        out, err = self.process.communicate(timeout=PATIENCE)
        expect((self.process.returncode, out, err), (0, b"", b""), "skald-vm")

    def kill(self):
        self.process.kill()
        self.process.wait()


# An assertion of QEMU's under TCG, seen once in some hundred unplugs. It is taken for a processor that still has a page
# of the map of memory before the unplug; the cause has not been looked for in QEMU.
QEMUS_RACE = "iotlb_to_section: Assertion"


def died_of_qemus_race(logs):
    log = logs / "qemu.log"
    return log.exists() and QEMUS_RACE in log.read_text(errors="replace")
