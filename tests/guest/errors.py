# SPDX-License-Identifier: BSD-3-Clause
"""The two ways in which the harness itself can fail; the guest's command has its own."""


class Unavailable(Exception):
    """Something from outside (QEMU, the kernel package) can't be had: the test is skipped."""


class Broken(Exception):
    """The harness was used wrongly, or the guest died before its command ended."""
