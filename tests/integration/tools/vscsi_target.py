# SPDX-License-Identifier: BSD-3-Clause
"""What vscsi-target needs from its surroundings, and what it does to images and sockets."""

import contextlib
import fcntl
import json
import os
import random
import resource
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
import unittest

import rig

SIZE = 1 << 20


class TargetTest(rig.ToolTest):
    """Starts targets whose descriptors and environment a test chooses."""

    def start(self, *arguments, name="v", **options):
        """A target that serves the socket with this name; does not wait for it."""
        options.setdefault("stdout", subprocess.DEVNULL)
        process = subprocess.Popen(
            [rig.program("target"), "--socket=" + self.path(name), *arguments], **options)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait(rig.LIMIT)

    def connect(self, name, process=None):
        """A connection to a socket, once a target listens there."""
        limit = time.monotonic() + rig.LIMIT
        while time.monotonic() < limit:
            if process:
                self.assertIsNone(process.poll(), "the target has ended")
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(self.path(name))
            except (FileNotFoundError, ConnectionRefusedError):
                client.close()
                time.sleep(0.01)
                continue
            client.settimeout(rig.LIMIT)
            self.addCleanup(client.close)
            return client
        self.fail("no target listens")

    def started(self, *arguments, name="v", **options):
        """A target that listens."""
        process = self.start(*arguments, name=name, **options)
        self.connect(name, process).close()
        return process

    def stopped(self, process, status=0):
        """It ends by SIGTERM."""
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(rig.LIMIT), status)

    def not_started(self, *arguments, name="w"):
        """A target that must not start; returns its error message."""
        return self.refused("target", "--socket=" + self.path(name), *arguments)

    def image(self, name, size=SIZE):
        return self.write(name, random.Random(name).randbytes(size))

    def warn(self, times=1):
        """Makes the target print warnings."""
        for _ in range(times):
            with self.connect("v") as client:
                client.sendall(b"no message: ")
                self.assertEqual(client.recv(1), b"")

    def info(self, name="v"):
        out, _ = self.run_tool("info", "--json", "vhost-user:" + self.path(name))
        return json.loads(out)["luns"]


def closing(*descriptors):
    """For preexec_fn: closes them in the program."""
    def close():
        for descriptor in descriptors:
            os.close(descriptor)
    return close


class Surroundings(TargetTest):
    def test_standard_descriptors_are_closed(self):
        """What is printed does not land in the image, which would get the lowest descriptor."""
        image = self.image("disk.img")
        data = self.read("disk.img")
        for closed in [0], [1], [2], [0, 1], [1, 2], [0, 1, 2]:
            with self.subTest(closed):
                with open(self.path("log"), "wb") as log:
                    process = self.started(f"--lun=0:0,file={image}", stdout=log, stderr=log,
                                           preexec_fn=closing(*closed))
                for descriptor in closed:
                    self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{descriptor}"),
                                     "/dev/null")
                self.warn()
                self.run_tool("copy", self.address, "0:0", self.path("out.img"))
                self.stopped(process)
                self.assertEqual(self.read("disk.img"), data)

    def test_output_that_is_lost(self):
        for option in "--help", "--list-features":
            with open("/dev/full", "wb") as full:
                done = subprocess.run([rig.program("target"), option], stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=rig.LIMIT)
            self.assertEqual(done.returncode, 2)
            self.assertIn("cannot write", done.stderr)

    def test_empty_image(self):
        err = self.not_started("--lun=0:0,file=" + self.write("empty.img", b""))
        self.assertIn("LUN 0:0 would have no blocks: the image is empty", err)

    def test_file_size_limit(self):
        """A write beyond "ulimit -f" fails, and the target lives."""
        image = self.image("disk.img")
        self.write("new.img", b"x" * SIZE)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, SIZE // 2))

        process = self.started(f"--lun=0:0,file={image}", preexec_fn=limit)
        self.refused("copy", self.path("new.img"), self.address, "0:0", status=1)
        self.run_tool("copy", self.address, "0:0", self.path("out.img"))
        self.stopped(process)


