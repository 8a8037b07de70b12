# SPDX-License-Identifier: BSD-3-Clause
"""Installs the Python module for its test, by pip, from an installed library."""

import glob
import os
import shutil
import subprocess
import sys
import tempfile

from rig import LIMIT

MODULES = "import setuptools, wheel, pip, cffi"  # setuptools replaces distutils, so it is the first


def python():
    """An interpreter with what an installation needs; the one of the distribution first."""
    for path in "/usr/bin/python3", sys.executable:
        if os.path.exists(path) and not subprocess.run(
                [path, "-c", MODULES], stderr=subprocess.DEVNULL, timeout=LIMIT,
                check=False).returncode:
            return path
    return None


def install(interpreter, folder):
    """The module, and the environment to use it in."""
    subprocess.run(["meson", "install", "-C", os.environ["VSCSI_BUILD"], "--no-rebuild", "--quiet",
                    "--tags=devel", "--destdir=" + folder], timeout=LIMIT, check=True)
    pc, = glob.glob(folder + "/**/libvirtioscsi.pc", recursive=True)
    # pip builds where the source is.
    shutil.copytree(os.environ["VSCSI_PYTHON"], folder + "/source")
    found = os.environ | {"PKG_CONFIG_SYSROOT_DIR": folder, "PKG_CONFIG_PATH": os.path.dirname(pc)}
    subprocess.run(
        [interpreter, "-m", "pip", "--quiet", "--disable-pip-version-check", "install",
         "--root-user-action=ignore", "--no-build-isolation", "--no-deps", "--no-index",
         "--target=" + folder + "/site", folder + "/source"],
        timeout=LIMIT, check=True, env=found)
    return os.environ | {
        "PYTHONPATH": folder + "/site",
        "LD_LIBRARY_PATH": os.path.join(os.environ["VSCSI_BUILD"], "src"),
        # A sanitizer's library must be the first in a program that was not built with it.
        "LD_PRELOAD": os.environ["VSCSI_PRELOAD"], "ASAN_OPTIONS": "detect_leaks=0"}


def run_installed(program):
    """Run a test program with the module installed, and exit as it does."""
    interpreter = python()
    if not interpreter:
        print("python3-cffi, python3-pip, python3-setuptools or python3-wheel is missing")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        environment = install(interpreter, folder) | {"VSCSI_PYTHON_INSTALLED": "1"}
        sys.exit(subprocess.run([interpreter, program, *sys.argv[1:]], env=environment,
                                check=False).returncode)
