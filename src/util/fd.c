/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors above those of the standard streams. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <linux/fs.h>

#include "util/fd.h"

/* The first number after those of the standard streams. */
#define LOWEST_FD 3

int fd_copy(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, LOWEST_FD);
}

int fd_raise(int fd)
{
	int raised;
	int err;

	if (fd < 0 || fd >= LOWEST_FD)
		return fd;
	raised = fd_copy(fd);
	err = errno;
	close(fd);
	errno = err;
	return raised;
}

FILE *fd_open_text(const char *path)
{
	int fd = fd_raise(open(path, O_RDONLY | O_CLOEXEC));
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (fd >= 0 && !file)
		close(fd);
	return file;
}

/* Its value means nothing. The position of a file that has none is -1. */
int fd_take(int fd)
{
	uint64_t count;
	struct iovec iov = {&count, sizeof(count)};
	ssize_t n = syscall(SYS_preadv2, fd, &iov, 1UL, -1L, -1L, RWF_NOWAIT);

	if (n < 0 && (errno == EOPNOTSUPP || errno == ENOSYS))
		n = read(fd, &count, sizeof(count));
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	return n > 0;
}
