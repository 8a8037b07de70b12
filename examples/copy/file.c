/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file, a block device, or a pipe as a side of a copy.
 */
#include "copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/image.h"

/* Standard output is a stream even if it is a file: others may append to it. */
static int open_standard(struct side *file)
{
	struct stat status;

	file->name = file->output ? "standard output" : "standard input";
	file->fd = fcntl(file->output ? STDOUT_FILENO : STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	if (file->fd < 0 || fstat(file->fd, &status))
		return complain(-errno, "opening %s: %s", file->name, strerror(errno));
	file->stream = file->output || !S_ISREG(status.st_mode);
	/* It may be somewhere in its file. */
	if (!file->stream)
		file->start += (uint64_t)lseek(file->fd, 0, SEEK_CUR);
	return 0;
}

/* A file that is in use, such as the image of this very disk, must not be changed. */
static int open_named(struct side *file)
{
	int flags = O_RDONLY;
	char error[IMAGE_ERROR_LEN];
	struct stat status;

	if (file->output)
		flags = (file->readable ? O_RDWR : O_WRONLY) | (file->least ? 0 : O_CREAT) |
			(file->keep ? 0 : O_TRUNC);
	file->fd = image_open(file->name, flags, error);
	if (file->fd < 0)
		return complain(file->fd, "%s", error);
	if (fstat(file->fd, &status))
		return complain(-errno, "examining %s: %s", file->name, strerror(errno));
	file->stream = !S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode);
	if (file->least && S_ISREG(status.st_mode) &&
	    (uint64_t)status.st_size < file->start + file->least)
		return complain(-EINVAL,
				"%s has %jd bytes, fewer than an earlier copy up to "
				"--resume-from has written: it is another file",
				file->name, (intmax_t)status.st_size);
	if (file->output && S_ISREG(status.st_mode) && !file->keep)
		file->blank = true;
	return 0;
}

int file_open(struct side *file)
{
	bool standard = !strcmp(file->name, "-");
	int ret = standard ? open_standard(file) : open_named(file);
	struct stat status;
	off_t end;

	file->block = 1;
	file->size = UNKNOWN;
	if (ret || file->stream)
		return ret;
	if (fstat(file->fd, &status))
		return complain(-errno, "examining %s: %s", file->name, strerror(errno));
	if (file->output && S_ISREG(status.st_mode))
		return 0;
	end = S_ISREG(status.st_mode) ? status.st_size : lseek(file->fd, 0, SEEK_END);
	if (end < 0)
		return complain(-errno, "examining %s: %s", file->name, strerror(errno));
	file->size = (uint64_t)end;
	return 0;
}

int file_read(const struct side *file, unsigned char *buf, uint64_t offset, uint64_t bytes)
{
	ssize_t ret;

	while (bytes) {
		ret = pread(file->fd, buf, bytes, (off_t)(file->start + offset));
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return ret ? -errno : -ENODATA;
		buf += ret;
		offset += (uint64_t)ret;
		bytes -= (uint64_t)ret;
	}
	return 0;
}

ssize_t file_read_stream(const struct side *file, unsigned char *buf, size_t bytes, int wait_ms)
{
	struct pollfd input = {.fd = file->fd, .events = POLLIN};
	ssize_t ret;

	if (poll(&input, 1, wait_ms) <= 0)
		return -EAGAIN;
	ret = read(file->fd, buf, bytes);
	if (ret < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return ret;
}

int file_write(const struct side *file, const unsigned char *buf, uint64_t offset, uint64_t bytes)
{
	struct pollfd output = {.fd = file->fd, .events = POLLOUT};
	ssize_t ret;

	while (bytes) {
		if (file->stream)
			ret = write(file->fd, buf, bytes);
		else
			ret = pwrite(file->fd, buf, bytes, (off_t)(file->start + offset));
		/* Standard output may have been made non-blocking by another process. */
		if (ret < 0 && errno == EAGAIN)
			poll(&output, 1, 100);
		else if (ret < 0 && errno != EINTR)
			return -errno;
		/* The reader of a pipe may never read again. */
		if (ret < 0 && file->stream && interrupted)
			return -EINTR;
		if (ret > 0) {
			buf += ret;
			offset += (uint64_t)ret;
			bytes -= (uint64_t)ret;
		}
	}
	return 0;
}

int file_zero(const struct side *file, uint64_t offset, uint64_t bytes)
{
	static const unsigned char zeros[64 * 1024];
	uint64_t now;
	int ret = 0;

	/* Of a block device, the kernel makes sure that it reads as zeros. */
	if (!file->stream && !fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					(off_t)(file->start + offset), (off_t)bytes))
		return 0;
	for (; bytes && !ret; bytes -= now, offset += now) {
		now = bytes < sizeof(zeros) ? bytes : sizeof(zeros);
		ret = file_write(file, zeros, offset, now);
	}
	return ret;
}

int file_finish(const struct side *file, uint64_t bytes)
{
	struct stat status;

	if (fstat(file->fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
		return 0;
	if (S_ISREG(status.st_mode) && !file->stream &&
	    (uint64_t)status.st_size < file->start + bytes &&
	    ftruncate(file->fd, (off_t)(file->start + bytes)))
		return -errno;
	if (fsync(file->fd))
		return -errno;
	/* So that it will be read from where it is stored. */
	if (file->readable)
		posix_fadvise(file->fd, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

int file_extent(struct side *file, uint64_t offset, uint64_t limit)
{
	const off_t at = (off_t)(file->start + offset);
	off_t data = lseek(file->fd, at, SEEK_DATA), end;

	/* After the last data: a hole up to the end of the file, which may have become shorter. */
	if (data < 0 && errno == ENXIO)
		data = lseek(file->fd, 0, SEEK_END);
	file->extent_end = limit;
	file->extent_zero = data > at;
	end = file->extent_zero || data < 0 ? data : lseek(file->fd, at, SEEK_HOLE);
	/* Where the file system can't tell, all is data. */
	if (end > at && (uint64_t)(end - at) < limit - offset)
		file->extent_end = offset + (uint64_t)(end - at);
	return 0;
}
