/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A store in a regular file or block device. The kernel copies directly between the file and client
 * memory.
 */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/image.h"
#include "error.h"
#include "identity.h"

#define PIECES_PER_CALL 256

struct store_file {
	struct store base;
	int fd;
	int flush_error; /* of the first failed flush; atomic */
	bool full;       /* the last write found no space; atomic */
	char path[];     /* as given, for messages */
};

static int file_of(struct store *s)
{
	return ((struct store_file *)s)->fd;
}

/* Transfers all segments with one system call, or more after a short transfer. */
static int transfer(struct store *s, struct iovec *iov, unsigned int n, uint64_t at, bool writes)
{
	ssize_t done;

	while (n) {
		done = writes ? pwritev(file_of(s), iov, (int)n, (off_t)at)
			      : preadv(file_of(s), iov, (int)n, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		/* 0 means that the file was truncated after it was opened. */
		if (done <= 0)
			return done ? -errno : -EIO;
		at += (uint64_t)done;
		while (n && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* Splits the list into parts that fit one system call. */
static int move(struct store *s, struct sgl *mem, uint64_t at, size_t len, bool writes)
{
	struct iovec iov[PIECES_PER_CALL];
	unsigned int n;
	size_t chunk;
	int rc;

	while (len) {
		chunk = len;
		n = sgl_take(mem, iov, PIECES_PER_CALL, &chunk);
		/* The caller checked the length, so the list is inconsistent. */
		if (!n)
			return -EFAULT;
		rc = transfer(s, iov, n, at, writes);
		if (rc)
			return rc;
		at += chunk;
		len -= chunk;
	}
	return 0;
}

static int file_read(struct store *s, struct sgl *to, uint64_t at, size_t len)
{
	return move(s, to, at, len, false);
}

/*
 * Data only: file times don't matter. After a failure the kernel may drop what it could not write
 * and report success the next time, so the error is kept.
 */
static int file_flush(struct store *s)
{
	struct store_file *f = (struct store_file *)s;
	int rc;

	rc = __atomic_load_n(&f->flush_error, __ATOMIC_RELAXED);
	if (rc)
		return rc;
	do
		rc = fdatasync(f->fd);
	while (rc && errno == EINTR);
	if (!rc)
		return 0;
	rc = -errno;
	__atomic_store_n(&f->flush_error, rc, __ATOMIC_RELAXED);
	warn("writes to %s may be lost, and it can't be flushed until it is opened again: %s",
	     f->path, strerror(-rc));
	return rc;
}

/* One warning when space runs out, until a write succeeds again. Returns @rc, of a write. */
static int watch_space(struct store *s, int rc)
{
	struct store_file *f = (struct store_file *)s;
	bool full = rc == -ENOSPC || rc == -EDQUOT;

	if ((rc && !full) || __atomic_load_n(&f->full, __ATOMIC_RELAXED) == full)
		return rc;
	if (!__atomic_exchange_n(&f->full, full, __ATOMIC_RELAXED) && full)
		warn("writes to %s fail: %s", f->path, strerror(-rc));
	return rc;
}

static int file_write(struct store *s, struct sgl *from, uint64_t at, size_t len, bool fua)
{
	int rc = watch_space(s, move(s, from, at, len, true));

	return !rc && fua ? file_flush(s) : rc;
}

/* Slow fallback, for file systems that support neither of the modes that file_zero tries. */
static int write_zeros(struct store *s, uint64_t at, uint64_t len)
{
	static char zeros[65536];
	struct iovec iov;
	int rc;

	while (len) {
		iov.iov_base = zeros;
		iov.iov_len = len < sizeof(zeros) ? (size_t)len : sizeof(zeros);
		at += iov.iov_len;
		len -= iov.iov_len;
		rc = transfer(s, &iov, 1, at - iov.iov_len, true);
		if (rc)
			return rc;
	}
	return 0;
}

/* Not every file system can punch holes or zero a range. */
static int file_zero(struct store *s, uint64_t at, uint64_t len, bool free_space)
{
	int mode = FALLOC_FL_KEEP_SIZE;

	if (!len)
		return 0;
	mode |= free_space ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE;
	if (!fallocate(file_of(s), mode, (off_t)at, (off_t)len))
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS)
		return watch_space(s, -errno);
	return watch_space(s, write_zeros(s, at, len));
}

/* Where the file system or the device can't tell, all is data. */
static uint64_t file_extent(struct store *s, uint64_t at, bool *hole)
{
	off_t data = lseek(file_of(s), (off_t)at, SEEK_DATA);
	off_t end;

	*hole = data < 0 ? errno == ENXIO : (uint64_t)data > at;
	if (*hole)
		return data < 0 ? s->size - at : (uint64_t)data - at;
	end = data < 0 ? -1 : lseek(file_of(s), (off_t)at, SEEK_HOLE);
	return end <= (off_t)at ? s->size - at : (uint64_t)end - at;
}

/* Fails for a block device, whose size can't be changed. */
static int file_resize(struct store *s, uint64_t size)
{
	if (ftruncate(file_of(s), (off_t)size))
		return set_error(errno, "cannot set the file's size to %llu bytes: %s",
				 (unsigned long long)size, strerror(errno));
	s->size = size;
	return 0;
}

static void file_close(struct store *s)
{
	close(file_of(s));
	free(s);
}

static const struct store_ops file_ops = {
	.read = file_read,
	.write = file_write,
	.flush = file_flush,
	.zero = file_zero,
	.extent = file_extent,
	.resize = file_resize,
	.close = file_close,
};

/* Fails for pipes and terminals, which have no size. */
static int size_of(int fd, uint64_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKGETSIZE64, size) ? -errno : 0;
	if (!S_ISREG(st.st_mode))
		return -ENOTBLK;
	*size = (uint64_t)st.st_size;
	return 0;
}

/*
 * Writes go to the page cache, which is why the unit reports a volatile cache: unflushed data
 * survives the process but not the machine. O_NONBLOCK: opening a pipe must not wait.
 */
int store_file_open(const char *path, bool read_only, struct store **out)
{
	char error[IMAGE_ERROR_LEN];
	struct store_file *f;
	int rc;
	int fd;

	fd = image_open(path, (read_only ? O_RDONLY : O_RDWR) | O_NONBLOCK, error);
	if (fd < 0)
		return set_error(-fd, "%s", error);
	f = calloc(1, sizeof(*f) + strlen(path) + 1);
	if (!f) {
		rc = set_error(ENOMEM, "no memory left to open %s", path);
		goto close_file;
	}
	f->base = (struct store){.ops = &file_ops, .parallel = true, .volatile_cache = true};
	f->base.identity = identity_fd(fd);
	f->fd = fd;
	strcpy(f->path, path);
	rc = size_of(fd, &f->base.size);
	if (rc) {
		set_error(-rc, "%s is neither a regular file nor a block device: %s", path,
			  strerror(-rc));
		goto free_store;
	}
	if (!f->base.identity) {
		rc = set_error(EIO, "cannot determine device and inode of %s", path);
		goto free_store;
	}
	*out = &f->base;
	return 0;

free_store:
	free(f);
close_file:
	close(fd);
	return rc;
}
