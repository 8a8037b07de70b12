# SPDX-License-Identifier: BSD-3-Clause
"""Provides the guest's kernel and modules: Debian's cloud kernel, or what VSCSI_GUEST_KERNEL names,
unpacked but not installed.
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess

from errors import Unavailable

# The meta package that depends on the newest kernel of this Debian release.
META_PACKAGE = "linux-image-cloud-amd64"
# Names of packages, or package files, that make up another kernel.
CHOSEN = os.environ.get("VSCSI_GUEST_KERNEL", "").split()
APT_SECONDS = 180
UNPACKERS = {".xz": "xz", ".zst": "zstd", ".gz": "gzip"}


def _run(*command, cwd):
    if not shutil.which(command[0]):
        raise Unavailable(f"{command[0]} is not installed, so there is no guest kernel")
    try:
        return subprocess.run(command, cwd=cwd, check=True, timeout=APT_SECONDS, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True).stdout
    except subprocess.TimeoutExpired:
        raise Unavailable(f"`{' '.join(command)}` timed out after {APT_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"`{' '.join(command)}` failed: {error.stderr.strip()}; "
                          "try `apt-get update` first") from None


def _packages(name, directory):
    """The package and those with further parts of the kernel: what a meta package stands for, too."""
    depends = _run("apt-cache", "depends", name, cwd=directory)
    return [name] + [part for needed in re.findall(r"Depends: (linux-(?:image|base|binary|modules)-\S+)", depends)
                     for part in _packages(needed, directory)]


def _download(name, directory):
    """Fetch packages into an empty directory, and return their files."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    # As root, apt would switch to its own user, which can't write here, and print a warning.
    _run("apt-get", "-o", "APT::Sandbox::User=root", "download", *_packages(name, directory),
         cwd=directory)
    return directory.glob("*.deb")


def _expand(modules):
    """Decompress modules, for guests and tools that can't."""
    for suffix, program in UNPACKERS.items():
        files = [str(path) for path in modules.rglob(f"*.ko{suffix}")]
        if files:
            _run(program, "-d", "--rm" if program == "zstd" else "-f", *files, cwd=modules)


def _unpack(tree):
    """Unpack to a temporary directory and rename it, so that an incomplete tree is never used."""
    fresh, fetched = tree.with_suffix(".new"), tree.with_suffix(".deb")
    shutil.rmtree(fresh, ignore_errors=True)
    for word in CHOSEN or [META_PACKAGE]:
        for deb in [os.path.abspath(word)] if word.endswith(".deb") else _download(word, fetched):
            _run("dpkg", "-x", str(deb), str(fresh), cwd=tree.parent)
    modules, _ = _modules(fresh), _image(fresh)
    _expand(modules)
    # The package has no modules.dep: it is created by the post-install script.
    _run("busybox", "depmod", "-b", str(modules.parents[2]), modules.name, cwd=fresh)
    fresh.rename(tree)


def _find(tree, *patterns):
    """The first of the files that match: packages of different versions have them elsewhere."""
    for pattern in patterns:
        for path in tree.glob(pattern):
            return path
    raise Unavailable(f"{' '.join(CHOSEN) or META_PACKAGE}: there is no {patterns[0]} in it")


def _image(tree):
    return _find(tree, "boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")


def _modules(tree):
    return _find(tree, "lib/modules/*/kernel", "usr/lib/modules/*/kernel").parent


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
        tree = directory / ("linux" + re.sub(r"\W+", "-", "".join(f" {word}" for word in CHOSEN)))
        with _locked(directory):
            if not tree.is_dir():
                _unpack(tree)
        self.image = _image(tree)
        self.modules = _modules(tree)
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
                raise Unavailable(f"kernel {self.modules.name} has no module named {name}")
            path, needs = self._needs[name]
            for need in needs:
                visit(need)
            files[name] = path

        for name in names:
            visit(name)
        return list(files.values())
