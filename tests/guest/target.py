# SPDX-License-Identifier: BSD-3-Clause
"""Starts vscsi-target, talks to its control socket, and stops it."""

import contextlib
import socket
import subprocess

SECONDS = 10


class Target:
    """A running back-end. Its sockets are in the current directory, because their paths must be short."""

    def __init__(self, process):
        self._process = process

    def control(self, command):
        """Send a command and return the reply."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect("control.sock")
            connection.sendall(command.encode() + b"\n")
            with connection.makefile() as answers:
                return answers.readline().strip()

    def stop(self):
        """Stop it with SIGTERM and return its exit status."""
        self._process.terminate()
        return self._process.wait(SECONDS)


@contextlib.contextmanager
def running(program, arguments):
    """A target that listens on target.sock until the block is left."""
    with open("target.log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [program, "--socket=target.sock", "--control=control.sock", *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        # This line means that it accepts connections; the end of the output, that it has failed.
        line = process.stdout.readline()
        if not line.startswith("listening on "):
            raise RuntimeError(f"vscsi-target did not start: {line}{open('target.log').read()}")
        yield Target(process)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
