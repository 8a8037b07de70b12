/* SPDX-License-Identifier: BSD-3-Clause */
/* Validation of application memory before it is registered with a pool. */
#ifndef MEM_CHECK_H
#define MEM_CHECK_H

#include <stddef.h>
#include <stdint.h>

/**
 * check_region - Check the arguments of vscsi_mem_register()
 * @addr: start
 * @len: bytes
 * @fd: the file that is mapped there; -1 for none, which a transport may refuse
 * @fd_offset: file offset of @addr
 *
 * Checks that no sum overflows, that everything is page-aligned (to the file's hugepages, if it has
 * any), that the addresses are mapped, and that the file is open for reading and writing and long
 * enough: the device would get SIGBUS past its end. Does not check that @addr maps this file, nor
 * what is already registered.
 *
 * Return: 0; -EINVAL; or the errno of querying the file; with the error text set.
 */
int check_region(const void *addr, size_t len, int fd, uint64_t fd_offset);

#endif
