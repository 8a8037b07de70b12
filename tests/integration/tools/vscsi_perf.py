# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-perf with a target: results, job files, JSON, errors, signals."""

import json
import os
import re
import signal
import subprocess
import unittest

from rig import LIMIT, ToolTest, program


class Perf(ToolTest):
    luns = ["0:0,ram=4M", "0:1,null=1G", "0:2,ram=1M,thin", "0:3,null=1G,ro",
            "0:4,null=1G,block=4096", "0:5,file={folder}/disk.img"]

    def setUp(self):
        super().setUp()
        self.write("disk.img", b"x" * (4 << 20))
        self.serve()

    def perf(self, *options, status=0):
        return self.run_tool("perf", "--address=" + self.address, *options, status=status)

    def measure(self, *options, status=0):
        """The jobs of the JSON report."""
        out, _ = self.perf("--output-format=json", *options, status=status)
        return json.loads(out)["jobs"]

    def test_a_pass_over_the_disk(self):
        for mode, kind in (("read", "read"), ("randread", "read"), ("write", "write"),
                           ("randwrite", "write")):
            job, = self.measure("--rw=" + mode, "--iodepth=8")
            self.assertEqual(job["error"], 0)
            self.assertEqual(job[kind]["total_ios"], 1024)
            self.assertEqual(job[kind]["io_bytes"], 4 << 20)
            self.assertEqual(job["job options"]["rw"], mode)

    def test_mixed_and_flushed(self):
        job, = self.measure("--rw=randrw", "--rwmixread=70", "--iodepth=8", "--fsync=10")
        self.assertEqual(job["read"]["total_ios"] + job["write"]["total_ios"], 1024)
        self.assertGreater(job["read"]["total_ios"], 600)
        self.assertLess(job["read"]["total_ios"], 850)
        self.assertAlmostEqual(job["sync"]["total_ios"], job["write"]["total_ios"] / 10, delta=1)

    def test_trim(self):
        job, = self.measure("--rw=randtrim", "--lun=0:2", "--iodepth=4")
        self.assertEqual(job["trim"]["total_ios"], 256)

    def test_other_block_sizes_and_regions(self):
        job, = self.measure("--lun=0:4", "--bs=64k", "--offset=1m", "--size=1m", "--rw=read")
        self.assertEqual(job["read"]["total_ios"], 16)
        job, = self.measure("--bs=512", "--number_ios=100", "--rw=randread")
        self.assertEqual(job["read"]["io_bytes"], 51200)

    def test_figures_fit_each_other(self):
        job, = self.measure("--lun=0:1", "--rw=randread", "--iodepth=16", "--runtime=500ms",
                            "--time_based", "--ramp_time=100ms")
        read, clat = job["read"], job["read"]["clat_ns"]
        self.assertEqual(clat["N"], read["total_ios"])
        self.assertGreaterEqual(read["runtime"], 490)
        self.assertAlmostEqual(read["iops"] * 4096 / read["bw_bytes"], 1, delta=0.001)
        self.assertAlmostEqual(read["iops"] * read["runtime"] / 1000 / read["total_ios"], 1,
                               delta=0.02)
        shares = list(clat["percentile"].values())
        self.assertEqual(shares, sorted(shares))
        self.assertEqual(len(shares), 17)
        self.assertLessEqual(clat["min"], clat["mean"])
        self.assertLessEqual(clat["mean"], clat["max"])
        self.assertLessEqual(shares[-1], clat["max"] * 65 / 64)
        # Little's law: requests in flight = rate * latency, here at most 16.
        in_flight = read["iops"] * read["lat_ns"]["mean"] / 1e9
        self.assertLess(in_flight, 16.5)
        self.assertGreater(in_flight, 0)

    def test_rate(self):
        for rate in "--rate_iops=1000", "--rate=4000k":
            job, = self.measure("--lun=0:1", "--rw=read", "--iodepth=4", rate, "--runtime=1",
                                "--time_based")
            # One for each millisecond that it ran; fewer where the machine is busy.
            self.assertLess(job["read"]["total_ios"], job["read"]["runtime"] + 10)
            self.assertGreater(job["read"]["total_ios"], 0)

    def test_rate_of_a_mix(self):
        """As in fio, each kind of request has the whole rate."""
        job, = self.measure("--lun=0:1", "--rw=randrw", "--iodepth=4", "--rate_iops=20",
                            "--runtime=2", "--time_based")
        for kind in "read", "write":
            self.assertLessEqual(job[kind]["total_ios"], 42)
        self.assertGreater(job["read"]["total_ios"] + job["write"]["total_ios"], 45)

    def written(self):
        """Which 4 KiB of the file were written."""
        data = self.read("disk.img")
        return [i for i in range(len(data) >> 12) if data[i << 12:(i + 1) << 12] != b"x" * 4096]

    def test_what_a_job_file_bounds(self):
        """Options that bound in fio what is written do so here."""
        for options, expected in (
                ("filesize=64k", range(16)),
                ("filesize=64k\noffset=16k", range(4, 16)),
                ("filesize=64k\nsize=16k", range(4)),
                ("size=10%", range(102)),
                ("offset=50%\nsize=16k", range(512, 516)),
                ("offset=95%\nsize=10%", range(973, 1024)),
                ("filesize=64k\nsize=50%", range(8)),
                ("offset_increment=25%\nnumjobs=2\nsize=16k", [*range(4), *range(256, 260)]),
                ("io_size=16k", range(4)),
                ("size=${KIB}k # not 64k", range(8)),
                ("size=64k;filesize=1m", range(16)),
                ("size=64k\nverify=0", range(16)),
                ("number_ios=3", range(3))):
            with self.subTest(options):
                with open(self.path("disk.img"), "r+b") as file:
                    file.write(b"x" * (4 << 20))
                path = self.write("job.fio", f"[job]\nrw=write\nlun=0:5\n{options}\n")
                self.run_tool("perf", "--address=" + self.address, path,
                              environment={"KIB": "32"})
                self.assertEqual(self.written(), list(expected))

    def test_what_fio_would_do_and_this_does_not(self):
        """Nothing is ignored that would change what is written."""
        for option in ("loops=2", "fill_device=1", "create_only=1", "readonly", "zonesize=64k",
                       "bsrange=4k-8k", "bs=4k,8k", "filesize=64k-1m", "nrfiles=4", "size=1MiB",
                       "ioengine=null", "vscsi_sleep", "verify_pattern=0x55", "verify=md5", "verify=pattern",
                       "trim_percentage=50", "io_size=50%", "rw=write:64k", "rw=trimwrite",
                       "thinktime_spin=1", "include other.fio", "direct=0"):
            with self.subTest(option):
                path = self.write("job.fio", f"[job]\nrw=write\nlun=0:5\n{option}\n")
                message = self.refused("perf", "--address=" + self.address, path)
                self.assertIn("job.fio:4: ", message)
                self.assertIn(re.match("[a-z_]+", option)[0], message)
                self.assertNotIn("did you mean", message)
                self.assertEqual(len(message.splitlines()), 1)
        self.assertEqual(self.written(), [])

    def test_timeout_is_runtime(self):
        path = self.write("job.fio", "[job]\nlun=0:1\ntime_based\ntimeout=1\n")
        job, = self.measure(path)
        self.assertGreaterEqual(job["read"]["runtime"], 990)
        self.assertEqual(job["job options"]["request_timeout"], "0us")

    def test_same_order_in_each_run(self):
        def seed(*options):
            return self.measure("--number_ios=1", *options)[0]["job options"]["randseed"]

        self.assertEqual(seed("--randrepeat=1"), seed("--randrepeat=1"))
        self.assertNotEqual(seed("--randrepeat=0"), seed("--randrepeat=0"))
        self.assertEqual(seed("--randrepeat=1", "--randseed=7"), "7")

    def test_order_without_a_map(self):
        self.perf("--rw=randwrite", "--lun=0:5", "--norandommap", "--randseed=3")
        # 63 of 100 are expected.
        self.assertGreater(len(self.written()), 500)
        self.assertLess(len(self.written()), 800)

    def test_contents(self):
        """Buffers are filled once, or with refill_buffers for each write."""
        for options, expected in ([], 2), (["--refill_buffers"], 1024):
            self.perf("--rw=write", "--lun=0:5", "--iodepth=2", *options)
            data = self.read("disk.img")
            pieces = {data[at:at + 4096] for at in range(0, len(data), 4096)}
            self.assertEqual(len(pieces), expected)

    def test_cpus(self):
        cpu = max(os.sched_getaffinity(0))
        running = subprocess.Popen(
            [program("perf"), "--address=" + self.address, "--lun=0:1", "--runtime=50",
             "--time_based", "--status-interval=500ms", "--numjobs=2", f"--cpus_allowed={cpu}"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.kill)
        while "Run status" not in running.stdout.readline():
            self.assertIsNone(running.poll())
        allowed = [os.sched_getaffinity(int(thread))
                   for thread in os.listdir(f"/proc/{running.pid}/task")]
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=LIMIT)
        self.assertEqual(allowed.count({cpu}) if len(os.sched_getaffinity(0)) > 1 else 2, 2)
        message = self.refused("perf", "--address=" + self.address, "--cpus_allowed=0,9999")
        self.assertIn("no such CPU", message)

    def test_threads(self):
        jobs = self.measure("--rw=randread", "--numjobs=3", "--iodepth=2")
        self.assertEqual([job["read"]["total_ios"] for job in jobs], [1024] * 3)
        job, = self.measure("--rw=randread", "--numjobs=3", "--iodepth=2", "--group_reporting")
        self.assertEqual(job["read"]["total_ios"], 3 * 1024)
        self.assertEqual(job["threads"], 3)

    def test_batches(self):
        job, = self.measure("--rw=randread", "--iodepth=32", "--iodepth_batch=4",
                            "--iodepth_batch_complete_max=2")
        self.assertEqual(job["read"]["total_ios"], 1024)

    def test_more_depth_than_the_queue_has(self):
        out, err = self.run_tool("perf", f"--address={self.address}?queue_size=8&indirect=off",
                                 "--rw=randread", "--iodepth=32")
        self.assertIn("fewer than iodepth", err)
        self.assertIn("1024 requests", out)

    def test_job_file(self):
        path = self.write("jobs.fio", f"""# Readers and a writer, then another.
[global]
address={self.address}
iodepth = 4
[readers]
rw=randread
numjobs=2
[writer]
lun=0:1
rw=write
size=1m
[after]
stonewall
filename=0:2
""")
        out, _ = self.run_tool("perf", path, "--output-format=json")
        jobs = json.loads(out)["jobs"]
        self.assertEqual([job["jobname"] for job in jobs], ["readers", "readers", "writer", "after"])
        self.assertEqual([job["groupid"] for job in jobs], [0, 0, 0, 1])
        self.assertEqual(jobs[2]["write"]["total_ios"], 256)
        self.assertEqual(jobs[3]["read"]["total_ios"], 256)

    def test_the_job_file_of_the_manual(self):
        with open(os.path.join(os.environ["VSCSI_MANUALS"], "perf/vscsi-perf.1")) as file:
            text = re.search(r"(?s)jobs\.fio :\n\.PP\n\.nf\n(.*?)\.fi\n", file.read())[1]
        text = text.replace("vhost-user:/run/v.sock", self.address)
        text = text.replace("runtime=10\n", "runtime=1\n").replace("lun=0:1", "lun=0:0")
        jobs = self.measure(self.write("jobs.fio", text))
        self.assertEqual([job["jobname"] for job in jobs], ["readers", "readers", "writer"])

    def test_names_of_units_as_in_fio(self):
        for lun in "0:1", "0.1", r"0\:1":
            job, = self.measure("--filename=" + lun, "--number_ios=1")
            self.assertEqual(job["job options"]["lun"], "0:1")

    def test_a_job_file_of_fio(self):
        path = self.write("fio.fio", """[global]
ioengine=libaio
direct=1
thread
softrandommap
gtod_reduce=0
[job]
rw=randread
""")
        out, err = self.perf(path, "--output-format=json", "--ioengine", "libaio")
        self.assertEqual(json.loads(out)["jobs"][0]["read"]["total_ios"], 1024)
        lines = err.splitlines()
        self.assertEqual(len(lines), 6, err)
        self.assertIn("fio.fio:2: fio's 'ioengine' has no effect here", err)
        self.assertIn("fio.fio:6: fio's 'gtod_reduce'", err)
        self.assertIn("vscsi-perf: fio's 'ioengine'", err)

    def test_the_job_file_of_the_engine_for_fio(self):
        """fio's engine and vscsi-perf take the same file."""
        out, err = self.run_tool(
            "perf", os.path.join(os.environ["VSCSI_MANUALS"], "fio/example.fio"),
            "--output-format=json",
            environment={"VSCSI_ADDRESS": self.address, "VSCSI_FIO_ENGINE": "/usr/lib/vscsi.so"})
        jobs = json.loads(out)["jobs"]
        self.assertEqual([job["jobname"] for job in jobs], ["read", "verify"])
        self.assertEqual(jobs[0]["read"]["io_bytes"], 4 << 20)
        self.assertEqual(jobs[1]["write"]["io_bytes"], 1 << 20)
        self.assertIn("example.fio:7: fio's 'ioengine' has no effect here and is ignored", err)

    def test_outputs(self):
        path = self.path("results")
        out, _ = self.perf("--output=" + path, "--output-format=normal,json", "--name=x")
        self.assertEqual(out, "")
        text = self.read("results").decode()
        self.assertRegex(text, r"(?m)^x: \(groupid=0, jobs=1\): err=0: rw=read, bs=4096")
        self.assertRegex(text, r"(?m)^  read: IOPS=\d+, BW=")
        self.assertRegex(text, r"99\.99th=\[")
        self.assertRegex(text, r"(?m)^Run status group 0 \(all jobs\):$")
        json.loads(text[text.index("\n{") :])
        message = self.refused("perf", "--address=" + self.address, "--output=/dev/full", status=1)
        self.assertIn("No space left", message)
        self.assertIn("same file", self.refused("perf", "--address=" + self.address,
                                                "--output=" + path, "--plot=" + path))
        self.assertIn("reduce iodepth, bs", self.refused(
            "perf", "--address=" + self.address, "--iodepth=16384", "--bs=1m",
            status=1))

    def test_outputs_that_can_not_be_written(self):
        """It says so before the run, and neither changes nor leaves a file."""
        for option in "--output={}", "--plot={}", "--write_lat_log={}", "--write_bw_log={}":
            with self.subTest(option):
                path = self.path("absent/result")
                message = self.refused("perf", "--address=" + self.address, "--lun=0:1",
                                       "--runtime=300", "--time_based", option.format(path),
                                       status=1)
                self.assertRegex(message, f"^vscsi-perf: writing {path}[^:]*: No such file")
        self.write("old", "old")
        for files in ("old", "new"), ("new", "old"):
            options = [f"--{name}={self.path(file)}" for name, file in zip(("output", "plot"), files)]
            self.refused("perf", "--address=" + self.address, "--bs=1000", *options)
            self.refused("perf", "--address=" + self.address, "--write_lat_log=absent/x",
                         "--log_avg_msec=100", *options, status=1)
        self.assertEqual(self.read("old"), b"old")
        self.assertFalse(os.path.exists(self.path("new")))

    def test_full_output(self):
        for words in ([], ["--output-format=json"], ["--output-format=normal,json"],
                      ["--status-interval=500ms", "--time_based", "--runtime=2"],
                      ["--help"], ["--version"]):
            self.notices_full_output("perf", "--address=" + self.address, *words)

    def test_progress_line(self):
        _, err = self.perf("--lun=0:1", "--runtime=1", "--time_based", "--eta=always")
        self.assertRegex(err, r"1 threads, read \d+ IOPS")
        _, err = self.perf("--lun=0:1", "--runtime=1", "--time_based")
        self.assertEqual(err, "")

    def test_status_interval(self):
        out = self.interrupt(signal.SIGINT, reports=3)[1]
        counts = [int(count) for count in re.findall(r"  read: .* (\d+) requests", out)]
        self.assertGreaterEqual(len(counts), 3)
        self.assertEqual(counts, sorted(counts))

    def interrupt(self, number, reports=1):
        """Sends a signal after so many status reports. Returns the status, and all of the output."""
        running = subprocess.Popen(
            [program("perf"), "--address=" + self.address, "--lun=0:1", "--rw=randread",
             "--runtime=50", "--time_based", "--status-interval=500ms", "--iodepth=4"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(running.stdout.close)
        self.addCleanup(running.kill)
        before = ""
        while before.count("Run status") < reports:
            self.assertIsNone(running.poll())
            before += running.stdout.readline()
        running.send_signal(number)
        out, _ = running.communicate(timeout=LIMIT)
        return running.returncode, before + out

    def test_ctrl_c_prints_what_was_measured(self):
        status, out = self.interrupt(signal.SIGINT)
        self.assertEqual(status, 130)
        self.assertGreater(int(re.findall(r"IOPS=(\d+)", out)[-1]), 0)
        self.assertIn("Run status group 0", out)

    def test_sigterm_too(self):
        self.assertEqual(self.interrupt(signal.SIGTERM)[0], 143)

    def test_lost_target(self):
        """The target dies, and the recovery fails: the run ends with a report and an error."""
        lost = "Transport endpoint is not connected"
        # Request errors come first, and only the first error is printed.
        for option, message in (("recovery=off", lost), ("recovery_ms=200", lost),
                                 ("recovery=report&recovery_ms=200", "Connection reset by peer")):
            with self.subTest(option):
                self.lose_target(option, message)
                self.stop()
                self.serve()

    def test_loss_of_many_threads_is_few_lines(self):
        """And says why, also without the errors of requests."""
        err = self.lose_target("recovery_ms=200", "not connected", "--numjobs=16", "--iodepth=8",
                               "--group_reporting")
        self.assertLessEqual(len(err.splitlines()), 3, err)
        self.assertRegex(err, "the device is lost: it did not come back in 200 ms: .+")
        self.assertIn("15 other threads had the same error", err)

    def test_an_error_ends_the_job_at_once(self):
        os.truncate(self.path("disk.img"), 0)
        job, = self.measure("--lun=0:5", "--rw=read", status=1)
        self.assertEqual((job["read"]["total_ios"], job["read"]["error_ios"]), (0, 1))

    def test_an_error_is_reported_once(self):
        """The other threads have its number."""
        address = self.address + "?recovery=off"
        running = subprocess.Popen(
            [program("perf"), "--address=" + address, "--lun=0:1", "--runtime=50", "--time_based",
             "--numjobs=3", "--status-interval=500ms"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(running.kill)
        while "Run status" not in running.stdout.readline():
            self.assertIsNone(running.poll())
        self.target.kill()
        out, _ = running.communicate(timeout=LIMIT)
        entries = out.split("(groupid=0, jobs=1): ")[-3:]
        self.assertEqual([entry[:8] for entry in entries], ["err=107:"] * 3)
        self.assertEqual(["  error: " in entry for entry in entries], [True, False, False])

    def lose_target(self, option, message, *options):
        running = subprocess.Popen(
            [program("perf"), f"--address={self.address}?{option}", "--lun=0:1", "--rw=randread",
             "--runtime=50", "--time_based", "--status-interval=500ms", "--iodepth=4",
             "--continue_on_error=all", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.kill)
        while "Run status" not in running.stdout.readline():
            self.assertIsNone(running.poll())
        self.target.kill()
        out, err = running.communicate(timeout=LIMIT)
        self.assertEqual(running.returncode, 1, out + err)
        self.assertIn(message, err)
        self.assertIn("vscsi-perf: the device is lost", err)
        report = out[out.rindex("groupid=0"):]
        self.assertIn(message, report)
        self.assertGreater(int(re.search(r"  read: .* (\d+) requests", report)[1]), 0)
        self.assertIn("Run status group 0", report)
        return err

    def test_settings_that_do_not_fit(self):
        def refused(*options):
            return self.refused("perf", "--address=" + self.address, *options)

        self.assertIn("block size, 512", refused("--bs=1000"))
        self.assertIn("block size, 4096", refused("--bs=2k", "--lun=0:4"))
        self.assertIn("read-only", refused("--rw=write", "--lun=0:3"))
        self.assertIn("unmap", refused("--rw=trim"))
        self.assertIn("exceeds the disk", refused("--size=5m"))
        self.assertIn("exceeds the disk", refused("--offset=4m"))
        self.assertIn("per request", refused("--bs=256m", "--lun=0:1"))

    def test_absent_unit(self):
        message = self.refused("perf", "--address=" + self.address, "--lun=0:9", status=1)
        self.assertIn("lists the logical units", message)

    def test_a_target_that_stops_answering(self):
        """The request timeout ends the run before its runtime does."""
        address = self.address + "?timeout_ms=5000&task_timeout_ms=200"
        perf = subprocess.Popen(
            [program("perf"), "--address=" + address, "--rw=randread", "--runtime=300",
             "--time_based=1", "--request_timeout=200ms", "--eta=never", "--status-interval=100ms"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.assertTrue(perf.stdout.readline())
            self.target.send_signal(signal.SIGSTOP)
            _, err = perf.communicate(timeout=LIMIT)
        finally:
            self.target.send_signal(signal.SIGCONT)
            perf.kill()
            perf.wait()
        self.assertEqual(perf.returncode, 1, err)
        self.assertIn("timed out", err)


class PerfAlone(ToolTest):
    def test_no_target(self):
        self.assertIn(self.path("v"), self.refused("perf", "--address=" + self.address, status=1))
        self.refused("perf", "--address=carrier-pigeon:x")
        self.assertIn("goes after --address=", self.refused("perf", self.address))

    def test_a_folder_as_job_file(self):
        self.assertEqual(f"vscsi-perf: reading the job file {self.folder}: Is a directory\n",
                         self.refused("perf", self.folder))

    def test_unknown_options_name_the_nearest(self):
        self.assertIn("'iodepth'", self.refused("perf", "--iodept=3"))
        path = self.write("bad.fio", "[job]\naddress=x\nrwmixreads=3\n")
        message = self.refused("perf", path)
        self.assertIn("bad.fio:3", message)
        self.assertIn("'rwmixread'", message)

    def test_a_name_like_no_other_has_no_nearest(self):
        message = self.refused("perf", "--quadrature=4k-8k")
        self.assertIn("'quadrature'", message)
        self.assertNotIn("did you mean", message)

    def test_wrong_values_say_what_is_taken(self):
        self.assertIn("randread", self.refused("perf", "--rw=sideways"))
        self.assertIn("BYTES", self.refused("perf", "--bs=big"))
        self.assertIn("TARGET:LUN", self.refused("perf", "--lun=1"))
        self.assertIn("expected N, 1 to 256", self.refused("perf", "--numjobs=300"))
        self.assertIn("1 to 1073741824", self.refused("perf", "--bs=2g"))

    def test_a_target_that_never_answers(self):
        import socket
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path("v"))
            listener.listen()
            address = self.address + "?timeout_ms=300"
            message = self.refused("perf", "--address=" + address, status=1)
            self.assertIn("is it stopped, or does it serve only one client", message)


if __name__ == "__main__":
    unittest.main(verbosity=2)
