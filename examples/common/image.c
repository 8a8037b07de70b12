/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks disk images with open file description locks (F_OFD_SETLK in fcntl(2)).
 *
 * A writer has a write lock on the whole file. QEMU (block/file-posix.c) has read locks on single
 * bytes: 100 + N for permission N that it uses, 200 + N for one that others may not use. A reader
 * does the same, so that readers of both programs can use one file.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USED      100
#define NOT_OTHER 200

/* QEMU's permissions, BLK_PERM_*. */
#define CONSISTENT_READ 0
#define WRITE           1
#define RESIZE          3

/* Writes the error text; returns -@errnum. */
static int describe(char *error, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int describe(char *error, int errnum, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, IMAGE_ERROR_LEN, format, args);
	va_end(args);
	return -errnum;
}

/* Tells which lock is in the way. The kernel knows the owner of other kinds of locks only. */
static int in_use(const char *path, int fd, bool writes, char *error)
{
	struct flock other = {.l_type = writes ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
	char owner[32] = "";

	if (!fcntl(fd, F_OFD_GETLK, &other) && other.l_type != F_UNLCK && other.l_pid > 0)
		snprintf(owner, sizeof(owner), " by process %d", (int)other.l_pid);
	return describe(error, EBUSY, "%s is in use: it is locked %s writing%s", path,
			writes && other.l_type == F_RDLCK ? "against" : "for", owner);
}

static int set_lock(int fd, short type, off_t start, off_t len)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};

	return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

/* Whether another program uses QEMU's permission @n. A lock on the whole file is not QEMU's. */
static bool permission_used(int fd, int n)
{
	struct flock other = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = USED + n, .l_len = 1};

	return !fcntl(fd, F_OFD_GETLK, &other) && other.l_type != F_UNLCK && other.l_start >= USED;
}

static int lock(int fd, bool writes)
{
	int ret;

	if (writes)
		return set_lock(fd, F_WRLCK, 0, 0);
	ret = set_lock(fd, F_RDLCK, USED + CONSISTENT_READ, 1);
	if (!ret)
		ret = set_lock(fd, F_RDLCK, NOT_OTHER + WRITE, 1);
	if (!ret)
		ret = set_lock(fd, F_RDLCK, NOT_OTHER + RESIZE, 1);
	/* In this order, so that of two programs at least one notices the other. */
	if (!ret && (permission_used(fd, WRITE) || permission_used(fd, RESIZE)))
		ret = -EAGAIN;
	return ret;
}

/* Locks the open file, and truncates it if that was requested. */
static int prepare(const char *path, int fd, int flags, char *error)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	struct stat st;
	int ret;

	if (fstat(fd, &st))
		return describe(error, errno, "cannot use %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return 0;
	ret = lock(fd, writes);
	if (ret == -EAGAIN || ret == -EACCES)
		return in_use(path, fd, writes, error);
	if (ret)
		return describe(error, -ret, "cannot lock %s: %s", path, strerror(-ret));
	if (flags & O_TRUNC && S_ISREG(st.st_mode) && ftruncate(fd, 0))
		return describe(error, errno, "cannot truncate %s: %s", path, strerror(errno));
	return 0;
}

int image_open(const char *path, int flags, char *error)
{
	int how = (flags & ~O_TRUNC) | O_CLOEXEC | O_NOCTTY;
	bool device;
	struct stat st;
	int fd, ret;

	device = !stat(path, &st) && S_ISBLK(st.st_mode);
	/* Without O_CREAT, for a block device, O_EXCL means that nothing else uses it. */
	if (device)
		how = (how & ~O_CREAT) | O_EXCL;
	fd = open(path, how, 0666);
	if (fd < 0 && errno == EBUSY && device)
		return describe(error, EBUSY,
				"%s is in use: it is mounted, part of another device, or opened "
				"exclusively by another program",
				path);
	if (fd < 0)
		return describe(error, errno, "cannot open %s for %s: %s", path,
				(flags & O_ACCMODE) == O_RDONLY ? "reading" : "writing",
				strerror(errno));
	ret = prepare(path, fd, flags, error);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}
