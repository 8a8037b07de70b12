# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the tools share: the programs, and a target of their own for each test.

The build tells where the programs are, by the environment. Everything else lies in a folder under
the current one, which is the build folder; its path is relative, and thus short enough for a socket.
"""

import os
import select
import shutil
import subprocess
import tempfile
import unittest

LIMIT = 60  # seconds for anything that is started


def program(name):
    return os.environ["VSCSI_" + name.upper()]


class ToolTest(unittest.TestCase):
    """A test with a folder and, once it was started, a target; both are gone after it."""

    luns = ["0:0,ram=4M"]

    def setUp(self):
        self.folder = os.path.relpath(tempfile.mkdtemp(prefix="tool", dir="."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.address = "vhost-user:" + self.path("v")
        self.target = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        mode = "wb" if isinstance(data, bytes) else "w"
        with open(self.path(name), mode) as file:
            file.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def serve(self, *options):
        """Starts a target and waits for its first line."""
        luns = ["--lun=" + lun.format(folder=self.folder) for lun in self.luns]
        self.target = subprocess.Popen(
            [program("target"), "--socket=" + self.path("v"), *luns, *options],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.stop)
        ready, _, _ = select.select([self.target.stdout], [], [], LIMIT)
        self.assertTrue(ready, "the target says nothing")
        self.assertIn("listening on", self.target.stdout.readline())

    def stop(self):
        self.target.terminate()
        try:
            self.target.wait(LIMIT)
        finally:
            self.target.kill()
            self.target.stdout.close()

    def run_tool(self, name, *arguments, status=0):
        """Runs a program to its end; returns what it printed on stdout and stderr."""
        done = subprocess.run([program(name), *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=LIMIT)
        self.assertEqual(done.returncode, status, f"{arguments}:\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def refused(self, name, *arguments, status=2):
        """As run_tool(), for what must fail; returns the sentence."""
        out, err = self.run_tool(name, *arguments, status=status)
        self.assertNotEqual(err, "")
        return err
