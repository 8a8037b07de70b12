#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds the Debian packages from a copy of the tree, and looks into them.

usage: debian.py SOURCE-DIR WORK-DIR

Takes minutes: skipped without VSCSI_TEST_LONG. The packages are installed into a folder (as another
user than root, only unpacked), a program is built with that, and it and a tool are run.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

SKIP = 77
# Package: a file that it has, as a regular expression.
CONTENTS = {
    "libvirtioscsi0": [r"usr/lib/[^/]+/libvirtioscsi\.so\.0"],
    "libvirtioscsi-dev": [r"usr/include/vscsi/vscsi\.h", r"usr/lib/[^/]+/libvirtioscsi\.a",
                          r"usr/lib/[^/]+/libvirtioscsi\.so",
                          r"usr/lib/[^/]+/pkgconfig/libvirtioscsi\.pc",
                          r"usr/share/man/man3/vscsi_poll\.3\.gz",
                          r"usr/share/man/man7/libvirtioscsi\.7\.gz"],
    "vscsi-tools": [r"usr/bin/vscsi-info", r"usr/bin/vscsi-target",
                    r"(usr/)?lib/systemd/system/vscsi-target@\.socket",
                    r"usr/lib/[^/]+/nbdkit/plugins/nbdkit-vscsi-plugin\.so",
                    r"usr/share/bash-completion/completions/vscsi-perf",
                    r"usr/share/zsh/vendor-completions/_vscsi-perf",
                    r"usr/share/man/man1/vscsi-copy\.1\.gz"],
}


def run(*command, limit=60, **options):
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=limit, check=False, **options)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {result.returncode}\n"
                 f"{result.stdout[-10000:]}")
    return result.stdout


def lacks(source):
    """Why the packages can't be built here, or None."""
    if not os.environ.get("VSCSI_TEST_LONG"):
        return "takes minutes: set VSCSI_TEST_LONG=1 (tests/run.sh --long does)"
    if not shutil.which("dpkg-buildpackage"):
        return "dpkg-buildpackage is not installed"
    result = subprocess.run(["dpkg-checkbuilddeps", source / "tests/packaging/debian/control"],
                            stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    return result.stderr.strip() or None


def build(source, work):
    """Returns the packages' paths by their names."""
    copy = work / "libvirtioscsi"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".git", "build", "build-*"))
    shutil.copytree(source / "tests/packaging/debian", copy / "debian")
    run("dpkg-buildpackage", "-us", "-uc", "-b", cwd=copy, limit=1200,
        env=dict(os.environ, DEB_BUILD_OPTIONS="noautodbgsym"))
    return {package.name.split("_")[0]: package for package in work.glob("*.deb")}


def check_contents(packages):
    if set(packages) != set(CONTENTS):
        sys.exit(f"packages built: {sorted(packages)}, not {sorted(CONTENTS)}")
    for name, patterns in CONTENTS.items():
        listing = run("dpkg", "--contents", packages[name])
        for pattern in patterns:
            if not re.search(rf"^[^d].* \./{pattern}(?: -> .*)?$", listing, re.M):
                sys.exit(f"{name} has no {pattern}\n{listing}")
        print(f"{name}: {listing.count(chr(10))} entries")


def install(packages, root):
    """With a database of its own, where nothing is installed that the packages depend on."""
    if os.geteuid():
        for package in packages:
            run("dpkg-deb", "--extract", package, root)
        return
    (root / "var/lib/dpkg").mkdir(parents=True)
    run("dpkg", f"--root={root}", f"--log={root}/log", "--force-depends", "--install", *packages)


def check_use(source, packages, work):
    """A program is built with the installed files, and it and a tool run with the library."""
    root = work / "root"
    install(packages.values(), root)
    library = next(root.glob("usr/lib/*/libvirtioscsi.so.0")).parent
    flags = run("pkg-config", "--cflags", "--libs", "libvirtioscsi",
                env=dict(os.environ, PKG_CONFIG_SYSROOT_DIR=str(root),
                         PKG_CONFIG_PATH=str(library / "pkgconfig"))).split()
    run("gcc", source / "examples/read_block.c", "-o", work / "read_block", *flags)
    environment = dict(os.environ, LD_LIBRARY_PATH=str(library))
    result = subprocess.run([work / "read_block", "vhost-user:absent"], env=environment, text=True,
                            stderr=subprocess.PIPE, timeout=60, check=False)
    if result.returncode != 1 or "absent" not in result.stderr:
        sys.exit(f"read_block: exit status {result.returncode}: {result.stderr}")
    print(run(root / "usr/bin/vscsi-info", "--version", env=environment).strip())


def main():
    source, work = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    reason = lacks(source)
    if reason:
        print(reason)
        return SKIP
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    packages = build(source, work)
    check_contents(packages)
    check_use(source, packages, work)
    if shutil.which("lintian"):
        print("lintian:", run("lintian", "--fail-on", "error", "--allow-root", *packages.values(),
                              limit=300).strip() or "nothing to say")
    shutil.rmtree(work)
    return 0


if __name__ == "__main__":
    sys.exit(main())
