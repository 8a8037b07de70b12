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
 * @fd: the file that is mapped there; -1 for none, which a transport may refuse
 * @fd_offset: file offset of @addr
 * @verify: not with VSCSI_MEM_UNVERIFIED
 * @private: receives whether any of it is a private mapping, with @fd -1; true if that is not known
 *
 * Checks that no sum overflows, that everything is page-aligned (to the file's hugepages, if it has
 * any), that the addresses are mapped, and that the file is open for reading and writing and long
 * enough: the device would get SIGBUS past its end. With @verify also that @addr maps this file,
 * and that the file can't shrink, for which it is sealed if need be. Does not check what is already
 * registered.
 *
 * Return: 0; -EINVAL; -EPERM for a file that can shrink; or the errno of querying the file or
 * /proc/self/maps; with the error text set.
 */
int check_region(const void *addr, size_t len, int fd, uint64_t fd_offset, bool verify,
		 bool *private);

#endif
