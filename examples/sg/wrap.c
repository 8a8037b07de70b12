/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The calls of the C library that programs make for a SCSI generic device. Each goes to the C
 * library untouched unless it is about a name or descriptor of ours.
 */
/* Both would make other calls of those defined here. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include "sg.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

#ifdef __GLIBC__
typedef unsigned long ioctl_request;
#else
typedef int ioctl_request;
#endif

/* What comes after this module in the order of search: the C library, or another such module. */
static struct {
	int (*open)(const char *, int, ...);
	int (*openat)(int, const char *, int, ...);
	int (*stat)(const char *, struct stat *);
	int (*lstat)(const char *, struct stat *);
	int (*fstat)(int, struct stat *);
	int (*access)(const char *, int);
	int (*ioctl)(int, ioctl_request, ...);
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*write)(int, const void *, size_t);
} next;

static __thread bool inside;

bool sg_enter(void)
{
	bool before = inside;

	inside = true;
	return before;
}

void sg_leave(bool before)
{
	inside = before;
}

/* Other constructors may run earlier and make calls: then those resolve. Twice is harmless. */
__attribute__((constructor)) static void resolve(void)
{
	if (__atomic_load_n(&next.write, __ATOMIC_ACQUIRE))
		return;
	*(void **)&next.open = dlsym(RTLD_NEXT, "open");
	*(void **)&next.openat = dlsym(RTLD_NEXT, "openat");
	*(void **)&next.stat = dlsym(RTLD_NEXT, "stat");
	*(void **)&next.lstat = dlsym(RTLD_NEXT, "lstat");
	*(void **)&next.fstat = dlsym(RTLD_NEXT, "fstat");
	*(void **)&next.access = dlsym(RTLD_NEXT, "access");
	*(void **)&next.ioctl = dlsym(RTLD_NEXT, "ioctl");
	*(void **)&next.read = dlsym(RTLD_NEXT, "read");
	__atomic_store_n((void **)&next.write, dlsym(RTLD_NEXT, "write"), __ATOMIC_RELEASE);
}

/* As the C library reports an error. */
static ssize_t result(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	errno = (int)-ret;
	return -1;
}

static bool is_name(const char *path)
{
	uint32_t target, number;

	resolve();
	return !inside && path && sg_is_name(path, &target, &number);
}

/* @fd: what the C library's open() returned. */
static int explained(const char *path, int fd)
{
	int cause = errno;

	if (fd < 0 && cause == ENOENT && !inside)
		sg_explain(path);
	errno = cause;
	return fd;
}

/* open() has a mode only with these flags. */
#define TAKES_MODE(flags) ((flags)&O_CREAT || ((flags)&O_TMPFILE) == O_TMPFILE)

EXPORT int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (TAKES_MODE(flags))
		mode = va_arg(args, mode_t);
	va_end(args);
	return is_name(path) ? (int)result(sg_open(path, flags))
			     : explained(path, next.open(path, flags, mode));
}

EXPORT int openat(int folder, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (TAKES_MODE(flags))
		mode = va_arg(args, mode_t);
	va_end(args);
	return is_name(path) ? (int)result(sg_open(path, flags))
			     : explained(path, next.openat(folder, path, flags, mode));
}

#ifdef __GLIBC__
EXPORT int open64(const char *path, int flags, ...) __attribute__((alias("open")));
EXPORT int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));

/* What a program compiled with _FORTIFY_SOURCE calls if it passes no mode. */
EXPORT int __open_2(const char *path, int flags);
EXPORT int __open64_2(const char *path, int flags);
EXPORT int __openat_2(int folder, const char *path, int flags);
EXPORT int __openat64_2(int folder, const char *path, int flags);

EXPORT int __open_2(const char *path, int flags)
{
	return open(path, flags);
}

EXPORT int __open64_2(const char *path, int flags)
{
	return open(path, flags);
}

EXPORT int __openat_2(int folder, const char *path, int flags)
{
	return openat(folder, path, flags);
}

EXPORT int __openat64_2(int folder, const char *path, int flags)
{
	return openat(folder, path, flags);
}
#endif

/* Whether @path is ours; then @st is filled in. */
static bool described(const char *path, struct stat *st)
{
	uint32_t target, number;

	if (!is_name(path) || !sg_is_name(path, &target, &number))
		return false;
	sg_describe(target, number, st);
	return true;
}

EXPORT int stat(const char *restrict path, struct stat *restrict st)
{
	return described(path, st) ? 0 : next.stat(path, st);
}

EXPORT int lstat(const char *restrict path, struct stat *restrict st)
{
	return described(path, st) ? 0 : next.lstat(path, st);
}

EXPORT int access(const char *path, int mode)
{
	return is_name(path) ? (int)result(mode & X_OK ? -EACCES : 0) : next.access(path, mode);
}

EXPORT int fstat(int fd, struct stat *st)
{
	const struct sg_file *file;

	resolve();
	file = inside ? NULL : sg_find(fd, false);
	if (!file)
		return next.fstat(fd, st);
	sg_describe(file->target, file->number, st);
	return 0;
}

#ifdef __GLIBC__
/* The same structure on all 64-bit systems. */
EXPORT int stat64(const char *restrict path, struct stat64 *restrict st)
{
	return stat(path, (struct stat *)st);
}

EXPORT int lstat64(const char *restrict path, struct stat64 *restrict st)
{
	return lstat(path, (struct stat *)st);
}

EXPORT int fstat64(int fd, struct stat64 *st)
{
	return fstat(fd, (struct stat *)st);
}
#endif

EXPORT int ioctl(int fd, ioctl_request request, ...)
{
	struct sg_file *file = NULL;
	void *argument;
	va_list args;
	int ret;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	resolve();
	if (!inside && sg_is_request(request))
		file = sg_find(fd, true);
	if (!file)
		return next.ioctl(fd, request, argument);
	ret = request == SG_IO ? sg_execute(file, fd, argument)
			       : sg_control(file, fd, request, argument);
	return (int)result(ret);
}

EXPORT ssize_t read(int fd, void *buf, size_t bytes)
{
	struct sg_file *file;

	resolve();
	file = inside ? NULL : sg_find(fd, false);
	return file ? result(sg_read(file, buf, bytes)) : next.read(fd, buf, bytes);
}

EXPORT ssize_t write(int fd, const void *buf, size_t bytes)
{
	struct sg_file *file;

	resolve();
	file = inside ? NULL : sg_find(fd, false);
	return file ? result(sg_write(file, fd, buf, bytes)) : next.write(fd, buf, bytes);
}
