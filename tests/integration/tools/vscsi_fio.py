# SPDX-License-Identifier: BSD-3-Clause
"""The I/O engine for fio: jobs of the installed fio on disks of vscsi-target."""

import json
import os
import signal
import subprocess
import sys
import unittest

import rig
from rig import ToolTest

ENGINE, FIO = os.environ["VSCSI_FIO_ENGINE"], os.environ["VSCSI_FIO"]
# A sanitizer's library must be the first in a program that was not built with it.
ENVIRONMENT = {"LD_PRELOAD": os.environ["VSCSI_PRELOAD"], "ASAN_OPTIONS": "detect_leaks=0",
               "VSCSI_FIO_ENGINE": ENGINE}
MIB = 1 << 20


class Fio(ToolTest):
    luns = ["0:0,file={folder}/disk,thin", "0:1,ram=1M", "3:300,ram=1M,ro",
            "4:0,ram=1M,block=4096"]

    def setUp(self):
        super().setUp()
        self.write("disk", b"\x55" * (4 * MIB))
        self.serve()

    def arguments(self, *arguments, address=None):
        return [f"--ioengine=external:{ENGINE}", f"--vscsi_address={address or self.address}",
                "--aux-path=" + self.folder, "--output-format=json", "--name=job", *arguments]

    def fio(self, *arguments, status=0, **options):
        """Runs one job and its copies; returns their results, and what was printed before."""
        out, err = self.run_tool("fio", *self.arguments(*arguments, **options), status=status,
                                 environment=ENVIRONMENT)
        messages, brace, result = out.partition("{\n")
        jobs = json.loads(brace + result)["jobs"] if brace else []
        if not status:
            self.assertEqual([job["error"] for job in jobs], [0] * len(jobs))
        return jobs, messages + err

    def start(self, *arguments, **options):
        """Starts a job that doesn't end by itself; returns it when requests have completed."""
        with open(self.path("messages"), "w") as file:
            process = subprocess.Popen(
                [FIO, *self.arguments("--time_based", "--runtime=600", "--rw=randrw",
                                      "--status-interval=1", *arguments, **options)],
                env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, stderr=file, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        for line in process.stdout:
            if line.startswith("}"):
                break
        return process

    def test_verify(self):
        """Different depths and numbers of requests submitted together."""
        kinds, arguments = ((1, 1, 0), (16, 4, 1), (128, 128, 0), (300, 1, 0)), []
        for number, (depth, batch, sleep) in enumerate(kinds):
            arguments += [f"--iodepth={depth}", f"--iodepth_batch_submit={batch}",
                          f"--iodepth_batch_complete_max={batch}", "--filename=0.0", "--thread",
                          "--rw=randwrite", "--verify=crc32c", f"--offset={number}M", "--size=1M",
                          f"--vscsi_sleep={sleep}",
                          f"--ioengine=external:{ENGINE}", f"--vscsi_address={self.address}",
                          "--name=another"]
        jobs, _ = self.fio(*arguments[:-1])
        self.assertEqual([(job["read"]["io_bytes"], job["write"]["io_bytes"]) for job in jobs],
                         [(MIB, MIB)] * len(kinds))

    def test_data(self):
        """What is written arrives where it belongs, and what is read is what is there."""
        pattern = bytes.fromhex("deadbeef") * 1024
        self.fio("--rw=write", "--offset=8k", "--size=64k", "--verify=pattern", "--do_verify=0",
                 "--verify_pattern=0xdeadbeef", "--iodepth=4")
        disk = self.read("disk")
        self.assertEqual(disk[8192:8192 + 65536], pattern * 16)
        self.assertEqual(disk[:8192] + disk[8192 + 65536:], b"\x55" * (4 * MIB - 65536))
        os.truncate(self.path("disk"), 0)
        os.truncate(self.path("disk"), 4 * MIB)
        _, messages = self.fio("--rw=read", "--offset=8k", "--size=64k", "--verify=pattern",
                               "--verify_pattern=0xdeadbeef", status=1)
        self.assertIn("verify", messages)

    def test_threads_and_processes(self):
        """Threads share a device, processes have one each."""
        for kind in "--thread=1", "--thread=0":
            jobs, _ = self.fio("--filename=0.0", kind, "--numjobs=4", "--rw=randrw", "--size=1M",
                               "--offset_increment=1M", "--verify=crc32c", "--iodepth=16")
            self.assertEqual([job["read"]["io_bytes"] + job["write"]["io_bytes"] >= MIB
                              for job in jobs], [True] * 4)

    def test_threads_that_find_their_files(self):
        """The device has room for all of them."""
        jobs, _ = self.fio("--filename=0.0", "--thread", "--numjobs=3", "--create_serialize=0",
                           "--bs=1M", "--iodepth=8", "--size=4M")
        self.assertEqual([job["read"]["io_bytes"] for job in jobs], [4 * MIB] * 3)

    def test_a_process_among_threads(self):
        """It closes what it inherits, and has as many files open as one that inherits nothing."""
        names = [self.path(name) for name in ("alone", "thread", "among")]
        common, arguments = self.arguments()[:-1], []
        for name, options in zip(names, ([], ["--thread", "--time_based", "--runtime=2"],
                                         ["--startdelay=1"])):
            arguments += ["--name=" + name, *common, *options, "--filename=0.0", "--size=64k",
                          f"--exec_prerun=ls -l /proc/$PPID/fd >{name}; true"]
        self.run_tool("fio", *arguments, environment=ENVIRONMENT)
        alone, among = (self.read(name).count(b"socket:") for name in ("alone", "among"))
        self.assertEqual(alone, among)
        self.assertGreater(alone, 0)

    def test_several_units(self):
        jobs, _ = self.fio("--filename=0.0:0\\:1:4.0", "--rw=randrw", "--size=3M", "--iodepth=8",
                           "--verify=crc32c")
        self.assertGreater(jobs[0]["write"]["io_bytes"], 0)

    def test_trim(self):
        jobs, _ = self.fio("--filename=0.0", "--rw=trim", "--bs=64k", "--offset=1M", "--size=2M",
                           "--iodepth=8")
        self.assertEqual(jobs[0]["trim"]["io_bytes"], 2 * MIB)
        self.assertEqual(self.read("disk"),
                         b"\x55" * MIB + bytes(2 * MIB) + b"\x55" * MIB)

    def test_flush(self):
        jobs, _ = self.fio("--filename=0.0", "--rw=write", "--size=256k", "--fsync=8",
                           "--iodepth=16", "--end_fsync=1", "--sync=1")
        self.assertGreaterEqual(jobs[0]["sync"]["total_ios"], 7)

    def test_example(self):
        """The job file of the documentation."""
        out, _ = self.run_tool(
            "fio", "--output-format=json", "--aux-path=" + self.folder,
            os.path.join(os.environ["VSCSI_MANUALS"], "fio/example.fio"),
            environment=ENVIRONMENT | {"VSCSI_ADDRESS": self.address})
        self.assertEqual([job["error"] for job in json.loads(out)["jobs"]], [0] * 2)

    def test_help(self):
        out, _ = self.run_tool("fio", "--enghelp=" + ENGINE, environment=ENVIRONMENT)
        self.assertRegex(out, "vscsi_address +: vhost-user:")
        self.assertIn("vscsi_sleep", out)

    def test_refusals(self):
        """One message for each job says what is wrong."""
        absent = "vhost-user:" + self.path("absent")
        wrong = {
            "connecting to .* is a back-end listening": [f"--vscsi_address={absent}"],
            "there is no LUN 0:9": ["--filename=0.9"],
            "'0' is not a logical unit: write filename=TARGET.LUN": ["--filename=0:0"],
            "'256.0' is not": ["--filename=256.0"],
            "3.300 is read-only": ["--filename=3.300", "--rw=write"],
            "0.1 does not support UNMAP": ["--filename=0.1", "--rw=trim"],
            "bs must be a multiple of its blocks of 4096": ["--filename=4.0", "--bs=512"],
            "bs is too large, a request has at most": ["--filename=0.0", "--bs=64M"],
            "at most 8 GiB.*; or reduce iodepth, bs": ["--filename=0.0", "--bs=1M",
                                                       "--iodepth=16384"],
        }
        common, arguments = self.arguments()[:-1], []
        for options in wrong.values():
            arguments += ["--name=job", *common, *options]
        _, err = self.run_tool("fio", *arguments, status=len(wrong), environment=ENVIRONMENT)
        lines = err.splitlines()
        self.assertEqual(len(lines), len(wrong), err)
        for expected, line in zip(wrong, lines):
            self.assertRegex(line, f"^fio: vscsi: .*{expected}")

    def test_an_offset_between_blocks(self):
        _, err = self.run_tool("fio", "--name=job", *self.arguments()[:-1], "--filename=4.0",
                               "--bs=4k", "--offset=512", status=1, environment=ENVIRONMENT)
        self.assertIn("fio: vscsi: 4.0: offset 512 and length 4096 must be multiples of its blocks"
                      " of 4096 bytes\n", err)

    def test_no_address(self):
        _, err = self.run_tool("fio", f"--ioengine=external:{ENGINE}", "--name=job", status=1,
                               environment=ENVIRONMENT)
        self.assertRegex(err, "^fio: vscsi: vscsi_address is missing.*\n$")

    def test_interrupt(self):
        """Ctrl-C prints what was measured."""
        process = self.start("--filename=0.0", "--iodepth=8", "--bs=4k")
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=rig.LIMIT)[0]
        self.assertEqual(process.returncode, 128)
        self.assertGreater(json.loads(out[out.rindex("\n{"):])["jobs"][0]["read"]["io_bytes"], 0)

    def test_interrupt_of_a_device_that_hangs(self):
        """No limit of the library ends it, and what was measured is printed all the same."""
        process = self.start("--filename=0.0", "--iodepth=8", "--thread", "--numjobs=2",
                             address=self.address + "?io_timeout_ms=4294967295&timeout_ms=1000")
        self.target.send_signal(signal.SIGSTOP)
        self.addCleanup(self.target.send_signal, signal.SIGCONT)
        process.send_signal(signal.SIGINT)
        out = process.communicate(timeout=rig.LIMIT)[0]
        self.assertGreater(json.loads(out[out.rindex("\n{"):])["jobs"][0]["read"]["io_bytes"], 0)

    def test_lost_device(self):
        """The job ends with an error; with recovery, which is the default, it goes on."""
        process = self.start("--filename=0.0", "--iodepth=8",
                             address=self.address + "?recovery=off")
        self.target.kill()
        process.communicate(timeout=rig.LIMIT)
        self.assertEqual(process.returncode, 1)


if __name__ == "__main__":
    if not ENGINE or not FIO:
        print("fio, or the folder with its sources (-Dfio=), is not there")
        sys.exit(77)
    unittest.main(verbosity=2)
