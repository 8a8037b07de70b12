# SPDX-License-Identifier: BSD-3-Clause
"""Builds the guest's file system: busybox, the init script, modules and the caller's files.

The archive is written directly from the host's files, without a staging tree and without root. The
guest's side is init.sh.
"""

import os
import pathlib
import re
import shlex
import shutil
import subprocess

from errors import Broken, Unavailable

HERE = pathlib.Path(__file__).resolve().parent
DIRECTORY, REGULAR = 0o040755, 0o100000


def libraries(binary):
    """The shared libraries of an executable, as {file name in the guest: file on the host}."""
    with open(binary, "rb") as start:
        if start.read(4) != b"\x7fELF":
            return {}
    ldd = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False)
    if "not found" in ldd.stdout:
        raise Broken(f"{binary} needs a library that is missing on the host: {ldd.stdout}")
    # All are put in /lib under the requested name, because a run path into a build directory, or
    # relative to the executable, is not valid in the guest.
    found = {f"/lib/{name}": path for name, path in re.findall(r"(\S+) => (/\S+)", ldd.stdout)}
    # The executable has the full path of the dynamic loader.
    return found | {path: path for path in re.findall(r"^\s*(/\S+) \(", ldd.stdout, re.M)}


class Archive:
    """A cpio archive in the 'newc' format, which the kernel unpacks as its initial root."""

    def __init__(self):
        self._entries = {}

    def add(self, name, data, mode):
        """Add a file and its parent directories. Adding the same file twice is allowed."""
        name = name.strip("/")
        for parent in reversed(pathlib.PurePosixPath(name).parents[:-1]):
            self._entries.setdefault(str(parent), (DIRECTORY, b""))
        if self._entries.setdefault(name, (mode, data)) != (mode, data):
            raise Broken(f"two different files would be /{name} in the guest")

    def add_file(self, source, name=None):
        """Add a file of the host with its libraries; executables go to /bin."""
        source = pathlib.Path(source)
        if not source.is_file():
            raise Broken(f"file {source} does not exist on the host")
        executable = os.access(source, os.X_OK)
        name = name or f"{'/bin' if executable else ''}/{source.name}"
        self.add(name, source.read_bytes(), REGULAR | (0o755 if executable else 0o644))
        if executable:
            for library, path in libraries(source).items():
                self.add(library, pathlib.Path(path).read_bytes(), REGULAR | 0o755)

    def write(self, target):
        """Write the archive; all files belong to root, all times are zero."""
        with open(target, "wb") as out:
            for number, (name, (mode, data)) in enumerate(self._entries.items(), 1):
                self._member(out, number, name, mode, data)
            self._member(out, 0, "TRAILER!!!", 0, b"")

    @staticmethod
    def _member(out, number, name, mode, data):
        name = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        out.write(b"070701" + b"".join(b"%08x" % field for field in fields) + name)
        out.write(bytes(-out.tell() % 4) + data)
        out.write(bytes(-out.tell() % 4))


def build(target, kernel, options):
    """Write the archive `target` for `options` (machine.Options)."""
    archive = Archive()
    busybox = shutil.which("busybox")
    if not busybox:
        raise Unavailable("busybox is not installed (package busybox-static)")
    archive.add_file(busybox, "/bin/busybox")
    archive.add("init", (HERE / "init.sh").read_bytes(), REGULAR | 0o755)
    for source, name in options.files:
        archive.add_file(source, name)
    modules = kernel.closure(options.all_modules())
    for module in modules:
        archive.add(f"modules/{module.name}", module.read_bytes(), REGULAR | 0o644)
    settings = {
        "MODULES": " ".join(f"/modules/{module.name}" for module in modules),
        "BIND": " ".join(options.bind),
        "HUGEPAGES": str(options.hugepages),
        "OUT": " ".join(options.out),
    }
    lines = [f"{key}={shlex.quote(value)}\n" for key, value in settings.items()]
    archive.add("etc/settings", "".join(lines).encode(), REGULAR | 0o644)
    archive.add("etc/command", f"exec {shlex.join(options.command)}\n".encode(), REGULAR | 0o644)
    archive.write(target)
