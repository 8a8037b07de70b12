/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Validates application memory before any device sees it: a back-end that can't map a region drops
 * the connection and gives no reason.
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
#include "mem/mapping.h"
#include "util/error.h"

/* Page size of the file's mappings: a hugetlbfs file is mapped in units of its own page size. */
static int find_page_size(int fd, uint64_t *page)
{
	struct statfs fs;

	*page = (uint64_t)sysconf(_SC_PAGESIZE);
	if (fd < 0)
		return 0;
	if (fstatfs(fd, &fs) < 0)
		return error_set(-errno, "getting the page size of file descriptor %d: %m", fd);
	if (fs.f_type == HUGETLBFS_MAGIC)
		*page = (uint64_t)fs.f_bsize;
	return 0;
}

/*
 * Afterwards no sum of the three can overflow; regions.c relies on that. Alignment is required by
 * vhost-user ("Memory region"): a back-end maps whole pages, from the offset or from 0.
 */
static int check_range(uint64_t addr, uint64_t len, uint64_t offset, uint64_t page)
{
	uint64_t end;

	if (!addr || !len || __builtin_add_overflow(addr, len, &end) ||
	    __builtin_add_overflow(offset, len, &end))
		return error_set(-EINVAL,
				 "%" PRIu64 " bytes at 0x%" PRIx64 " with file offset %" PRIu64
				 " are not a valid memory range",
				 len, addr, offset);
	if ((addr | len | offset) & (page - 1))
		return error_set(-EINVAL,
				 "address 0x%" PRIx64 ", length %" PRIu64
				 " and file offset %" PRIu64
				 " must be multiples of the page size, %" PRIu64,
				 addr, len, offset, page);
	return 0;
}

/* Accessing a shared page past the end of its file raises SIGBUS, in the back-end's process. */
static int check_file(int fd, uint64_t end)
{
	struct stat st;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st) < 0)
		return error_set(-errno, "getting the status of file descriptor %d: %m", fd);
	if ((flags & O_ACCMODE) != O_RDWR)
		return error_set(-EINVAL,
				 "file descriptor %d is not open for reading and writing; a device "
				 "maps it for both",
				 fd);
	/* Other kinds of file (a DAX device) have no size to check. */
	if (S_ISREG(st.st_mode) && end > (uint64_t)st.st_size)
		return error_set(-EINVAL,
				 "the region ends at byte %" PRIu64 " of file descriptor %d, which "
				 "has %jd bytes; extend the file first",
				 end, fd, (intmax_t)st.st_size);
	return 0;
}

/* A file that shrinks raises SIGBUS, in this process too, and a back-end can write to it. */
static int seal_file(int fd)
{
	struct stat st;
	int seals;

	if (fstat(fd, &st) < 0)
		return error_set(-errno, "getting the status of file descriptor %d: %m", fd);
	/* Devices and the like can't be truncated. */
	if (!S_ISREG(st.st_mode))
		return 0;
	seals = fcntl(fd, F_GET_SEALS);
	if (seals >= 0 && (seals & F_SEAL_SHRINK || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0))
		return 0;
	/* It has no seals, or takes no more. */
	if (errno != EINVAL && errno != EPERM)
		return error_set(-errno, "sealing file descriptor %d: %m", fd);
	return error_set(
		-EPERM,
		"file descriptor %d is a file that can shrink, with which a back-end could "
		"end this process; use a memfd made with MFD_ALLOW_SEALING, or make the "
		"pool with VSCSI_MEM_UNVERIFIED",
		fd);
}

int check_region(const void *addr, size_t len, int fd, uint64_t fd_offset, bool verify,
		 bool *private)
{
	uint64_t page;
	int err;

	*private = fd < 0;
	if (fd < -1)
		return error_set(-EINVAL, "%d is not a file descriptor; use -1 for none", fd);
	err = find_page_size(fd, &page);
	if (err)
		return err;
	err = check_range((uintptr_t)addr, len, fd_offset, page);
	if (err)
		return err;
	/* MS_ASYNC writes nothing: on Linux it only checks that the addresses are mapped. */
	if (msync((void *)(uintptr_t)addr, len, MS_ASYNC) < 0)
		return error_set(-EINVAL, "%zu bytes at %p are not all mapped: %m", len, addr);
	if (fd >= 0)
		err = check_file(fd, fd_offset + len);
	if (!err && verify)
		err = mapping_check(addr, len, fd, fd_offset, private);
	if (err || fd < 0 || !verify)
		return err;
	err = seal_file(fd);
	/* Check again: the file may have shrunk before it was sealed. */
	return err ? err : check_file(fd, fd_offset + len);
}
