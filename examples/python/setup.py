# SPDX-License-Identifier: BSD-3-Clause
"""The version and the declarations are those of the installed library."""

import subprocess

from setuptools import setup

try:
    VERSION = subprocess.run(["pkg-config", "--modversion", "libvirtioscsi"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout.strip()
except (OSError, subprocess.CalledProcessError) as error:
    raise SystemExit(f"libvirtioscsi was not found ({error}): install it, and pkg-config; "
                     "PKG_CONFIG_PATH has to name the folder of libvirtioscsi.pc") from None

setup(version=VERSION, cffi_modules=["headers.py:builder"])
