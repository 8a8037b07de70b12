/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Valgrind 3.19 doesn't know MAP_FIXED_NOREPLACE and takes the address for a hint that it doesn't
 * follow, so the library never gets the place that it looked for. The benchmarks map nothing from
 * other threads meanwhile, and can do with MAP_FIXED.
 */
#include <sys/mman.h>

/* The linker puts the first in the place of mmap() with 64-bit offsets, which is the second. */
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);
void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset);

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (flags & MAP_FIXED_NOREPLACE)
		flags = (flags & ~MAP_FIXED_NOREPLACE) | MAP_FIXED;
	return __real_mmap64(addr, len, prot, flags, fd, offset);
}
