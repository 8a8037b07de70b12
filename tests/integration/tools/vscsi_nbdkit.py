# SPDX-License-Identifier: BSD-3-Clause
"""nbdkit-vscsi-plugin: what NBD clients of other projects do with a disk."""

import contextlib
import errno
import json
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

from rig import LIMIT, ToolTest, program

# A sanitizer's library must be the first in a program that was not built with it.
ENVIRONMENT = os.environ | {"LD_PRELOAD": os.environ["VSCSI_PRELOAD"],
                            "ASAN_OPTIONS": "detect_leaks=0"}
SIZE = 64 << 20
THREADS = ["--threads=8", "--connections=8", "--requests=16"]  # of nbdcopy
MIB = 1 << 20


def needs(*names):
    """Skips a test where one of these programs is missing."""
    missing = [name for name in names if not shutil.which(name)]
    return unittest.skipIf(missing, ", ".join(missing) + " not found")


def end(descriptor):
    """Ends a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)


class Client:
    """A client of the NBD protocol that asks for nothing, such as block sizes."""

    READ, WRITE, TRIM, ZERO = 0, 1, 4, 6

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(LIMIT)
        self.socket.connect(path)
        self.replies = self.socket.makefile("rb")
        self.receive(18)
        # Fixed newstyle without zeros; NBD_OPT_EXPORT_NAME.
        self.socket.sendall(struct.pack(">L8sLL", 3, b"IHAVEOPT", 1, 0))
        self.size, _ = struct.unpack(">QH", self.receive(10))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.replies.close()
        self.socket.close()

    def receive(self, length):
        data = self.replies.read(length)
        assert len(data) == length, "nbdkit hung up"
        return data

    def request(self, kind, offset, length, data=b"", fua=False):
        """Returns the error and what was read."""
        self.send(kind, offset, length, data, fua)
        return self.reply(length if kind == self.READ else 0)

    def send(self, kind, offset, length, data=b"", fua=False):
        self.socket.sendall(
            struct.pack(">LHHQQL", 0x25609513, fua, kind, 0, offset, length) + data)

    def reply(self, length):
        _, error, _ = struct.unpack(">LLQ", self.receive(16))
        return error, b"" if error else self.receive(length)


class Nbdkit(ToolTest):
    luns = ["0:0,file={folder}/disk.img,thin", "0:1,ram=8M,block=4096", "0:2,ram=4M,ro",
            "1:0,null=1G"]

    def setUp(self):
        super().setUp()
        # The plugin makes paths absolute, and that of a socket must be short.
        short = tempfile.TemporaryDirectory(prefix="vscsi-")
        self.addCleanup(short.cleanup)
        self.short = short.name
        os.symlink(os.path.abspath(self.folder), os.path.join(short.name, "d"))
        self.address = f"vhost-user:{short.name}/d/v"
        self.socket = os.path.join(short.name, "nbd")
        self.uri = "nbd+unix:///?socket=" + self.socket
        with open(self.path("disk.img"), "wb") as file:
            file.truncate(SIZE)

    def nbdkit(self, *words, status=0, **options):
        """Runs nbdkit with the plugin; returns its stdout and stderr."""
        done = subprocess.run(["nbdkit", program("nbdkit"), *words], env=ENVIRONMENT, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=LIMIT, check=False, **options)
        self.assertEqual(done.returncode, status, f"{words}:\n{done.stdout}{done.stderr}")
        return done.stdout, done.stderr

    @contextlib.contextmanager
    def running(self, name, *words, **options):
        """Runs a program, from when it has written its pidfile or ended."""
        ready = self.path(name + ".pid")
        os.mkfifo(ready)
        fifo = os.open(ready, os.O_RDONLY | os.O_NONBLOCK)
        process = subprocess.Popen([name, "--pidfile=" + ready, *words], **options)
        ended = os.pidfd_open(process.pid)
        try:
            found, _, _ = select.select([fifo, ended], [], [], LIMIT)
            self.assertTrue(found, f"{name} is not ready")
            if ended in found:
                process.wait(LIMIT)
            yield process
        finally:
            process.kill()
            process.wait(LIMIT)
            os.close(fifo)
            os.close(ended)
            os.unlink(ready)

    @contextlib.contextmanager
    def serving(self, lun="0:0", *words, errors=False, **options):
        """Has nbdkit serve a LUN at self.uri.

        With AddressSanitizer it doesn't end once it has printed errors: in what the C library
        unlocks once too often then, p11-kit, of GnuTLS, waits at the exit.
        """
        with self.running("nbdkit", "-f", "-U", self.socket, program("nbdkit"), self.address,
                          "lun=" + lun, *words, env=ENVIRONMENT, **options) as server:
            self.assertIsNone(server.poll())
            yield server
            if not errors:
                server.terminate()
                self.assertEqual(server.wait(LIMIT), 0)
        os.unlink(self.socket)

    def client(self, *words, status=0):
        """Runs a program in the folder; returns its output."""
        done = subprocess.run(words, cwd=self.folder, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT,
                              check=False)
        self.assertEqual(done.returncode, status, f"{words}:\n{done.stdout}")
        return done.stdout

    def qemu_io(self, *commands, status=0):
        words = [word for command in commands for word in ("-c", command)]
        return self.client("qemu-io", "-f", "raw", self.uri, *words, status=status)

    def map(self):
        """What is where, as (offset, bytes, type)."""
        listed = json.loads(self.client("nbdinfo", "--map", "--json", self.uri))
        return [(extent["offset"], extent["length"], extent["description"]) for extent in listed]

    def control(self, command):
        """Has the target execute a command; returns its reply."""
        with socket.socket(socket.AF_UNIX) as control, control.makefile("rw") as lines:
            control.settimeout(LIMIT)
            control.connect(self.path("c"))
            lines.write(command + "\n")
            lines.flush()
            reply = lines.readline()
            self.assertNotIn("error", reply.split(":")[0])
            return reply

    def serve_until(self, requests):
        """Starts a target that dies at this request. It gets no client before that is settled."""
        self.serve("--socket=" + self.path("next"), "--control=" + self.path("c"))
        if requests:
            self.control(f"die taken {requests}")
        os.rename(self.path("next"), self.path("v"))

    def await_death(self):
        self.target.wait(LIMIT)
        self.target.stdout.close()

    @needs("nbdinfo")
    def test_properties(self):
        self.serve()
        same = {"can_flush": True, "can_multi_conn": True, "can_cache": False,
                "is_rotational": False, "block_size_maximum": 64 * MIB}
        for lun, different in (
                ("0:0", {"export-size": SIZE, "is_read_only": False, "can_trim": True,
                         "can_zero": True, "can_fast_zero": True, "can_fua": True,
                         "block_size_minimum": 512}),
                ("0:1", {"export-size": 8 * MIB, "is_read_only": False, "can_trim": False,
                         "can_zero": True, "can_fast_zero": False, "can_fua": True,
                         "block_size_minimum": 4096, "block_size_preferred": 4096}),
                ("0:2", {"export-size": 4 * MIB, "is_read_only": True})):
            with self.serving(lun):
                export = json.loads(self.client("nbdinfo", "--json", self.uri))["exports"][0]
            wanted = same | different
            self.assertEqual({name: export[name] for name in wanted}, wanted)

    @needs("nbdinfo", "nbdcopy")
    def test_sparse_copy(self):
        """Data and holes arrive, in both directions."""
        noise = random.Random(2).randbytes(3 * MIB)
        with open(self.path("in.img"), "wb") as file:
            file.write(noise[:2 * MIB])
            file.seek(40 * MIB)
            file.write(noise[2 * MIB:])
            file.truncate(SIZE)
        self.serve()
        with self.serving():
            self.client("nbdcopy", "in.img", self.uri)
            self.assertEqual(self.map(), [
                (0, 2 * MIB, "data"), (2 * MIB, 38 * MIB, "hole,zero"),
                (40 * MIB, MIB, "data"), (41 * MIB, 23 * MIB, "hole,zero")])
            self.client("nbdcopy", self.uri, "out.img")
        for name in "disk.img", "out.img":
            self.assertEqual(self.read(name), self.read("in.img"))
            self.assertLess(os.stat(self.path(name)).st_blocks * 512, 4 * MIB)

    @needs("qemu-img")
    def test_qemu_img(self):
        with open(self.path("disk.img"), "r+b") as file:
            file.write(random.Random(3).randbytes(5 * MIB))
        shutil.copy(self.path("disk.img"), self.path("same.img"))
        self.serve()
        compare = ["qemu-img", "compare", "-f", "raw", "-F", "raw", self.uri]
        with self.serving():
            self.assertIn("identical", self.client(*compare, "same.img"))
            with open(self.path("same.img"), "r+b") as file:
                file.seek(4 * MIB)
                file.write(b"x")
            self.assertIn("Content mismatch", self.client(*compare, "same.img", status=1))
            self.assertIn('"start": 0, "length": 5242880', self.client(
                "qemu-img", "map", "--output=json", "-f", "raw", self.uri))

    @needs("qemu-io", "nbdinfo")
    def test_qemu_io(self):
        """Writing, reading, trimming, and zeroing with and without deallocation."""
        self.serve()
        with self.serving():
            self.qemu_io("write -P 1 0 4M", "discard 0 64k", "write -z -u 1M 64k",
                         "write -z 2M 64k", "write -z -n -u 3M 64k", "write -f -P 2 3840k 4k",
                         "write -P 3 1000 10000", "flush",
                         "read -P 3 1000 10000", "read -P 0 16k 48k", "read -P 1 64k 960k",
                         "read -P 0 1M 64k", "read -P 0 2M 64k", "read -P 0 3M 64k",
                         "read -P 2 3840k 4k", "read -P 1 3844k 252k", "read -P 0 4M 1M")
            holes = [(offset, length) for offset, length, kind in self.map()
                     if kind == "hole,zero"]
            self.assertEqual(holes, [(12 << 10, 52 << 10), (MIB, 65536), (3 * MIB, 65536),
                                     (4 * MIB, SIZE - 4 * MIB)])
            # Fast, but blocks must stay allocated.
            self.assertIn("not supported", self.qemu_io("write -z -n 0 64k", status=1))

    @needs("qemu-io")
    def test_disks_that_are_not_thin(self):
        self.serve()
        with self.serving("0:1"):
            self.qemu_io("write -P 1 0 1M", "write -z 4096 8192", "write -P 2 100 1000",
                         "read -P 0 4096 8192", "read -P 2 100 1000", "read -P 1 12k 1012k")
            self.assertIn("not supported", self.qemu_io("write -z -n -u 0 64k", status=1))
        with self.serving("0:2"):
            self.assertIn("Permission denied", self.client(
                "qemu-io", "-f", "raw", self.uri, "-c", "write 0 4k", status=1))

    def test_parts_of_blocks(self):
        """A client that doesn't know the block size gets EINVAL, or what it wants by a filter."""
        with open(self.path("disk.img"), "r+b") as file:
            file.write(b"x" * 8192)
        self.serve()
        with self.serving(errors=True), Client(self.socket) as client:
            self.assertEqual(client.size, SIZE)
            self.assertEqual(client.request(Client.READ, 512, 512), (0, b"x" * 512))
            self.assertEqual(client.request(Client.READ, 1, 512), (22, b""))
            self.assertEqual(client.request(Client.WRITE, 512, 1, b"y"), (22, b""))
            # Not the blocks at both ends, and not one where there is no whole one.
            self.assertEqual(client.request(Client.TRIM, 4095, 2050), (0, b""))
            self.assertEqual(client.request(Client.TRIM, 1, 1022), (0, b""))
            self.assertEqual(client.request(Client.READ, 0, 8192),
                             (0, b"x" * 4096 + bytes(2048) + b"x" * 2048))
        with self.serving("0:0", "--filter=blocksize"), Client(self.socket) as client:
            self.assertEqual(client.request(Client.WRITE, 1, 2, b"yz"), (0, b""))
            self.assertEqual(client.request(Client.READ, 0, 4), (0, b"xyzx"))

    def test_fua(self):
        """A bit of a write, and a flush after what has no such bit."""
        self.serve("--control=" + self.path("c"))
        with self.serving(), Client(self.socket) as client:
            for kind, fua, commands in (
                    (Client.WRITE, False, 1), (Client.WRITE, True, 1), (Client.TRIM, False, 1),
                    (Client.TRIM, True, 2), (Client.ZERO, False, 1), (Client.ZERO, True, 2)):
                before = json.loads(self.control("stat"))["requests"]
                data = bytes(512) if kind == Client.WRITE else b""
                self.assertEqual(client.request(kind, 0, 512, data, fua), (0, b""))
                after = json.loads(self.control("stat"))["requests"]
                self.assertEqual(after - before, commands, (kind, fua))

    @needs("fio")
    def test_fio(self):
        if "nbd" not in self.client("fio", "--enghelp").split():
            self.skipTest("fio has no engine nbd")
        self.serve()
        with self.serving():
            out = self.client("fio", "--name=verify", "--ioengine=nbd", "--uri=" + self.uri,
                              "--rw=randrw", "--bsrange=4k-64k", "--size=16M", "--iodepth=16",
                              "--verify=crc32c", "--verify_state_save=0", "--output-format=json",
                              "--output=fio.json")
            with open(self.path("fio.json")) as file:
                job = json.load(file)["jobs"][0]
        self.assertEqual(job["error"], 0, out)
        self.assertGreater(job["read"]["total_ios"], job["write"]["total_ios"])

    @needs("mkfs.ext4", "e2fsck", "debugfs", "nbdcopy")
    def test_file_system(self):
        """One that is copied to the disk can be used there, and copied back."""
        hello = b"Hello, world".ljust(512)
        self.write("hello", hello)
        with open(self.path("fs.img"), "wb") as file:
            file.truncate(32 * MIB)
        self.client("mkfs.ext4", "-q", "fs.img")
        self.client("debugfs", "-w", "-R", "write hello hello", "fs.img")
        self.serve()
        with self.serving():
            self.client("nbdcopy", "fs.img", self.uri)
        with self.serving("0:0", "--filter=ext2", "ext2file=/hello"):
            self.client("nbdcopy", self.uri, "out")
        self.assertEqual(self.read("out"), hello)
        with self.serving():
            self.client("nbdcopy", self.uri, "back.img")
        self.client("e2fsck", "-fn", "back.img")

    @needs("mkfs.ext4", "e2fsck", "debugfs", "nbdfuse")
    def test_file_system_made_there(self):
        self.write("noise", random.Random(4).randbytes(MIB))
        self.serve()
        os.mkdir(os.path.join(self.short, "mount"))
        disk = os.path.join(self.short, "mount/disk")
        with self.serving("0:0", "--filter=blocksize"), \
                self.running("nbdfuse", disk, self.uri) as fuse:
            if fuse.poll() is not None:
                self.skipTest("nbdfuse can't mount here")
            self.client("mkfs.ext4", "-qF", disk)
            self.client("debugfs", "-w", "-R", "write noise noise", disk)
            self.client("e2fsck", "-fn", disk)
            self.client("debugfs", "-R", "dump noise out", disk)
            fuse.terminate()
            fuse.wait(LIMIT)
        self.assertEqual(self.read("out"), self.read("noise"))
        self.stop()
        self.client("e2fsck", "-fn", "disk.img")

    @needs("nbdcopy")
    def test_killed_three_times(self):
        """A copy goes on when its target is killed and started again, in both directions."""
        data = self.write("in.img", random.Random(5).randbytes(SIZE))
        for source, copy in (("in.img", self.uri), (self.uri, "out.img")):
            self.serve_until(0)
            with self.serving(errors=True):
                # The copy has 1024 requests.
                self.control("die taken 300")
                nbdcopy = subprocess.Popen(
                    ["nbdcopy", *THREADS, "--request-size=65536", source, copy], cwd=self.folder)
                self.addCleanup(nbdcopy.kill)
                for requests in 300, 300, 0:
                    self.await_death()
                    self.assertIsNone(nbdcopy.poll())
                    self.serve_until(requests)
                self.assertEqual(nbdcopy.wait(LIMIT), 0)
            self.stop()
        for name in "disk.img", "out.img":
            self.client("cmp", os.path.basename(data), name)

    def interrupt(self, lose, idle):
        """Ctrl-C while the target hangs or is gone, which no limit of the library ends here.

        nbdkit waits for its clients to leave. It ends once it has no plugin any more, see serving().
        """
        self.serve()
        with self.serving("0:0", "-v", errors=True, stderr=subprocess.PIPE, text=True) as server, \
                server.stderr as lines:
            self.addCleanup(self.target.kill)
            limit = threading.Timer(LIMIT, server.kill)
            limit.start()
            with Client(self.socket) as client:
                lose()
                if not idle:
                    client.send(Client.READ, 0, 512)
                    self.assertTrue(any("vscsi: pread" in line for line in lines))
                server.send_signal(signal.SIGINT)
                if not idle:
                    self.assertEqual(client.reply(512), (errno.ESHUTDOWN, b""))
            self.assertTrue(any("vscsi: unload" in line for line in lines))
            limit.cancel()
        self.target.kill()
        self.stop()

    def test_interrupted(self):
        self.address += "?recovery_ms=4294967295&io_timeout_ms=4294967295&timeout_ms=3600000"
        for lose in (lambda: self.target.send_signal(signal.SIGSTOP)), (lambda: self.target.kill()):
            for idle in False, True:
                with self.subTest(lose=lose, idle=idle):
                    self.interrupt(lose, idle)

    @needs("nbdinfo")
    def test_a_client_of_a_device_that_hangs(self):
        """The message does not send the reader to the list of logical units."""
        self.address += "?timeout_ms=200"
        self.serve()
        with self.serving("0:0", errors=True, stderr=subprocess.PIPE, text=True) as server, \
                server.stderr as lines:
            self.client("nbdinfo", self.uri)
            self.target.send_signal(signal.SIGSTOP)
            self.addCleanup(self.target.send_signal, signal.SIGCONT)
            # It may get no answer: see serving().
            with subprocess.Popen(["nbdinfo", self.uri], stderr=subprocess.DEVNULL) as client:
                limit = threading.Timer(LIMIT, server.kill)
                limit.start()
                line = lines.readline()
                limit.cancel()
                client.kill()
        self.assertRegex(line, "vscsi_lun_open: command on LUN 0:0: no answer in 200 ms\n$")

    def test_many_large_requests(self):
        """More than there is DMA memory for: they wait."""
        self.serve()
        with self.serving("1:0"), contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(self.socket)) for _ in range(3)]
            self.target.send_signal(signal.SIGSTOP)
            try:
                for client in 16 * clients:
                    client.send(Client.READ, 0, 2 * MIB)
                # Without the target, there can only be errors.
                sockets = [client.socket for client in clients]
                self.assertFalse(select.select(sockets, [], [], 0.2)[0])
            finally:
                self.target.send_signal(signal.SIGCONT)
            for client in 16 * clients:
                self.assertEqual(client.reply(2 * MIB)[0], 0)

    @needs("nbdinfo")
    def test_in_the_background(self):
        """In another directory, and another process than that which found the device usable."""
        self.serve()
        self.address = "vhost-user:d/v"
        os.mkfifo(self.path("pid"))
        fifo = os.open(self.path("pid"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, fifo)
        self.nbdkit(self.address, "lun=0:0", "-U", "nbd", "-P", "d/pid", "--filter=exitlast",
                    cwd=self.short)
        self.assertTrue(select.select([fifo], [], [], LIMIT)[0])
        ended = os.pidfd_open(int(os.read(fifo, 100)))
        self.addCleanup(os.close, ended)
        self.addCleanup(end, ended)
        self.assertEqual(self.client("nbdinfo", "--size", self.uri), f"{SIZE}\n")
        self.assertTrue(select.select([ended], [], [], LIMIT)[0])

    @needs("nbdinfo")
    def test_new_size(self):
        self.serve("--control=" + self.path("c"))
        with self.serving("0:1"):
            self.assertEqual(self.client("nbdinfo", "--size", self.uri), f"{8 * MIB}\n")
            self.control("resize 0:1 12M")
            self.assertEqual(self.client("nbdinfo", "--size", self.uri), f"{12 * MIB}\n")

    def test_wrong_parameters(self):
        self.serve()
        for words, message in (
                ([], "no device: give address=ADDRESS, such as vhost-user:/run/v.sock"),
                ([self.address + "?queues=1"],
                 "no logical unit: give lun=TARGET:LUN; 'vscsi-info [^?]*/v' lists them"),
                ([self.address, "lun=0"], "invalid lun=0: give TARGET:LUN, 0:0 to 255:16383"),
                ([self.address, "disk=1"], "unknown parameter 'disk': there are address and lun"),
                (["smoke:x", "lun=0:0"], "vscsi_dev_open: no transport for .*"),
                (["vhost-user:absent", "lun=0:0"], ".*absent.* failed: No such file or directory.*"),
                ([self.address + "?colour=red", "lun=0:0"], '.*no option "colour".*'),
                ([self.address + "?queues=1", "lun=0:9"],
                 ".* 0:9.*; 'vscsi-info [^?]*/v' lists the logical units")):
            # In the background, where later messages would be lost. It may not end: see serving().
            with subprocess.Popen(["nbdkit", "-U", self.socket, program("nbdkit"), *words],
                                  env=ENVIRONMENT, stderr=subprocess.PIPE, text=True) as server:
                found, _, _ = select.select([server.stderr], [], [], LIMIT)
                self.assertRegex(server.stderr.readline() if found else "nothing is said",
                                 f"^nbdkit: error: {message}\n$")
                server.kill()
            self.assertFalse(os.path.exists(self.socket))

    def test_help(self):
        out, _ = self.nbdkit("--help")
        self.assertRegex(out, "address=<ADDRESS> .*\n.*\nlun=<TARGET:LUN> ")
        out, _ = self.nbdkit("--dump-plugin")
        for line in ("name=vscsi", "thread_model=parallel", "magic_config_key=address",
                     "vscsi_library_version=" + self.run_tool("info", "--version")[0].split()[1]):
            self.assertIn(line + "\n", out)


if __name__ == "__main__":
    if "VSCSI_NBDKIT" not in os.environ or not shutil.which("nbdkit"):
        print("nbdkit, or nbdkit-plugin-dev when this was built, is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
