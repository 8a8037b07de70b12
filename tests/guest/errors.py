# SPDX-License-Identifier: BSD-3-Clause
"""The two errors of the harness itself, as opposed to those of the guest's command."""


class Unavailable(Exception):
    """A prerequisite (QEMU, the kernel package) is not available: the test is skipped."""


class Broken(Exception):
    """Usage error, or the guest died before its command ended."""