def full_pipe():
    """Both ends of a pipe that takes nothing more."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, bytes(4096))
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, b"\0")
    os.set_blocking(write_end, True)
    return read_end, write_end


def full_socket():
    """The same with sockets."""
    read_end, write_end = socket.socketpair()
    write_end.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            write_end.send(bytes(4096))
    write_end.setblocking(True)
    return read_end.detach(), write_end.detach()


class FullPipe(TargetTest):
    """What the target prints is not read."""

    def check(self, make, count):
        read_end, write_end = make()
        image = self.image("disk.img")
        process = self.started(f"--lun=0:0,file={image}", stderr=write_end)
        os.close(write_end)
        self.warn(count)
        self.run_tool("copy", self.address, "0:0", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.read("disk.img"))
        # When there is room again, the next message tells how many are missing.
        os.set_blocking(read_end, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.assertEqual(os.read(read_end, 65536).strip(b"\0"), b"")
        self.warn()
        os.set_blocking(read_end, True)
        text = os.read(read_end, 4096).decode()
        self.assertRegex(text, rf"^vscsi-target: \({count} messages were dropped\) client \d+ dropped:")
        self.warn()
        self.assertRegex(os.read(read_end, 4096), rb"^vscsi-target: client \d+ dropped:")
        # SIGTERM works too while it is full.
        self.stopped(process)
        os.close(read_end)

    def test_stderr_is_a_full_pipe(self):
        self.check(full_pipe, 5)

    def test_stderr_is_a_full_socket(self):
        self.check(full_socket, 5)

    def test_sigterm(self):
        for stdout in False, True:
            with self.subTest(stdout=stdout):
                read_end, write_end = full_pipe()
                process = self.started("--lun=0:0,ram=1M", stderr=write_end,
                                       stdout=write_end if stdout else subprocess.DEVNULL)
                os.close(write_end)
                self.warn()
                self.stopped(process)
                os.close(read_end)


# struct flock and commands of linux/fcntl.h for 64-bit systems.
F_OFD_GETLK, F_OFD_SETLK = 36, 37
WHOLE = (0, 0)


def lock_of(kind, start, length):
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, start, length, 0)


class Locks(TargetTest):
    """An image that is written has one user."""

    def setUp(self):
        super().setUp()
        self.file = self.image("disk.img")
        self.data = self.read("disk.img")
        self.rw = f"--lun=0:0,file={self.file}"
        self.ro = self.rw + ",ro"

    @contextlib.contextmanager
    def other_program(self, *locks, kind=fcntl.F_RDLCK):
        """The image's descriptor in another program, with locks on (start, length)."""
        with open(self.file, "r+b", buffering=0) as file:
            for start, length in locks:
                fcntl.fcntl(file, F_OFD_SETLK, lock_of(kind, start, length))
            yield file

    @staticmethod
    def is_locked(file, byte):
        """As QEMU asks: does anyone else have a lock on this byte?"""
        answer = fcntl.fcntl(file, F_OFD_GETLK, lock_of(fcntl.F_WRLCK, byte, 1))
        return struct.unpack("hhqqi4x", answer)[0] != fcntl.F_UNLCK

    def test_two_targets(self):
        process = self.started(self.rw)
        for lun in self.rw, self.ro:
            message = self.not_started(lun)
            self.assertIn("disk.img is in use: it is locked for writing", message)
        # The same through a link, and in one target.
        os.link(self.file, self.path("link"))
        self.not_started(f"--lun=0:0,file={self.path('link')}")
        self.stopped(process)
        self.not_started(self.rw, self.ro.replace("0:0", "0:1"))
        # The lock ends with the target, however that ends.
        process = self.started(self.rw)
        process.kill()
        process.wait(rig.LIMIT)
        self.stopped(self.started(self.rw))

    def test_readers(self):
        first = self.started(self.ro)
        second = self.started(self.ro, self.ro.replace("0:0", "0:1"), name="w")
        self.assertIn("against writing", self.not_started(self.rw, name="x"))
        self.stopped(first)
        self.not_started(self.rw, name="x")
        self.stopped(second)
        self.stopped(self.started(self.rw))

    def test_control_socket(self):
        owner = self.started(self.rw, name="w")
        process = self.started("--control=" + self.path("control"))
        with self.connect("control") as control, control.makefile("rw") as file:
            for line, reply in (f"add 0:0,file={self.file}", "error: "), \
                               (f"add 0:0,file={self.file},ro", "error: "):
                print(line, file=file, flush=True)
                self.assertIn(reply, file.readline())
            self.stopped(owner)
            for line in f"add 0:0,file={self.file}", "remove 0:0", \
                        f"add 0:0,file={self.file},ro":
                print(line, file=file, flush=True)
                self.assertEqual(file.readline(), "ok\n")
        self.stopped(process)

    def test_other_programs(self):
        # (locks, kind, whether a reader and a writer start)
        read = [(100, 1), (201, 1), (203, 1)]
        for locks, kind, reader, writer in (
                ([WHOLE], fcntl.F_WRLCK, False, False), ([WHOLE], fcntl.F_RDLCK, True, False),
                ([(0, 1)], fcntl.F_WRLCK, True, False),
                # QEMU that reads, and that writes
                (read, fcntl.F_RDLCK, True, False),
                (read + [(101, 1)], fcntl.F_RDLCK, False, False),
                (read + [(100, 2), (103, 1)], fcntl.F_RDLCK, False, False)):
            with self.subTest(locks=locks, kind=kind), self.other_program(*locks, kind=kind):
                for lun, starts in (self.ro, reader), (self.rw, writer):
                    if starts:
                        self.stopped(self.started(lun))
                    else:
                        self.assertIn("in use", self.not_started(lun))

    def test_what_qemu_finds(self):
        with self.other_program() as other:
            process = self.started(self.ro)
            # It reads, no process writes, and no other process may write or resize.
            locked = [byte for byte in range(99, 210) if self.is_locked(other, byte)]
            self.assertEqual(locked, [100, 201, 203])
            self.stopped(process)
            process = self.started(self.rw)
            with self.assertRaises(OSError):
                fcntl.fcntl(other, F_OFD_SETLK, lock_of(fcntl.F_RDLCK, 100, 1))
            self.stopped(process)
            fcntl.fcntl(other, F_OFD_SETLK, lock_of(fcntl.F_WRLCK, *WHOLE))

    def test_copy_to_an_image_in_use(self):
        for lun in self.rw, self.ro:
            process = self.started(lun, "--lun=0:1,ram=1M")
            for disk in "0:0", "0:1":
                message = self.refused("copy", self.address, disk, self.file, status=1)
                self.assertIn("disk.img is in use", message)
            self.stopped(process)
            self.assertEqual(self.read("disk.img"), self.data)

    def test_copy_from_an_image_in_use(self):
        process = self.started(self.rw, "--lun=0:1,ram=1M")
        message = self.refused("copy", self.file, self.address, "0:1", status=1)
        self.assertIn("locked for writing", message)
        self.stopped(process)
        process = self.started(self.ro, "--lun=0:1,ram=1M")
        self.run_tool("copy", self.file, self.address, "0:1")
        self.run_tool("copy", self.address, "0:1", self.path("out.img"))
        self.assertEqual(self.read("out.img"), self.data)
        self.stopped(process)

    def attach(self, path, *where):
        """Makes a file the contents of a loop device; skips the test without one."""
        try:
            made = subprocess.run(["losetup", *(where or ["--find"]), "--show", path],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=rig.LIMIT)
        except FileNotFoundError:
            self.skipTest("losetup is not installed")
        if made.returncode:
            self.skipTest("no loop device: " + made.stderr.strip())
        return made.stdout.strip()

    @staticmethod
    def detach(device):
        subprocess.run(["losetup", "--detach", device], check=True, timeout=rig.LIMIT)

    def test_block_device(self):
        device = self.attach(self.file)
        self.addCleanup(self.detach, device)
        lun = f"--lun=0:0,file={device}"
        for user in lun, lun + ",ro":
            process = self.started(user)
            self.assertEqual(self.info()[0]["size"], SIZE)
            self.assertIn("in use", self.not_started(lun))
            self.assertIn("in use", self.refused("copy", self.address, "0:0", device, status=1))
            self.stopped(process)
        # Opened exclusively, as by mount.
        exclusive = os.open(device, os.O_RDONLY | os.O_EXCL)
        for user in lun, lun + ",ro":
            self.assertIn("mounted", self.not_started(user))
        os.close(exclusive)
        # The copy needs no O_CREAT and no O_TRUNC there.
        other = self.image("other.img")
        process = self.started(f"--lun=0:0,file={other}")
        self.run_tool("copy", self.address, "0:0", device)
        self.stopped(process)
        with open(device, "rb") as file:
            self.assertEqual(file.read(), self.read("other.img"))

    def serial(self, path):
        process = self.started(f"--lun=0:0,file={path}")
        serial = self.info()[0]["serial"]
        self.stopped(process)
        return serial

    def test_block_device_identity(self):
        """A node by any name is one disk; what is attached to it later is another."""
        device = self.attach(self.file)
        try:
            serial = self.serial(device)
            os.symlink(device, self.path("link"))
            self.assertEqual(self.serial(self.path("link")), serial)
            os.mknod(self.path("node"), 0o600 | stat.S_IFBLK, os.stat(device).st_rdev)
            self.assertEqual(self.serial(self.path("node")), serial)
        finally:
            self.detach(device)
        self.attach(self.image("other.img"), device)
        self.addCleanup(self.detach, device)
        if os.path.exists(f"/sys/block/{os.path.basename(device)}/diskseq"):
            self.assertNotEqual(self.serial(device), serial)


