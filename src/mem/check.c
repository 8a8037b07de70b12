/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks memory of the application's own before any device hears of it: a back-end that can't map a
 * region drops the connection, so a sentence here is worth more than one from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "mem/check.h"
#include "util/error.h"

/* The page size of the file's mappings: hugetlbfs can't map less than its own. */
static int find_page_size(int fd, uint64_t *page)
{
	struct statfs fs;

	*page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (fd < 0)
		return 0;
	if (fstatfs(fd, &fs) < 0)
		return error_set(-errno, "asking for the page size of file descriptor %d: %m", fd);
	if (fs.f_type == HUGETLBFS_MAGIC)
		*page = (uint64_t)fs.f_bsize;
	return 0;
}

/*
 * After this no sum of the three can overflow, which the comparisons in regions.c rely on.
 * Alignment is for vhost-user ("Memory region"): a back-end maps whole pages, from the offset or
 * from 0.
 */
static int check_range(uint64_t addr, uint64_t len, uint64_t offset, uint64_t page)
{
	uint64_t end;

	if (!addr || !len || __builtin_add_overflow(addr, len, &end) ||
	    __builtin_add_overflow(offset, len, &end))
		return error_set(-EINVAL,
				 "%" PRIu64 " bytes at 0x%" PRIx64 ", file offset %" PRIu64
				 ", are no range of memory",
				 len, addr, offset);
	if ((addr | len | offset) & (page - 1))
		return error_set(-EINVAL,
				 "address 0x%" PRIx64 ", length %" PRIu64
				 " and file offset %" PRIu64
				 " must be multiples of the page size, which is %" PRIu64,
				 addr, len, offset, page);
	return 0;
}

/*
 * Touching a shared page behind the end of its file is SIGBUS, and the back-end would be the
 * victim.
 */
static int check_file(int fd, uint64_t end)
{
	struct stat st;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0)
		return error_set(-errno, "asking about file descriptor %d: %m", fd);
	if ((flags & O_ACCMODE) != O_RDWR)
		return error_set(-EINVAL,
				 "file descriptor %d is not open for reading and writing; a device "
				 "has to map it for both",
				 fd);
	/* Other kinds of file (a DAX device) have no size to compare with. */
	if (S_ISREG(st.st_mode) && end > (uint64_t)st.st_size)
		return error_set(-EINVAL,
				 "the region ends at byte %" PRIu64 " of file descriptor %d, which "
				 "has only %jd; make the file longer first",
				 end, fd, (intmax_t)st.st_size);
	return 0;
}

int check_region(const void *addr, size_t len, int fd, uint64_t fd_offset)
{
	uint64_t page;
	int err;

	if (fd < -1)
		return error_set(-EINVAL, "%d is no file descriptor; use -1 for none", fd);
	err = find_page_size(fd, &page);
	if (err)
		return err;
	err = check_range((uintptr_t)addr, len, fd_offset, page);
	if (err)
		return err;
	/*
	 * Writes nothing: on Linux all that MS_ASYNC does is to look whether the addresses exist.
	 */
	if (msync((void *)(uintptr_t)addr, len, MS_ASYNC) < 0)
		return error_set(-EINVAL, "%zu bytes at %p are not all mapped: %m", len, addr);
	return fd < 0 ? 0 : check_file(fd, fd_offset + len);
}
