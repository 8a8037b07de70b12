# SPDX-License-Identifier: BSD-3-Clause
"""vscsi-sg: what a program sees of a SCSI generic device that it opens.

Most tests run Python below vscsi-sg, with INSIDE in front: a program that was not made for this.
"""

import json
import os
import shutil
import sys
import threading
import unittest

from rig import ToolTest

# A sanitizer's library must be the first in a program that was not built with it.
ENVIRONMENT = {"LD_PRELOAD": os.environ["VSCSI_PRELOAD"], "ASAN_OPTIONS": "detect_leaks=0"}

SCSI_ID = "/lib/udev/scsi_id"

INSIDE = """
import array, ctypes, errno, fcntl, mmap, os, stat, sys, threading

class Header(ctypes.Structure):  # struct sg_io_hdr
    _fields_ = [("interface_id", ctypes.c_int), ("direction", ctypes.c_int),
                ("cmd_len", ctypes.c_ubyte), ("max_sense", ctypes.c_ubyte),
                ("iovecs", ctypes.c_ushort), ("length", ctypes.c_uint),
                ("data", ctypes.c_void_p), ("cdb", ctypes.c_void_p), ("sense", ctypes.c_void_p),
                ("timeout", ctypes.c_uint), ("flags", ctypes.c_uint), ("pack_id", ctypes.c_int),
                ("user", ctypes.c_void_p), ("status", ctypes.c_ubyte), ("masked", ctypes.c_ubyte),
                ("msg", ctypes.c_ubyte), ("sense_len", ctypes.c_ubyte), ("host", ctypes.c_ushort),
                ("driver", ctypes.c_ushort), ("residual", ctypes.c_int),
                ("duration", ctypes.c_uint), ("info", ctypes.c_uint)]

SG_IO, NONE, OUT, IN = 0x2285, -1, -2, -3

def header(cdb, direction=NONE, data=None, **fields):
    h = Header(interface_id=ord("S"), direction=direction, cmd_len=len(cdb), max_sense=32,
               timeout=10000)
    h.kept = ctypes.create_string_buffer(bytes(cdb), len(cdb)), ctypes.create_string_buffer(32), data
    h.cdb, h.sense = map(ctypes.addressof, h.kept[:2])
    if data is not None:
        h.data, h.length = ctypes.addressof(data), ctypes.sizeof(data)
    for name, value in fields.items():
        setattr(h, name, value)
    return h

def sg_io(fd, *arguments, **fields):
    h = header(*arguments, **fields)
    fcntl.ioctl(fd, SG_IO, h)
    return h

def integer(fd, request, value=0):
    number = array.array("i", [value])
    fcntl.ioctl(fd, request, number)
    return number[0]

def error_of(call, *arguments, **fields):
    try:
        call(*arguments, **fields)
    except OSError as error:
        return errno.errorcode[error.errno]
    return None

READY = [0] * 6
INQUIRY = [0x12, 0, 0, 0, 255, 0]
"""


