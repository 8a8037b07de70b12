# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-perf and fio: results and logs that programs for fio's read, options that mean the same."""

import collections
import json
import os
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree

from rig import LIMIT, ToolTest

# Of fio's report, by its path; the manual page says so.
MISSING = ["eta", "global options", "disk_util"]


def kinds(value, path=""):
    """The types of all members, by path: a real number may be printed as an integer."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from kinds(member, f"{path}/{name}")
    elif isinstance(value, list):
        yield path, list
        for member in value:
            yield from kinds(member, path)
    else:
        yield path, float if isinstance(value, int) else type(value)


class PerfFio(ToolTest):
    luns = ["0:0,ram=4M", "0:1,null=1G", "0:2,ram=1M,thin"]

    def setUp(self):
        super().setUp()
        self.serve()

    def perf(self, *options):
        """The report as an object."""
        out, _ = self.run_tool("perf", "--address=" + self.address, *options,
                               "--output-format=json+")
        return json.loads(out)

    def program_of_fio(self, *words):
        """Runs it here; skips the test if it is not installed."""
        if not shutil.which(words[0]):
            self.skipTest(words[0] + " is not installed")
        done = subprocess.run(words, cwd=self.folder, timeout=LIMIT, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_members_of_the_report(self):
        """Each member of fio's is there, of the same type, or the manual page says that it is not."""
        self.program_of_fio("fio", "--name=x", "--ioengine=null", "--size=1m", "--rw=randrw",
                            "--output-format=json", "--output=fio.json", "--iodepth=8")
        theirs = dict(kinds(json.loads(self.read("fio.json"))))
        ours = dict(kinds(self.perf("--rw=randrw", "--iodepth=8")))
        with open(os.path.join(os.environ["VSCSI_MANUALS"], "perf/vscsi-perf.1")) as file:
            manual = file.read()
        for path, kind in theirs.items():
            name = path.split("/")[2 if path.startswith("/jobs/") else 1]
            if name in MISSING:
                self.assertIn(name, manual)
            elif name != "job options" and "percentile" not in path:
                self.assertIs(ours.get(path), kind, path)
        self.assertEqual({path for path in theirs if "percentile/" in path},
                         {path for path in ours if "percentile/" in path})
        self.assertGreater(len(theirs), 180)

    def test_bins(self):
        """fio's own program makes tables of the histograms."""
        report = self.perf("--rw=randrw", "--iodepth=4", "--size=1m", "--fsync=16")
        job, = report["jobs"]
        for kind, latency in ("read", "clat_ns"), ("write", "clat_ns"), ("sync", "lat_ns"):
            bins = job[kind][latency]["bins"]
            self.assertEqual(sum(bins.values()), job[kind]["total_ios"])
        self.write("perf.json", json.dumps(report))
        self.program_of_fio("fio_jsonplus_clat2csv", "perf.json", "out.csv")
        out = self.program_of_fio("fio_jsonplus_clat2csv", "perf.json", "out.csv", "--validate")
        self.assertIn("validated", out)

    def test_levels(self):
        """What is in flight, and how many at once."""
        job, = self.perf("--rw=randread", "--iodepth=32", "--iodepth_batch=8",
                         "--iodepth_batch_complete_max=3", "--number_ios=400")["jobs"]
        self.assertEqual(job["iodepth_level"][">=64"], 0)
        self.assertGreater(sum(job["iodepth_level"].values()), 99)
        self.assertEqual([job["iodepth_submit"][level] for level in ("16", "32", "64", ">=64")],
                         [0] * 4)
        self.assertGreater(job["iodepth_submit"]["8"], 0)
        self.assertAlmostEqual(job["iodepth_complete"]["4"], 100)
        latencies = [share for unit in ("ns", "us", "ms")
                     for share in job["latency_" + unit].values()]
        self.assertEqual(len(latencies), 32)
        self.assertAlmostEqual(sum(latencies), 100, delta=0.4)

    def test_as_many_as_iodepth_in_small_batches(self):
        """However fast the device is; it was 60 % when each batch was followed by a poll."""
        job, = self.perf("--lun=0:1", "--rw=randread", "--iodepth=16", "--iodepth_batch=8",
                         "--iodepth_batch_complete_max=8", "--number_ios=4000")["jobs"]
        self.assertGreater(job["iodepth_level"]["16"], 90)

    def test_rates_of_intervals(self):
        job, = self.perf("--lun=0:1", "--time_based", "--runtime=500ms", "--log_avg_msec=50")["jobs"]
        read = job["read"]
        # Fewer where the machine is busy.
        self.assertIn(read["iops_samples"], range(1, 11))
        self.assertEqual(read["bw_samples"], read["iops_samples"])
        self.assertLessEqual(read["iops_min"], read["iops_mean"])
        self.assertLessEqual(read["iops_mean"], read["iops_max"])
        self.assertAlmostEqual(read["bw_mean"], 4 * read["iops_mean"], delta=5)
        self.assertLessEqual(read["bw_agg"], 100)
        if read["iops_samples"] > 1:
            self.assertGreater(read["iops_stddev"], 0)
        self.assertEqual(job["write"]["bw_samples"], 0)

    def test_percentile_list(self):
        job, = self.perf("--percentile_list=99.9:50")["jobs"]
        self.assertEqual(list(job["read"]["clat_ns"]["percentile"]), ["50.000000", "99.900000"])
        out, _ = self.run_tool("perf", "--address=" + self.address, "--percentile_list=12.5")
        self.assertRegex(out, r"percentiles \(.*\):\n     \| 12\.50th=\[ *\d+\]\n")
        for text in "0", "101", "50:", "nan", "50,60", ":".join(["50"] * 21):
            self.assertIn("percentile_list", self.refused("perf", "--address=x",
                                                          "--percentile_list=" + text))

    def test_bssplit(self):
        """The whole region once, in pieces of these sizes, as many of each as fio takes."""
        prefix = self.path("s")
        split = "4k/50:16k/:64k/10,8k"
        job, = self.perf("--rw=write", "--lun=0:0", "--bssplit=" + split.split(",")[0],
                         "--iodepth=4", "--write_lat_log=" + prefix)["jobs"]
        self.assertEqual(job["write"]["io_bytes"], 4 << 20)
        job, = self.perf("--rw=randrw", "--lun=0:1", "--bssplit=" + split, "--number_ios=2000",
                         "--write_lat_log=" + prefix)["jobs"]
        self.assertEqual(job["read"]["total_ios"] + job["write"]["total_ios"], 2000)
        rows = self.log("s_clat.1.log")
        sizes = collections.Counter(row[3] for row in rows if row[2] == 0)
        self.assertEqual(set(sizes), {4096, 16384, 65536})
        for size, percent in (4096, 50), (16384, 40), (65536, 10):
            self.assertAlmostEqual(100 * sizes[size] / sizes.total(), percent, delta=8)
        self.assertEqual({row[3] for row in rows if row[2] == 1}, {8192})
        self.assertEqual(job["read"]["io_bytes"], sum(row[3] for row in rows if row[2] == 0))
        for wrong in "4k/50:6k/50", "4k/60:8k/41", "4k:", "0/100", "4k/50,,", "4k,4k,4k,4k":
            self.assertIn("bssplit", self.refused("perf", "--address=x", "--bssplit=" + wrong))
        self.assertIn("bssplit", self.refused("perf", "--address=x", "--bssplit=4k/", "--rw=write",
                                              "--verify=crc32c"))

    def test_thinktime(self):
        """At most so many requests between two pauses."""
        job, = self.perf("--lun=0:1", "--iodepth=8", "--thinktime=25ms", "--thinktime_blocks=4",
                         "--runtime=500ms", "--time_based")["jobs"]
        self.assertIn(job["read"]["total_ios"], range(4, 81, 4))
        self.assertEqual(sum(job["iodepth_level"][level] for level in ("8", "16", "32", ">=64")), 0)
        # It sleeps.
        self.assertLess(job["usr_cpu"], 90)

    def test_waiting_for_several(self):
        """After all were in flight, only the last submit has fewer."""
        for option in "--iodepth_low=3", "--iodepth_batch_complete_min=13":
            job, = self.perf("--rw=randread", "--iodepth=16", option, "--size=1664k",
                             "--iodepth_batch_complete_max=16")["jobs"]
            self.assertEqual(job["read"]["total_ios"], 416)
            self.assertGreater(job["iodepth_submit"]["16"], 96)

    def test_latency_target(self):
        job, = self.perf("--lun=0:1", "--iodepth=16", "--latency_target=50s",
                         "--latency_window=20000", "--runtime=50", "--time_based")["jobs"]
        self.assertEqual(job["latency_depth"], 16)
        self.assertEqual(job["latency_target"], 50 * 10 ** 9)
        self.assertEqual(job["latency_window"], 20000)
        self.assertLess(job["read"]["runtime"], 10000)
        message = self.refused("perf", "--address=" + self.address, "--latency_target=1ms")
        self.assertIn("latency_window", message)
        message = self.refused("perf", "--address=" + self.address, "--lun=0:1", "--time_based",
                               "--runtime=50", "--latency_target=1us", "--latency_window=20ms",
                               "--latency_percentile=99.9", status=1)
        self.assertIn("even a single request", message)
        out, _ = self.run_tool("perf", "--address=" + self.address, "--lun=0:1", "--time_based",
                               "--runtime=50", "--latency_target=1us", "--latency_window=20ms",
                               status=1)
        self.assertIn("latency_depth=1\n", out)
        self.assertNotRegex(out, r"\bmet\b")

    def test_skewed_positions(self):
        """Some are written often; verification knows which. A unit test compares with fio."""
        for option in "zipf:1.3:0.5", "pareto:0.1", "zipf":
            job, = self.perf("--rw=randwrite", "--verify=crc32c",
                             "--random_distribution=" + option)["jobs"]
            self.assertEqual(job["write"]["total_ios"], 1024)
            # Read back: the positions that were written, of which uniform ones would be 647.
            self.assertLess(job["read"]["total_ios"], 500)
            self.assertEqual(job["verify_bad"], 0)
        for option in "zipf:1", "gauss:5", "pareto:1":
            self.assertIn("random_distribution", self.refused(
                "perf", "--address=x", "--random_distribution=" + option))

    def log(self, name):
        """The rows of a log file."""
        return [[int(value) for value in line.split(", ")]
                for line in self.read(name).decode().splitlines()]

    def test_logs_of_requests(self):
        prefix = self.path("l")
        job, = self.perf("--rw=randrw", "--iodepth=4", "--number_ios=300", "--bs=8k",
                         *(f"--write_{kind}_log={prefix}" for kind in ("bw", "lat", "iops")))["jobs"]
        logs = {kind: self.log(f"l_{kind}.1.log") for kind in ("bw", "iops", "slat", "clat", "lat")}
        for rows in logs.values():
            self.assertEqual(len(rows), 300)
            self.assertEqual([row[2] for row in rows].count(1), job["write"]["total_ios"])
            self.assertEqual({(row[3], row[4]) for row in rows}, {(8192, 0)})
        self.assertEqual({row[1] for row in logs["iops"]}, {1})
        reads = [row[1] for row in logs["clat"] if row[2] == 0]
        self.assertEqual(max(reads), job["read"]["clat_ns"]["max"])
        self.assertAlmostEqual(sum(reads) / len(reads), job["read"]["clat_ns"]["mean"], delta=1)
        self.assertEqual([row[1] for row in logs["lat"]],
                         [s[1] + c[1] for s, c in zip(logs["slat"], logs["clat"])])

    def test_logs_of_intervals(self):
        """One file for each thread; fio2gnuplot averages them."""
        prefix = self.path("w")
        jobs = self.perf("--lun=0:1", "--time_based", "--runtime=500ms", "--log_avg_msec=50",
                         "--numjobs=2", "--write_bw_log=" + prefix)["jobs"]
        for number, job in enumerate(jobs, 1):
            rows = self.log(f"w_bw.{number}.log")
            self.assertEqual({tuple(row[2:]) for row in rows}, {(0, 0, 0)})
            self.assertIn(len(rows) - job["read"]["bw_samples"], (0, 1))
            self.assertEqual(max(row[1] for row in rows[:job["read"]["bw_samples"]]),
                             job["read"]["bw_max"])
            self.assertEqual([row[0] for row in rows], sorted(row[0] for row in rows))
        self.assertFalse(os.path.exists(self.path("w_iops.1.log")))
        out = self.program_of_fio("fio2gnuplot", "-b", "-p", "w_bw.*.log", "-d", ".")
        self.assertIn("2 files", out)

    def test_plot(self):
        """An SVG picture with a line for each kind of requests and entry of the report."""
        path = self.path("plot.svg")
        self.perf("--plot=" + path, "--lun=0:1", "--time_based", "--runtime=500ms", "--numjobs=2",
                  "--log_avg_msec=50", '--name=a <&> "b"', "--rw=randrw", "--name=c",
                  "--group_reporting")
        tree = xml.etree.ElementTree.parse(path)
        lines = [line.get("points").split() for line in tree.iterfind(".//{*}polyline")]
        # Rates: two kinds of two threads, and two grouped threads; latencies: four and one.
        self.assertEqual(len(lines), 6 + 5)
        for points in lines:
            self.assertGreater(len(points), 1)
            for point in points:
                x, y = (float(part) for part in point.split(","))
                self.assertTrue(79 < x < 841 and 39 < y < 681, point)
        text = [element.text for element in tree.iterfind(".//{*}text")]
        self.assertEqual(text[-5:], ['a <&> "b", read', 'a <&> "b", write'] * 2 + ["c, read"])
        self.assertIn("99.999", text)
        message = self.refused("perf", "--address=" + self.address, "--plot=/nowhere/x", status=1)
        self.assertRegex(message, "^vscsi-perf: writing /nowhere/x: No such file")
        self.assertIn("log_avg_msec", self.refused("perf", "--address=x", "--plot=x",
                                                   "--write_bw_log=x"))

    def test_a_log_that_can_not_be_written(self):
        message = self.refused("perf", "--address=" + self.address, "--number_ios=1",
                               "--write_bw_log=/nowhere/x", status=1)
        self.assertRegex(message, "^vscsi-perf: writing /nowhere/x_bw.1.log: No such file")


if __name__ == "__main__":
    unittest.main(verbosity=2)
