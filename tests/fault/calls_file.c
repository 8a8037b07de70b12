/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrappers for file calls that the VFIO stub wraps itself. */
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fault.h"

void *__real_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at);
int __real_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs);
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_close(int fd);
int __wrap_close(int fd);

void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t at)
{
	return fault_injected(CALL_MMAP) ? MAP_FAILED
					 : __real_mmap64(addr, len, prot, flags, fd, at);
}

int __wrap_fstatfs64(int fd, struct statfs *fs)
{
	return fault_injected(CALL_FSTATFS) ? -1 : __real_fstatfs64(fd, fs);
}

/* The library creates no files, so there is no mode. */
int __wrap_open64(const char *path, int flags, ...)
{
	return fault_injected(CALL_OPEN) ? -1 : __real_open64(path, flags);
}

int __wrap_close(int fd)
{
	int ret = __real_close(fd);

	return fault_injected(CALL_CLOSE) ? -1 : ret;
}
