# SPDX-License-Identifier: BSD-3-Clause
"""Shared by the tests of the tools: the programs, and a target for each test.

The environment has the paths of the programs. Files are created in a directory below the current
one, the build directory; its path is relative, because the path of a socket must be short.
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
    """A test with a temporary directory and an optional target."""

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

    def serve(self, *options, **process):
        """Starts a target, with these arguments for Popen, and waits for its first line."""
        luns = ["--lun=" + lun.format(folder=self.folder) for lun in self.luns]
        self.target = subprocess.Popen(
            [program("target"), "--socket=" + self.path("v"), *luns, *options],
            stdout=subprocess.PIPE, text=True, **process)
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

    def run_tool(self, name, *arguments, status=0, environment=None, **options):
        """Runs a program; returns its stdout and stderr."""
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE, "text": True} | options
        done = subprocess.run([program(name), *arguments], timeout=LIMIT, check=False,
                              env=os.environ | (environment or {}), **options)
        self.assertEqual(done.returncode, status, f"{arguments}:\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    def notices_full_output(self, name, *arguments):
        """Each must fail, and say so once, if its standard output can't be written."""
        with open("/dev/full", "w") as full:
            _, err = self.run_tool(name, *arguments, status=1, stdout=full)
        self.assertRegex(err, "^vscsi-[a-z]+: writing [^:]+(: No space left on device| failed)\n$")

    def refused(self, name, *arguments, status=2):
        """As run_tool(), for a run that must fail; returns the error message."""
        out, err = self.run_tool(name, *arguments, status=status)
        self.assertNotEqual(err, "")
        return err