class Sg(ToolTest):
    luns = ["0:0,ram=4M,serial=first", "0:1,ram=1M", "3:300,ram=1M"]

    def setUp(self):
        super().setUp()
        self.serve("--control=" + self.path("c"))

    def sg(self, *command, status=0, address=None):
        """Runs a command below vscsi-sg."""
        return self.run_tool("sg", address or self.address, *command, status=status,
                             environment=ENVIRONMENT)

    def python(self, code, **options):
        """Runs Python code below vscsi-sg; returns what it prints on stderr."""
        return self.sg(sys.executable, "-c", INSIDE + code, **options)[1]

    def test_name_of_an_identity(self):
        """A whole argument, or the value of one."""
        out, _ = self.run_tool("info", "--json", self.address, "0:0")
        address = self.address + "?id=" + json.loads(out)["luns"][0]["wwid"]
        out, _ = self.sg("echo", "vscsi:id", "if=vscsi:id", "--device=vscsi:id", "xvscsi:id",
                         "vscsi:id,", address=address)
        self.assertEqual(out, "vscsi:0:0 if=vscsi:0:0 --device=vscsi:0:0 xvscsi:id vscsi:id,\n")

    @unittest.skipUnless(shutil.which("sg_vpd"), "no sg_vpd")
    def test_identities(self):
        """As sg_vpd and udev's scsi_id print them, through the name that stands for the identity."""
        out, _ = self.run_tool("info", "--json", self.address, "0:0")
        unit, = json.loads(out)["luns"]
        address = self.address + "?id=" + unit["wwid"]
        names = {name["id"].split(".")[0]: name for name in unit["identities"]}
        self.assertEqual(sorted(names), ["naa", "serial", "t10"])
        out, _ = self.sg("sg_vpd", "-p", "di", "vscsi:id", address=address)
        lines = [line.strip() for line in out.splitlines()]
        self.assertIn(names["naa"]["sg_vpd"], lines)
        vendor, = (line[len("vendor id: "):] for line in lines if line.startswith("vendor id:"))
        rest, = (line[len("vendor specific: "):] for line in lines
                 if line.startswith("vendor specific:"))
        self.assertEqual(names["t10"]["sg_vpd"], vendor.ljust(8) + rest)
        if not os.access(SCSI_ID, os.X_OK):
            self.skipTest("no " + SCSI_ID)
        for kind, page in ("naa", "0x83"), ("serial", "0x80"):
            out, _ = self.sg(SCSI_ID, "-g", "-u", "-p", page, "-d", "vscsi:id", address=address)
            self.assertEqual(out.strip(), names[kind]["scsi_id"])
        self.assertEqual(names["t10"]["scsi_id"], "1VSCSI_TARGET_DISK_first")

    def test_no_such_identity(self):
        _, err = self.sg("true", "vscsi:id", status=126)
        self.assertIn("no id=", err)
        _, err = self.sg("true", "vscsi:id", status=126, address=self.address + "?id=naa.1")
        self.assertIn("no LUN of the device has the identity", err)

    def test_a_command(self):
        """Data, residual and status."""
        self.python("""
fd = os.open("vscsi:0:0", os.O_RDWR)
data = ctypes.create_string_buffer(255)
h = sg_io(fd, INQUIRY, IN, data)
assert (h.status, h.host, h.driver, h.info, h.residual) == (0, 0, 0, 0, 255 - 96), h.residual
assert data.raw[8:13] == b"VSCSI"
""")

    def test_sense(self):
        """Sense data is cut where the program says, and only then."""
        self.python("""
fd = os.open("vscsi:0:0", os.O_RDWR)
h = sg_io(fd, [0x12, 1, 0xcf, 0, 255, 0], IN, ctypes.create_string_buffer(255))
assert (h.status, h.masked, h.host, h.driver, h.info) == (2, 1, 0, 8, 1)
assert h.sense_len == 18 and h.kept[1].raw[:3] == b"\\x70\\0\\5" and h.residual == 255
assert h.kept[1].raw[12:18] == bytes([0x24, 0, 0, 0xc0, 0, 2])
h = sg_io(fd, [0xff] * 6, max_sense=4)
assert h.sense_len == 4 and h.kept[1].raw[:5] == b"\\x70\\0\\5\\0\\0"
""")

    def test_data(self):
        """Both directions, scatter lists, and the mapped buffer."""
        self.python("""
class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]

fd = os.open("vscsi:0:1", os.O_RDWR)
data = ctypes.create_string_buffer(os.urandom(1024), 1024)
assert not sg_io(fd, [0x2a, 0, 0, 0, 0, 5, 0, 0, 2, 0], OUT, data).info
parts = [ctypes.create_string_buffer(100), ctypes.create_string_buffer(b"x" * 2000, 2000)]
lists = (Iovec * 2)(*((ctypes.addressof(part), ctypes.sizeof(part)) for part in parts))
read = [0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0]
h = sg_io(fd, read, IN, lists, iovecs=2, length=1024)
assert not h.info and parts[0].raw + parts[1].raw[:924] == data.raw
assert parts[1].raw[924:] == b"x" * 1076
assert integer(fd, 0x2272) == 32768
integer(fd, 0x2275, 65536)
assert integer(fd, 0x2272) == 65536
mapped = mmap.mmap(fd, 65536)
assert not sg_io(fd, read, IN, None, length=1024, flags=4).info and mapped[:1024] == data.raw
""")

    def test_written_headers(self):
        """They are read back in order, or by their identification."""
        self.python("""
fd = os.open("vscsi:0:0", os.O_RDWR)
assert error_of(os.read, fd, ctypes.sizeof(Header)) == "EAGAIN"
kept = [header(READY, pack_id=number) for number in range(4)]
for h in kept:
    assert os.write(fd, h) == ctypes.sizeof(Header)
libc = ctypes.CDLL(None)
def back(number):
    h = Header(pack_id=number)
    assert libc.read(fd, ctypes.byref(h), ctypes.sizeof(h)) == ctypes.sizeof(h)
    return h.pack_id
assert back(3) == 0  # the identification doesn't matter yet
integer(fd, 0x227b, 1)  # SG_SET_FORCE_PACK_ID
assert back(3) == 3 and back(-1) == 1 and back(2) == 2
assert error_of(os.write, fd, b"short") == "EINVAL"
""")

    def test_what_it_is(self):
        self.python("""
fd = os.open("vscsi:3:300", os.O_RDWR)
for st in os.stat("vscsi:3:300"), os.lstat("vscsi:3:300"), os.fstat(fd):
    assert stat.S_ISCHR(st.st_mode) and os.major(st.st_rdev) == 21, st
assert os.access("vscsi:3:300", os.R_OK | os.W_OK) and not os.access("vscsi:3:300", os.X_OK)
assert integer(fd, 0x2282) == 30536
identity = array.array("i", [-1] * 8)
fcntl.ioctl(fd, 0x2276, identity)
assert identity[2:5].tolist() == [3, 300, 0], identity
assert fcntl.ioctl(fd, 0x2202) == 6000  # SG_GET_TIMEOUT, in ticks
integer(fd, 0x2201, 500)
assert fcntl.ioctl(fd, 0x2202) == 500
for request in 0x5401, 0x22ff, 0x80081272:  # a terminal's, an unknown one, a block device's
    assert error_of(fcntl.ioctl, fd, request, bytearray(64)) == "ENOTTY", hex(request)
""")

    def test_refused_headers(self):
        self.python("""
fd = os.open("vscsi:0:0", os.O_RDWR)
assert error_of(sg_io, fd, READY, interface_id=ord("Q")) == "ENOSYS"
assert error_of(sg_io, fd, READY, cmd_len=5) == "EMSGSIZE"
assert error_of(sg_io, fd, [0] * 33) == "EMSGSIZE"
assert error_of(sg_io, fd, READY, IN, None, length=1 << 30) == "ENOMEM"
assert not sg_io(fd, READY).info
""")

    def test_absent_units(self):
        """Opening fails with a line that says why."""
        for unit, why in ("0:7", "there is no such LUN"), ("9:0", "no such target"):
            err = self.python(f"""
assert error_of(os.open, "vscsi:{unit}", os.O_RDWR) in ("ENXIO", "ENODEV")
""")
            self.assertRegex(err, f"^vscsi-sg: cannot open vscsi:{unit}: .*{why}\n$")

    def test_names_that_are_none(self):
        for name in "vscsi:0", "vscsi:x", "vscsi:256:0":
            err = self.python(f"""
assert error_of(os.open, "{name}", os.O_RDWR) == "ENOENT"
""")
            self.assertEqual(err, f"vscsi-sg: '{name}' is not vscsi:TARGET:LUN, 0:0 to 255:16383\n")

    def test_no_device(self):
        err = self.python("""
assert error_of(os.open, "vscsi:0:0", os.O_RDWR) == "ENOENT"
""", address="vhost-user:" + self.path("absent"))
        self.assertIn(self.path("absent"), err)

    def test_other_files_are_untouched(self):
        """Names that only begin alike, and every other descriptor, are the C library's."""
        self.python("""
assert error_of(os.open, "vscsi:0", os.O_RDWR) == "ENOENT"
assert error_of(os.open, "vscsi:256:0", os.O_RDWR) == "ENOENT"
fd = os.open("vscsi:0:0", os.O_RDWR)
reader, writer = os.pipe()
os.write(writer, b"text")
assert os.read(reader, 9) == b"text" and stat.S_ISFIFO(os.fstat(reader).st_mode)
assert error_of(sg_io, reader, READY) == "ENOTTY"
assert error_of(sg_io, 999, READY) == "EBADF"
assert integer(reader, 0x541b) == 0  # FIONREAD
os.close(fd)
assert error_of(sg_io, fd, READY) == "EBADF"
again = os.open("/dev/null", os.O_RDONLY)
assert again == fd and error_of(sg_io, again, READY) == "ENOTTY"  # a number that is used again
""")

    def test_copies_of_a_descriptor(self):
        self.python("""
fd = os.open("vscsi:0:0", os.O_RDWR)
copy = os.dup(fd)
os.close(fd)
assert not sg_io(copy, READY).info
other = os.open("vscsi:0:1", os.O_RDWR)
os.dup2(other, copy)
data = ctypes.create_string_buffer(8)
sg_io(copy, [0x25] + [0] * 9, IN, data)
assert data.raw[:4] == (2047).to_bytes(4, "big")
""")

    def test_threads(self):
        self.python("""
fd = os.open("vscsi:0:0", os.O_RDWR)
failed = []
def work():
    for _ in range(50):
        if sg_io(fd, INQUIRY, IN, ctypes.create_string_buffer(255)).info:
            failed.append(True)
threads = [threading.Thread(target=work) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert not failed
""")

    def test_exec(self):
        """The next program may use a descriptor that it inherits."""
        self.python("""
fd = os.open("vscsi:0:1", os.O_RDWR)
if len(sys.argv) == 1:
    os.set_inheritable(fd, True)
    code = open("/proc/self/cmdline").read().split("\\0")[2]
    code = code.replace('os.open("vscsi:0:1", os.O_RDWR)', str(fd))
    os.execv(sys.executable, [sys.executable, "-c", code, "again"])
data = ctypes.create_string_buffer(8)
sg_io(fd, [0x25] + [0] * 9, IN, data)
assert data.raw[:4] == (2047).to_bytes(4, "big")
""")

    def test_fork(self):
        """The child connects by itself, which a target for one client refuses; the parent goes on."""
        code = """
fd = os.open("vscsi:0:0", os.O_RDWR)
child = os.fork()
if not child:
    os._exit(error_of(sg_io, fd, READY) != %r)
assert os.waitpid(child, 0)[1] == 0
assert not sg_io(fd, READY).info
"""
        self.assertEqual(self.python(code % None), "")
        self.stop()
        self.serve("--clients=1")
        err = self.python(code % "ENOTCONN")
        self.assertRegex(err, "^vscsi-sg: cannot open the device: [^\n]+\n$")

    def test_fork_and_exit(self):
        """The child closes the connection that it shares with its parent, and makes its own."""
        out, _ = self.sg(sys.executable, "-c", INSIDE + """
fd = os.open("vscsi:0:0", os.O_RDWR)
if os.fork():
    os._exit(0)
print(sg_io(fd, READY).info, flush=True)
""")
        self.assertEqual(out, "0\n")

    def test_child_of_a_parent_that_has_opened_nothing(self):
        self.sg("sh", "-c", f"for i in 1 2; do {sys.executable} -c '"
                "import os; os.open(\"vscsi:0:0\", os.O_RDWR)' || exit 1; done")

    def test_resets(self):
        self.python("""
fd = os.open("vscsi:0:0", os.O_RDWR)
for kind in 0, 1, 3, 4:  # nothing, device, host, target
    integer(fd, 0x2284, kind)
    codes = set()
    for _ in range(4):
        h = sg_io(fd, READY)
        codes.add(h.kept[1].raw[12] if h.sense_len else None)
    assert None in codes and codes <= {None, 0x29}, (kind, codes)
assert error_of(integer, fd, 0x2284, 2) == "ENOTSUP"
""")

    def test_time_limit(self):
        """A command that the device never answers ends, although nothing else answers either."""
        self.python(f"""
import signal
fd = os.open("vscsi:0:0", os.O_RDWR)
os.kill({self.target.pid}, signal.SIGSTOP)
h = sg_io(fd, READY, timeout=200)
os.kill({self.target.pid}, signal.SIGCONT)
assert h.host == 3, h.host  # DID_TIME_OUT
assert h.duration >= 200 and h.info == 1
""", address=self.address + "?task_timeout_ms=100&recovery_ms=500"
                    "&timeout_ms=600000&io_timeout_ms=600000")

    def test_a_lost_device(self):
        err = self.python(f"""
import signal
fd = os.open("vscsi:0:0", os.O_RDWR)
os.kill({self.target.pid}, signal.SIGKILL)
for i in range(2):
    assert error_of(sg_io, fd, READY) == "ENODEV"
""", address=self.address + "?recovery=off")
        self.assertRegex(err, "vscsi-sg: ")

    def test_reads_and_writes_while_a_device_is_lost(self):
        """They are sent again; the new device may have a UNIT ATTENTION for them, as any may."""
        def restart():
            self.target.wait()
            self.serve("--control=" + self.path("c"))
        for cdb, way in (("0x2a, 0, 0, 0, 0, 5, 0, 0, 1, 0", "OUT"),
                         ("0x28, 0, 0, 0, 0, 5, 0, 0, 1, 0", "IN"),
                         ("0x8a, 0" + 10 * ", 0" + ", 0, 1, 0, 0", "OUT")):
            again = threading.Thread(target=restart)
            again.start()
            self.python(f"""
import socket
fd = os.open("vscsi:0:0", os.O_RDWR)
control = socket.socket(socket.AF_UNIX)
control.connect("{self.path("c")}")
control.sendall(b"die taken 1\\n")
assert control.recv(10) == b"ok\\n"
data = ctypes.create_string_buffer(512)
h = sg_io(fd, [{cdb}], {way}, data)
assert not h.host, h.host
if h.info:
    assert h.kept[1].raw[2] == 6
    assert not sg_io(fd, [{cdb}], {way}, data).info
""")
            again.join()

    def test_a_command_that_a_loss_ended(self):
        """Nothing of its data has arrived. Later, the device is as one that was removed."""
        self.python(f"""
import signal
fd = os.open("vscsi:0:0", os.O_RDWR)
os.kill({self.target.pid}, signal.SIGKILL)
h = sg_io(fd, INQUIRY, IN, ctypes.create_string_buffer(255))
assert h.host == 14 and h.info == 1 and not h.status, h.host  # DID_TRANSPORT_DISRUPTED
assert h.residual == 255, h.residual
assert error_of(sg_io, fd, READY) == "ENODEV"
""", address=self.address + "?recovery_ms=100")


class SgAlone(ToolTest):
    def test_help(self):
        out, _ = self.run_tool("sg", "--help")
        self.assertIn("ADDRESS", out)
        self.assertRegex(self.run_tool("sg", "--version")[0], r"^vscsi-sg \d+\.\d+\.\d+\n$")

    def test_wrong_usage(self):
        for words in [], ["address"], ["--no-such"], ["--log=loud", "a", "true"]:
            self.refused("sg", *words)

    def test_exit_status(self):
        """That of the program, or a shell's for one that can't be run."""
        for command, status in ("exit 7", 7), ("kill -9 $$", -9):
            self.run_tool("sg", "none:", "sh", "-c", command, status=status,
                          environment=ENVIRONMENT)
        self.assertIn("No such file", self.refused("sg", "none:", "no-such-program", status=127))
        self.refused("sg", "none:", "/etc/passwd", status=126)

    def test_options_of_the_program(self):
        out, _ = self.run_tool("sg", "none:", "echo", "--help", "-x",
                               environment=ENVIRONMENT)
        self.assertIn("-x", out)

    def test_full_output(self):
        for words in ["--help"], ["--version"]:
            self.notices_full_output("sg", *words)


if __name__ == "__main__":
    unittest.main(verbosity=2)
