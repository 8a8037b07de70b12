/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether memory that the application offers can be shared with a device at all. */
#ifndef MEM_CHECK_H
#define MEM_CHECK_H

#include <stddef.h>
#include <stdint.h>

/**
 * check_region - Check the arguments of vscsi_mem_register()
 * @addr: start
 * @len: bytes
 * @fd: the file behind it; -1: none, which a transport may refuse
 * @fd_offset: where in the file @addr lies
 *
 * Checks that sums don't overflow, that all is aligned to pages (to the file's hugepages, where it
 * has such), that the addresses are mapped, and that the file is open for reading and writing and
 * long enough: the device would meet SIGBUS behind its end. Does not check that @addr is a mapping
 * of this file, nor what is registered already.
 *
 * Return: 0; -EINVAL; or what asking about the file returned; with the sentence set.
 */
int check_region(const void *addr, size_t len, int fd, uint64_t fd_offset);

#endif
