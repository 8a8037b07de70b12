# SPDX-License-Identifier: BSD-3-Clause
"""Runs a QEMU guest. The command line is in guest.py, the guest's side in init.sh.
"""

import contextlib
import dataclasses
import os
import pathlib
import selectors
import shutil
import signal
import subprocess
import sys
import tarfile
import time

import initramfs
from errors import Broken, Unavailable
from kernel import Kernel

QEMU = os.environ.get("VSCSI_GUEST_QEMU") or "qemu-system-x86_64"
SKIPPED, TIMED_OUT, BROKEN = 77, 124, 125
CONSOLE_LINES_SHOWN = 80


@dataclasses.dataclass
class Options:
    """The configuration of a guest. All files are created in `work`, QEMU's working directory."""
    work: pathlib.Path
    command: list                  # run in the guest
    kernel: pathlib.Path = None    # directory of the unpacked kernel; default: in `work`
    qemu: list = dataclasses.field(default_factory=list)     # additional QEMU arguments
    files: list = dataclasses.field(default_factory=list)    # (file on the host, name or None)
    modules: list = dataclasses.field(default_factory=list)
    bind: list = dataclasses.field(default_factory=list)     # PCI functions for vfio-pci
    out: list = dataclasses.field(default_factory=list)      # paths in the guest, copied to work/out
    append: str = ""               # appended to the kernel's command line
    seconds: float = 60
    cpus: int = 1
    memory: int = 512              # MiB
    hugepages: int = 0             # of 2 MiB
    iommu: bool = False

    def all_modules(self):
        """The requested modules and those needed to bind to vfio-pci."""
        return self.modules + (["vfio_iommu_type1", "vfio-pci"] if self.bind else [])


def _arguments(options, kernel):
    machine = "q35,kernel-irqchip=split" if options.iommu else "q35"
    # On a busy host an emulated timer may miss the ticks that the kernel tests it with.
    kernel_line = "console=ttyS0 panic=-1 loglevel=5 no_timer_check " + options.append
    arguments = [
        QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", f"{machine},memory-backend=ram", "-m", str(options.memory),
        # Shared, so that a vhost-user back-end can map it.
        "-object", f"memory-backend-memfd,id=ram,size={options.memory}M,share=on",
        # Emulated: nested KVM is not reliable. One thread, and no cmpxchg16b, whose emulation
        # occasionally crashes kernels with several threads.
        "-accel", "tcg,thread=single", "-cpu", "qemu64,-cx16", "-smp", str(options.cpus),
        "-kernel", str(kernel.image), "-initrd", "initramfs.cpio",
        "-serial", "file:console.log", "-serial", "file:status", "-serial", "file:out.tar",
        "-chardev", "stdio,id=command,signal=off", "-serial", "chardev:command",
    ]
    if options.iommu:
        arguments += ["-device", "intel-iommu,intremap=on"]
        kernel_line += " intel_iommu=on"
    return arguments + ["-append", kernel_line] + options.qemu


@contextlib.contextmanager
def _process(arguments, work):
    """Run QEMU; it is stopped when the block is left for any reason."""
    def leave(number, _frame):
        raise SystemExit(128 + number)

    # SIGINT raises an exception already; make SIGTERM (the test runner's timeout) raise one too.
    before = signal.signal(signal.SIGTERM, leave)
    with open(work / "qemu.log", "wb") as log:
        process = subprocess.Popen(arguments, cwd=work, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        signal.signal(signal.SIGTERM, before)


def _chunks(process, deadline):
    """Yield the output of the guest's command until QEMU ends."""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0, deadline - time.monotonic())):
            chunk = process.stdout.read1(65536)
            if not chunk:
                return
            yield chunk
    raise TimeoutError


def _converse(process, deadline, handle):
    """Call `handle` with each line of the command's output; its result is sent as a reply."""
    rest = b""
    for chunk in _chunks(process, deadline):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            answer = handle(line.decode(errors="replace"))
            if answer is not None:
                process.stdin.write(answer.encode() + b"\n")
                process.stdin.flush()
    if rest:
        handle(rest.decode(errors="replace"))


def _tail(path):
    return "\n".join(path.read_text(errors="replace").splitlines()[-CONSOLE_LINES_SHOWN:])


def _status(work):
    words = (work / "status").read_text(errors="replace").split()
    if len(words) != 2 or words[0] != "exit":
        raise Broken("the guest died before its command ended; QEMU said: " +
                     ((work / "qemu.log").read_text(errors="replace").strip() or "nothing"))
    return int(words[1])


def _bring_out(work):
    """Unpack the guest's archive; names outside of the directory are rejected."""
    with tarfile.open(work / "out.tar", "r:") as archive:
        for member in archive:
            if ".." in pathlib.PurePosixPath(member.name).parts or not (
                    member.isfile() or member.isdir()):
                raise Broken(f"the guest sent {member.name}, which is not a regular file")
            member.name = member.name.lstrip("/")
            archive.extract(member, work / "out", set_attrs=False)


def _boot(options, handle):
    if not shutil.which(QEMU):
        raise Unavailable(f"{QEMU} is not installed (package qemu-system-x86)")
    work = options.work
    shutil.rmtree(work / "out", ignore_errors=True)
    for name in ("console.log", "status", "out.tar", "qemu.log"):
        (work / name).write_bytes(b"")
    kernel = Kernel(options.kernel or work / "kernel")
    initramfs.build(work / "initramfs.cpio", kernel, options)
    deadline = time.monotonic() + options.seconds
    with _process(_arguments(options, kernel), work) as process:
        _converse(process, deadline, handle)
    status = _status(work)
    if options.out:
        try:
            _bring_out(work)
        except tarfile.TarError as error:
            raise Broken(f"what the guest sent of {' '.join(options.out)} can't be unpacked: "
                         f"{error}") from None
    return status


def run(options, handle):
    """Boot, run the command, and return its exit status, or 77, 124 or 125 with a message.

    `handle` is called with each line of the command's output; if it returns a string, this is sent
    to the command's standard input as a line.
    """
    options.work = pathlib.Path(options.work).absolute()
    options.work.mkdir(parents=True, exist_ok=True)
    try:
        status = _boot(options, handle)
    except Unavailable as error:
        print(f"guest: skipped: {error}", file=sys.stderr)
        return SKIPPED
    except TimeoutError:
        print(f"guest: timed out after {options.seconds} s and was stopped", file=sys.stderr)
        status = TIMED_OUT
    except Broken as error:
        print(f"guest: {error}", file=sys.stderr)
        status = BROKEN
    console = options.work / "console.log"
    if status != 0 and console.exists():
        print(f"guest: exit status {status}; the end of {console}:\n{_tail(console)}",
              file=sys.stderr)
    return status