class Memory(TargetTest):
    """What a ram disk holds is lost with its target, and with it the disk."""

    def identities(self, *arguments):
        process = self.started(*arguments)
        luns = self.info()
        self.stopped(process)
        return [(lun["serial"], lun["wwid"]) for lun in luns]

    def test_identity(self):
        luns = ["--lun=0:0,ram=1M", "--lun=0:1,ram=1M", "--lun=0:2,null=1M",
                "--lun=0:3,ram=1M,serial=X", "--lun=0:4,ram=1M,wwn=5000000000000001"]
        first, second = self.identities(*luns), self.identities(*luns)
        self.assertEqual(first[2:], second[2:])
        self.assertEqual(len({*first[:2], *second[:2]}), 4)

    def test_copy_does_not_go_on(self):
        """A copy whose target is started again fails: its first part is lost."""
        self.write("disk.img", random.Random(1).randbytes(8 << 20))
        process = self.started("--lun=0:0,ram=8M")
        copy = subprocess.Popen([rig.program("copy"), self.path("disk.img"), self.address, "0:0",
                                 "--rate=2M", "--progress=always"],
                                stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        self.addCleanup(copy.kill)
        self.assertIn("copied", copy.stderr.readline())
        process.kill()
        process.wait(rig.LIMIT)
        process = self.started("--lun=0:0,ram=8M")
        _, text = copy.communicate(timeout=rig.LIMIT)
        self.assertEqual(copy.returncode, 1, text)
        self.assertIn("No such device", text)
        self.stopped(process)


class Signals(TargetTest):
    """It ends cleanly when its terminal is closed, unless it was told not to care."""

    def test_hangup(self):
        process = self.started("--lun=0:0,ram=1M", "--control=" + self.path("control"))
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.wait(rig.LIMIT), 0)
        for name in "v", "control":
            self.assertFalse(os.path.exists(self.path(name)))

    def test_hangup_is_ignored(self):
        process = self.started("--lun=0:0,ram=1M",
                               preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        process.send_signal(signal.SIGHUP)
        self.assertEqual(len(self.info()), 1)
        self.stopped(process)


class Sockets(TargetTest):
    """A target removes its own socket only."""

    def test_successor(self):
        for move in os.unlink, lambda path: os.rename(path, path + ".old"):
            arguments = "--lun=0:0,ram=1M", "--control=" + self.path("control")
            first = self.started(*arguments)
            for name in "v", "control":
                move(self.path(name))
            second = self.started(*arguments)
            self.stopped(first)
            self.assertEqual(len(self.info()), 1)
            with self.connect("control") as control:
                control.sendall(b"stat\n")
                self.assertIn(b"clients", control.recv(4096))
            self.stopped(second)
            for name in "v", "control":
                self.assertFalse(os.path.exists(self.path(name)))

    def test_other_files(self):
        process = self.started("--lun=0:0,ram=1M")
        os.unlink(self.path("v"))
        self.write("v", "a file")
        self.stopped(process)
        self.assertEqual(self.read("v"), b"a file")
        self.assertIn("in use", self.not_started("--lun=0:0,ram=1M", name="v"))
        self.assertEqual(self.read("v"), b"a file")

    def test_many_at_once(self):
        """Of several targets that replace a dead one's socket, one serves it."""
        for _ in range(5):
            dead = self.started("--lun=0:0,ram=1M")
            dead.kill()
            dead.wait(rig.LIMIT)
            many = [self.start("--lun=0:0,ram=1M", stderr=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, text=True) for _ in range(8)]
            lines = [process.stdout.readline() for process in many]
            winners = [process for process, line in zip(many, lines) if line]
            self.assertEqual(len(winners), 1)
            for process in many:
                if process not in winners:
                    self.assertEqual(process.wait(rig.LIMIT), 2)
            self.assertEqual(len(self.info()), 1)
            self.stopped(winners[0])
            self.assertFalse(os.path.exists(self.path("v")))
            for process in many:
                process.stdout.close()


class Control(TargetTest):
    """Commands in one piece."""

    def setUp(self):
        super().setUp()
        self.process = self.started("--lun=0:0,ram=1M", "--control=" + self.path("control"))

    @staticmethod
    def commands(count):
        """Commands of which each succeeds only after the one before."""
        return [f"{'remove' if i % 2 else 'add'} 0:1{'' if i % 2 else ',null=1M'}\n"
                for i in range(count)]

    def await_lun(self, number):
        """Commands of the other connection are executed until there is this LUN."""
        with self.connect("control") as control, control.makefile("rw") as file:
            limit = time.monotonic() + rig.LIMIT
            while time.monotonic() < limit:
                print(f"remove 0:{number}", file=file, flush=True)
                if file.readline() == "ok\n":
                    return
        self.fail("the commands were not executed")

    def test_thousands(self):
        for count in 1000, 5000:
            with self.subTest(count), self.connect("control") as control:
                control.sendall("".join(self.commands(count)).encode())
                with control.makefile() as file:
                    for i in range(count):
                        self.assertEqual(file.readline(), "ok\n", f"command {i}")

    def test_long_replies(self):
        """More than all buffers have room for, while I/O goes on."""
        count = 5000
        with self.connect("control") as control:
            writer = threading.Thread(target=control.sendall, args=(b"stat\n" * count,))
            writer.start()
            self.run_tool("copy", self.address, "0:0", self.path("out.img"))
            with control.makefile() as file:
                for i in range(count):
                    self.assertIn('"clients"', file.readline(), f"command {i}")
            writer.join()

    def test_replies_are_not_read(self):
        """They are executed even if the client closes the connection at once, or never reads."""
        lines = self.commands(1000)
        with self.connect("control") as control:
            control.sendall("".join([*lines, "add 0:2,null=1M\n"]).encode())
        self.await_lun(2)
        control = self.connect("control")
        control.sendall("".join([*lines, "add 0:3,null=1M\n"]).encode())
        self.await_lun(3)
        self.stopped(self.process)

    def test_half_closed(self):
        with self.connect("control") as control:
            control.sendall(b"stat\n" * 5000)
            control.shutdown(socket.SHUT_WR)
            with control.makefile() as file:
                self.assertEqual(len(file.readlines()), 5000)

    def test_too_long(self):
        with self.connect("control") as control, control.makefile() as file:
            control.sendall(b"resize 0:0 2M\n" + b"x" * 5000)
            self.assertEqual(file.readline(), "ok\n")
            self.assertIn("too long", file.readline())
        with self.connect("control") as control, control.makefile() as file:
            control.sendall(b"x" * 1023 + b"\n")
            self.assertIn("unknown command", file.readline())

    def test_errors(self):
        """They name what is wrong, and only what vscsi-target(1) has."""
        with self.connect("control") as control, control.makefile("rw") as file:
            for line, reply in (
                    ("add 300:0,ram=1M", "address '300:0' is out of range (targets 0-255, LUNs "
                                         "0-16383)"),
                    ("ad 0:1", "unknown command 'ad' (expected add, remove, resize or stat)")):
                print(line, file=file, flush=True)
                self.assertEqual(file.readline(), f"error: {reply}\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
