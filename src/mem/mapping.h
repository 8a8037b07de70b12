/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel has mapped at addresses of this process, by /proc/self/maps. */
#ifndef MEM_MAPPING_H
#define MEM_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * mapping_check - Check that a device that is shown memory sees what this process sees there
 * @addr: start, a multiple of the page size
 * @len: bytes, likewise
 * @fd: the file that is to be mapped there, shared and from @fd_offset on; -1: any mapping will do
 * @private: receives whether any of it is a private mapping, with @fd -1
 *
 * All of it has to be readable and writable.
 *
 * Return: 0; -EINVAL if something else is mapped there; the errno of opening /proc/self/maps or of
 * fstat(); with the error text set.
 */
int mapping_check(const void *addr, size_t len, int fd, uint64_t fd_offset, bool *private);

#endif
