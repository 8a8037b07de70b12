# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-copy in both directions, and the two example programs."""

import ctypes
import json
import os
import platform
import random
import struct
import subprocess
import unittest

from rig import LIMIT, ToolTest, program

REPORT = r"^{} bytes \([0-9.]+[KM]?i?B\) copied(, .+ of them zeros)?, [0-9.]+ s, .+/s\n$"
FSYNC = {"x86_64": 74, "aarch64": 82}


def fail_fsync():
    """For the process that calls it, fsync() and fdatasync(), whose number follows, fail with EIO: a
    filter of system calls."""
    number = FSYNC[platform.machine()]
    code = b"".join(struct.pack("HBBI", *line) for line in (
        (0x20, 0, 0, 0),                # load the number
        (0x15, 1, 0, number),           # if it is this one,
        (0x15, 0, 1, number + 1),       # or this one,
        (0x06, 0, 0, 0x00050000 | 5),   # return this error,
        (0x06, 0, 0, 0x7fff0000)))      # else allow it
    buffer = ctypes.create_string_buffer(code)
    program_ = struct.pack("HxxxxxxP", 5, ctypes.addressof(buffer))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.c_char_p(program_), 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


class Copy(ToolTest):
    # Not a multiple of the request size.
    size = (5 << 20) + 512 * 3
    luns = ["0:0,file={folder}/disk.img", "0:1,ram=8M", "1:0,file={folder}/ro.img,ro",
            "2:0,null=1G"]

    def setUp(self):
        super().setUp()
        self.data = random.Random(1).randbytes(self.size)
        for name in "disk.img", "ro.img", "in.img":
            self.write(name, self.data)
        self.serve()

    def test_out(self):
        out, _ = self.run_tool("copy", self.address, "0:0", self.path("out.img"))
        self.assertRegex(out, REPORT.format(self.size))
        self.assertEqual(self.read("out.img"), self.data)

    def test_by_identity(self):
        out, _ = self.run_tool("info", "--json", self.address, "1:0")
        name = json.loads(out)["luns"][0]["wwid"]
        address = self.address + "?id=" + name
        self.run_tool("copy", address, self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data)
        self.assertIn("ADDRESS?id=", self.refused("copy", self.address, self.path("out.img")))
        self.assertIn("leave out 0:0", self.refused("copy", address, "0:0", self.path("out.img")))
        self.run_tool("perf", "--name=x", "--address=" + address, "--size=4096")

    def test_out_replaces_a_longer_file(self):
        self.write("out.img", bytes(self.size + 4096))
        self.run_tool("copy", self.address, "0:0", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data)

    def test_in_and_out_again(self):
        self.run_tool("copy", self.path("in.img"), self.address, "0:1")
        self.run_tool("copy", self.address, "0:1", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data + bytes((8 << 20) - self.size))

    def test_in_changes_the_beginning_only(self):
        self.write("small", b"x" * 1024)
        self.run_tool("copy", self.path("small"), self.address, "0:0")
        self.assertEqual(self.read("disk.img"), b"x" * 1024 + self.data[1024:])

    def test_small_rings(self):
        address = self.address + "?queue_size=8&indirect=off"
        self.run_tool("copy", address, "0:0", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data)
        # Many writes for each chunk: while some wait for room, none of them is forgotten.
        data = bytearray(self.data)
        for at in range(0, self.size - 8192, 8192):
            data[at:at + 4096] = bytes(4096)
        self.write("in.img", bytes(data))
        self.run_tool("copy", self.path("in.img"), address, "0:0")
        self.assertTrue(self.read("disk.img") == data)

    def test_files_that_do_not_fit(self):
        odd = self.write("odd", b"x" * 1000)
        self.assertIn("blocks of 512", self.refused("copy", odd, self.address, "0:1",
                                                    status=1))
        large = self.write("large", bytes(self.size + 512))
        self.assertIn(str(self.size), self.refused("copy", large, self.address,
                                                   "0:0", status=1))
        self.refused("copy", self.path("absent"), self.address, "0:1", status=1)
        self.assertEqual(self.read("disk.img"), self.data)

    def test_read_only_disk(self):
        message = self.refused("copy", self.path("in.img"), self.address, "1:0",
                               status=1)
        self.assertIn("is read-only", message)

    def test_a_full_file_system(self):
        self.assertIn("/dev/full", self.refused("copy", self.address, "0:0", "/dev/full", status=1))

    def run_copy(self, *arguments, status=0, **options):
        """As run_tool(), with binary output."""
        out, err = self.run_tool("copy", *arguments, status=status, text=False, **options)
        return out, err.decode()

    def test_to_standard_output(self):
        for name in "-", "/dev/stdout":
            out, err = self.run_copy(self.address, "0:0", name)
            self.assertEqual(out, self.data)
            self.assertRegex(err, REPORT.format(self.size))
        self.assertFalse(os.path.exists("-"))

    def test_to_the_end_of_standard_output(self):
        self.write("out.img", b"before")
        with open(self.path("out.img"), "ab") as file:
            self.run_copy(self.address, "0:0", "-", stdout=file)
        self.assertEqual(self.read("out.img"), b"before" + self.data)

    def test_from_standard_input(self):
        """A pipe, with all of the data or a piece at a time; and the rest of a file."""
        out, err = self.run_copy("-", self.address, "0:1", input=self.data, stdin=None)
        self.assertRegex(out.decode(), REPORT.format(self.size))
        self.assertEqual(err, "")
        self.run_tool("copy", self.address, "0:1", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data + bytes((8 << 20) - self.size))
        with open(self.path("disk.img"), "rb") as file:
            file.seek(512)
            out, _ = self.run_copy("-", self.address, "0:1", stdin=file)
        self.assertRegex(out.decode(), REPORT.format(self.size - 512))
        copy = subprocess.Popen([program("copy"), "-", self.address, "0:1"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for at in range(0, 3 << 10, 700):
            copy.stdin.write(self.data[at:min(at + 700, 3 << 10)])
            copy.stdin.flush()
        out, _ = copy.communicate(timeout=LIMIT)
        self.assertRegex(out.decode(), REPORT.format(3072))
        self.run_tool("copy", self.address, "0:1", self.path("out.img"))
        self.assertEqual(self.read("out.img")[:3 << 10], self.data[:3 << 10])

    def test_input_that_does_not_fit(self):
        for data, message in ((b"x" * 1000, "within a block of 512 bytes"),
                              (bytes((8 << 20) + 1), "more than the 8388608 bytes")):
            out, err = self.run_copy("-", self.address, "0:1", input=data, stdin=None,
                                     status=1)
            self.assertEqual(out, b"")
            self.assertIn(message, err)
        # The size of a file is known before anything is written.
        large = self.write("large", b"x" * (self.size + 512))
        with open(large, "rb") as file:
            self.run_copy("-", self.address, "0:0", stdin=file, status=1)
        self.assertEqual(self.read("disk.img"), self.data)

    def test_input_that_fills_the_disk(self):
        data = self.data + bytes((8 << 20) - self.size)
        out, _ = self.run_copy("-", self.address, "0:1", input=data, stdin=None)
        self.assertRegex(out.decode(), REPORT.format(8 << 20))

    def test_file_is_flushed(self):
        """Only then it has been copied."""
        for name in self.path("out.img"), "-":
            with open(self.path("stdout"), "wb") as file:
                _, err = self.run_copy(self.address, "0:0", name, status=1,
                                       stdout=file, preexec_fn=fail_fsync)
            self.assertIn("flushing", err)
            self.assertIn("Input/output error", err)
            self.assertNotIn(b"copied", self.read("stdout"))
        # A pipe can't be flushed, and need not be.
        out, _ = self.run_copy(self.address, "0:0", "-", preexec_fn=fail_fsync)
        self.assertEqual(out, self.data)

    def test_disk_that_can_not_be_flushed(self):
        """During the copy: no block is at fault."""
        self.stop()
        self.serve(preexec_fn=fail_fsync)
        err = self.refused("copy", self.path("in.img"), self.address, "0:0", "--rate=4M", status=1)
        self.assertRegex(err, f"^vscsi-copy: flushing 0:0 of {self.address} failed: "
                              r"Input/output error: MEDIUM ERROR.*\n"
                              r"vscsi-copy: \d+ bytes copied before that\n$")

    def test_reservation(self):
        """Another initiator's: the cause is the status, as there is no sense data."""
        self.stop()
        self.write("reservations", "vscsi-target reservations 1\nregister 9 1\nreserve 1 9\nend\n")
        self.luns = ["0:0,file={folder}/disk.img,reservations={folder}/reservations"]
        self.serve()
        err = self.refused("copy", self.path("in.img"), self.address, "0:0", status=1)
        self.assertIn("failed at byte 0: Invalid exchange: RESERVATION CONFLICT\n", err)

    def test_closed_descriptors(self):
        """Neither the report nor an error becomes part of the copy."""
        for closed in (0,), (1,), (2,), (0, 1, 2):
            self.run_copy(self.address, "0:0", self.path("out.img"), status=int(1 in closed),
                          stdin=None, preexec_fn=lambda: [os.close(fd) for fd in closed])
            self.assertEqual(self.read("out.img"), self.data)
        _, err = self.run_copy(self.address, "0:0", "-", status=1, preexec_fn=lambda: os.close(1))
        self.assertEqual(err, "vscsi-copy: writing standard output failed at byte 0: "
                              "Bad file descriptor\n")
        _, err = self.run_copy("-", self.address, "0:1", status=1, stdin=None,
                               preexec_fn=lambda: os.close(0))
        self.assertEqual(err, "vscsi-copy: reading standard input failed: "
                              "Bad file descriptor\n")

    def test_full_output(self):
        for words in ([self.address, "0:0", self.path("out.img")], ["--help"], ["--version"],
                      [self.address, "0:0", "-"]):
            self.notices_full_output("copy", *words)

    def test_lost_disk(self):
        """One message says that it failed, one why, and one counts the rest."""
        copy = subprocess.Popen(
            [program("copy"), self.address + "?recovery=off", "2:0", "-"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(copy.kill)
        # The pipe is smaller than the disk.
        self.assertEqual(copy.stdout.read(4096), bytes(4096))
        self.target.kill()
        _, err = copy.communicate(timeout=LIMIT)
        lines = err.decode().splitlines()
        self.assertEqual(copy.returncode, 1)
        self.assertEqual(len(lines), 4, err)
        self.assertRegex(lines[0], "vscsi-copy: the device is lost: .+")
        self.assertRegex(lines[1], r"reading 2:0 of .+ failed at byte \d+: Transport endpoint is")
        self.assertRegex(lines[2], r"vscsi-copy: \d+ other requests failed too")
        self.assertRegex(lines[3], r"vscsi-copy: \d+ bytes copied before that$")

    def test_wrong_usage(self):
        self.refused("copy")
        self.refused("copy", self.address, "0:0")
        self.refused("copy", self.address, "0", "file")
        self.refused("copy", "--from-disk", self.address, "0:0", "file")
        self.refused("copy", "a", "b")
        self.refused("copy", self.address, "0:0", "a", "b")
        self.refused("copy", "carrier-pigeon:x", "0:0", "file")
        self.refused("copy", "--log=loud", self.address, "0:0", "file")
        self.refused("copy", self.address, "0:9", self.path("out.img"), status=1)
        self.assertFalse(os.path.exists(self.path("out.img")))

    def test_help(self):
        self.assertIn("--verify", self.run_tool("copy", "--help")[0])
        self.assertRegex(self.run_tool("copy", "--version")[0], r"^vscsi-copy \d+\.\d+\.\d+\n$")

    def test_example_read_block(self):
        out, _ = self.run_tool("read_block", self.address)
        self.assertEqual(out, self.data[:16].hex(" ") + "\n")
        self.refused("read_block", "vhost-user:" + self.path("absent"), status=1)

    def test_example_async(self):
        out, _ = self.run_tool("async", self.address)
        self.assertEqual(out, f"sum of the first 262144 bytes: {sum(self.data[:262144])}\n")
        self.refused("async", "vhost-user:" + self.path("absent"), status=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
