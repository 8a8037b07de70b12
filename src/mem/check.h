/* SPDX-License-Identifier: BSD-3-Clause */
/* Validation of application memory before it is registered with a pool. */
#ifndef MEM_CHECK_H
#define MEM_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * check_region - Check the arguments of vscsi_mem_register()
 * @addr: start
 * @len: bytes
 * @fd: the file that is mapped there; -1: none, which a transport may refuse
 * @fd_offset: file offset of @addr
 * @verify: false with VSCSI_MEM_UNVERIFIED
 * @private: with @fd -1, receives whether any part is a private mapping; true if not verified
 *
 * Checks that no sum overflows, that everything is page-aligned (for a hugetlbfs file, to its
 * hugepages), that the addresses are mapped, and that the file is open for reading and writing and
 * long enough: the device would get SIGBUS past its end. With @verify, also checks that @addr maps
 * this file, and seals the file against shrinking if that was not done yet. Does not compare the
 * range with regions that are already registered.
 *
 * Return: 0; -EINVAL; -EPERM for a file that can shrink; or the errno of querying the file or
 * /proc/self/maps; with the error text set.
 */
int check_region(const void *addr, size_t len, int fd, uint64_t fd_offset, bool verify,
		 bool *private);

#endif
