/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks what is mapped at addresses of this process, with /proc/self/maps. */
#ifndef MEM_MAPPING_H
#define MEM_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * mapping_check - Check that a device that maps @fd accesses the same memory as this process
 * @addr: start, a multiple of the page size
 * @len: bytes, likewise
 * @fd: the file that must be mapped there, shared and from @fd_offset on; -1: any mapping will do
 * @private: with @fd -1, receives whether any part is a private mapping
 *
 * All of the memory must be readable and writable.
 *
 * Return: 0; -EINVAL if something else is mapped there; the errno of opening /proc/self/maps or of
 * fstat(); with the error text set.
 */
int mapping_check(const void *addr, size_t len, int fd, uint64_t fd_offset, bool *private);

#endif
