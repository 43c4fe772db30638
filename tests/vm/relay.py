#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""In the place of QEMU below skald-vm, for tests in which one QEMU takes over from another.

Runs the QEMU named by SKALD_RELAY_QEMU with the arguments it was given. On the socket SKALD_RELAY_SOCKET it takes one
line of JSON at a time, {"when": "now" or "end", "add": [arguments]}, and starts a further QEMU like the first, at once or
when the one that runs ends. All of them have skald-vm's sockets. It ends with the last of them.
"""

import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Relay:
    def __init__(self, arguments):
        self.arguments = arguments
        self.children = {}  # by pidfd
        self.waiting = None
        self.poll = select.poll()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(os.environ["SKALD_RELAY_SOCKET"])
        self.server.listen()
        self.poll.register(self.server, select.POLLIN)

    def start(self, request):
        arguments = self.arguments + request.get("add", [])
        child = subprocess.Popen([os.environ["SKALD_RELAY_QEMU"]] + arguments, close_fds=False,
                                 preexec_fn=die_with_parent)
        self.children[os.pidfd_open(child.pid)] = child
        self.poll.register(max(self.children), select.POLLIN)

    def accept(self):
        connection, _ = self.server.accept()
        with connection, connection.makefile("rw") as lines:
            request = json.loads(lines.readline())
            if request["when"] == "now":
                self.start(request)
            else:
                self.waiting = request
            lines.write("ok\n")

    def reap(self, pidfd):
        status = self.children.pop(pidfd).wait()
        self.poll.unregister(pidfd)
        os.close(pidfd)
        if self.waiting is not None:
            request, self.waiting = self.waiting, None
            self.start(request)
        return status

    def run(self):
        status = 0
        self.start({})
        while self.children:
            for fd, _ in self.poll.poll():
                if fd == self.server.fileno():
                    self.accept()
                else:
                    status = self.reap(fd)
        return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(Relay(sys.argv[1:]).run())
