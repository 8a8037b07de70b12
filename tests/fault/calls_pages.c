/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wrappers for file and memory calls, except those that the VFIO stub wraps too.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fault.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __real_ftruncate64(int fd, off_t len);
int __wrap_ftruncate64(int fd, off_t len);
int __real_fallocate64(int fd, int mode, off_t at, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t at, off_t len);
int __real_madvise(void *addr, size_t len, int advice);
int __wrap_madvise(void *addr, size_t len, int advice);
int __real_msync(void *addr, size_t len, int flags);
int __wrap_msync(void *addr, size_t len, int flags);
int __real_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
long __real_get_mempolicy(int *mode, unsigned long *mask, unsigned long max, void *addr,
			  unsigned flags);
long __wrap_get_mempolicy(int *mode, unsigned long *mask, unsigned long max, void *addr,
			  unsigned flags);
long __real_set_mempolicy(int mode, const unsigned long *mask, unsigned long max);
long __wrap_set_mempolicy(int mode, const unsigned long *mask, unsigned long max);
long __real_move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status,
		       int flags);
long __wrap_move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status,
		       int flags);

int __wrap_memfd_create(const char *name, unsigned flags)
{
	return fault_injected(CALL_MEMFD_CREATE) ? -1 : __real_memfd_create(name, flags);
}

int __wrap_ftruncate64(int fd, off_t len)
{
	return fault_injected(CALL_FTRUNCATE) ? -1 : __real_ftruncate64(fd, len);
}

int __wrap_fallocate64(int fd, int mode, off_t at, off_t len)
{
	return fault_injected(CALL_FALLOCATE) ? -1 : __real_fallocate64(fd, mode, at, len);
}

int __wrap_madvise(void *addr, size_t len, int advice)
{
	enum call call = advice == MADV_POPULATE_WRITE ? CALL_MADVISE_POPULATE : CALL_MADVISE;

	return fault_injected(call) ? -1 : __real_madvise(addr, len, advice);
}

int __wrap_msync(void *addr, size_t len, int flags)
{
	return fault_injected(CALL_MSYNC) ? -1 : __real_msync(addr, len, flags);
}

/* Setting a flag of a valid descriptor can't fail, so it is passed through. */
int __wrap_fcntl64(int fd, int command, ...)
{
	va_list list;
	long arg = 0;

	if (command != F_GETFL && command != F_GETFD) {
		va_start(list, command);
		arg = va_arg(list, long);
		va_end(list);
	}
	if (command != F_SETFD && fault_injected(CALL_FCNTL))
		return -1;
	return __real_fcntl64(fd, command, arg);
}

int __wrap_fstat64(int fd, struct stat *st)
{
	return fault_injected(CALL_FSTAT) ? -1 : __real_fstat64(fd, st);
}

long __wrap_get_mempolicy(int *mode, unsigned long *mask, unsigned long max, void *addr,
			  unsigned flags)
{
	return fault_injected(CALL_MEMPOLICY) ? -1
					      : __real_get_mempolicy(mode, mask, max, addr, flags);
}

long __wrap_set_mempolicy(int mode, const unsigned long *mask, unsigned long max)
{
	return fault_injected(CALL_MEMPOLICY) ? -1 : __real_set_mempolicy(mode, mask, max);
}

long __wrap_move_pages(int pid, unsigned long count, void **pages, const int *nodes, int *status,
		       int flags)
{
	return fault_injected(CALL_MEMPOLICY)
		       ? -1
		       : __real_move_pages(pid, count, pages, nodes, status, flags);
}

FILE *__wrap_fdopen(int fd, const char *mode)
{
	return fault_injected(CALL_FDOPEN) ? NULL : __real_fdopen(fd, mode);
}
