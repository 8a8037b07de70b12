# SPDX-License-Identifier: BSD-3-Clause
"""Provides the guest's kernel and modules: Debian's cloud kernel, unpacked but not installed.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess

from errors import Broken, Unavailable

# The meta package that depends on the newest kernel of this Debian release.
META_PACKAGE = "linux-image-cloud-amd64"
APT_SECONDS = 180


def _apt(*command, cwd):
    if not shutil.which(command[0]):
        raise Unavailable(f"{command[0]} is not installed, so no guest kernel can be fetched")
    try:
        return subprocess.run(command, cwd=cwd, check=True, timeout=APT_SECONDS, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True).stdout
    except subprocess.TimeoutExpired:
        raise Unavailable(f"`{' '.join(command)}` timed out after {APT_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"`{' '.join(command)}` failed: {error.stderr.strip()}; "
                          "try `apt-get update` first") from None


def _download(directory):
    depends = _apt("apt-cache", "depends", META_PACKAGE, cwd=directory)
    package = re.search(r"Depends: (linux-image-\S+-cloud-amd64)", depends)
    if not package:
        raise Unavailable(f"{META_PACKAGE} does not depend on a kernel package; try `apt-get update` first")
    # As root, apt would switch to its own user, which can't write here, and print a warning.
    _apt("apt-get", "-o", "APT::Sandbox::User=root", "download", package[1], cwd=directory)
    return max(directory.glob(f"{package[1]}_*.deb"), key=lambda deb: deb.stat().st_mtime)


def _unpack(directory):
    """Unpack to a temporary directory and rename it, so that an incomplete tree is never used."""
    deb, fresh = _download(directory), directory / "linux.new"
    shutil.rmtree(fresh, ignore_errors=True)
    subprocess.run(["dpkg", "-x", deb, fresh], check=True)
    release = next((fresh / "lib/modules").iterdir()).name
    # The package has no modules.dep: it is created by the post-install script.
    subprocess.run(["busybox", "depmod", "-b", fresh, release], check=True)
    fresh.rename(directory / "linux")
    deb.unlink()


@contextlib.contextmanager
def _locked(directory):
    """Concurrent tests may share the directory: the second one waits for the first."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Kernel:
    """An unpacked kernel: `image` is the file to boot, `closure()` finds modules."""

    def __init__(self, directory):
        directory = pathlib.Path(os.path.abspath(directory))
        with _locked(directory):
            if not (directory / "linux").is_dir():
                _unpack(directory)
        self.image = next((directory / "linux/boot").glob("vmlinuz-*"))
        self.modules = next((directory / "linux/lib/modules").iterdir())
        self._needs = dict(self._dependencies())
        self._builtin = {self._name(line) for line in
                         (self.modules / "modules.builtin").read_text().split()}

    @staticmethod
    def _name(path):
        return pathlib.PurePath(path).name.split(".ko")[0].replace("-", "_")

    def _dependencies(self):
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, needs = line.partition(":")
            yield self._name(path), (self.modules / path, needs.split())

    def closure(self, names):
        """The files of the modules and of their dependencies, in the order to load them."""
        files = {}

        def visit(name):
            name = self._name(name)
            if name in self._builtin or name in files:
                return
            if name not in self._needs:
                raise Broken(f"kernel {self.modules.name} has no module named {name}")
            path, needs = self._needs[name]
            for need in needs:
                visit(need)
            files[name] = path

        for name in names:
            visit(name)
        return list(files.values())
