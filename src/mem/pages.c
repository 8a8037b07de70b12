/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Allocates memory step by step: memfd, size, seals, pages, mapping. Makes no choices; the caller
 * decides what to do if hugepages are missing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "mem/layout.h"
#include "mem/node.h"
#include "mem/pages.h"
#include "mem/shortage.h"
#include "util/bits.h"
#include "util/fd.h"

/* Missing in older C libraries. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008u
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* As in <linux/memfd.h>: log2 of the page size is above the flags. */
#define HUGE_SHIFT 26

static int explain(char *why, int err, const char *what)
{
	errno = -err;
	snprintf(why, PAGES_WHY, "%s failed: %m", what);
	return err;
}

/* A lack of hugepages is reported the same way, whichever step detects it. */
static int explain_pages(const struct pages_want *want, char *why, int err, const char *what)
{
	if (!want->huge)
		return explain(why, err, what);
	shortage_explain(want, why);
	return -ENOMEM;
}

static int open_file(const struct pages_want *want, char *why)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd;

	if (want->huge)
		flags |= MFD_HUGETLB | (unsigned)__builtin_ctzll(want->huge) << HUGE_SHIFT;
	/* Hardened systems require MFD_NOEXEC_SEAL; kernels before 6.3 reject it. */
	fd = fd_raise(memfd_create("vscsi", flags | MFD_NOEXEC_SEAL));
	if (fd < 0 && errno == EINVAL)
		fd = fd_raise(memfd_create("vscsi", flags));
	if (fd >= 0)
		return fd;
	if (errno == ENODEV || errno == EINVAL || errno == ENOSYS)
		return explain_pages(want, why, -errno, "memfd_create");
	return explain(why, -errno, "memfd_create");
}

/*
 * A back-end that has the file must not be able to truncate it, which would raise SIGBUS here
 * (R-HARD-41). Its contents can't be sealed: data from a device is never trusted.
 */
static int size_and_seal(int fd, uint64_t bytes, char *why)
{
	struct rlimit limit;

	/* Beyond this limit the kernel would send SIGXFSZ. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes) {
		snprintf(why, PAGES_WHY,
			 "a pool of %" PRIu64 " bytes is a file larger than this process may "
			 "write, %" PRIu64 " bytes; raise ulimit -f",
			 bytes, (uint64_t)limit.rlim_cur);
		return -EFBIG;
	}
	if (ftruncate(fd, (off_t)bytes) < 0)
		return explain(why, -errno, "setting the size of the memory file");
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return explain(why, -errno, "sealing the memory file");
	return 0;
}

/*
 * Maps the file at an aligned address, even if the kernel does not align by itself: reserves more
 * addresses than needed, maps the file over the aligned part, and unmaps the rest.
 *
 * If that mmap() fails, the kernel may already have unmapped the reservation, and another thread
 * may be using the addresses: they must not be unmapped here. At worst a range of addresses stays
 * reserved. It can fail only for lack of kernel memory, because the pages are already allocated.
 */
static int map_file(const struct pages_want *want, struct pages *pages, char *why)
{
	const uint64_t align = want->huge > LAYOUT_STEP ? want->huge : LAYOUT_STEP;
	const size_t room = want->bytes + align;
	uintptr_t addr;
	size_t lead;
	char *all;
	int err;

	all = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED)
		return explain(why, -errno, "reserving addresses for the pool");
	addr = align_up((uintptr_t)all, align);
	lead = addr - (uintptr_t)all;
	pages->addr = mmap((void *)addr, want->bytes, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, pages->fd, 0);
	err = pages->addr == MAP_FAILED ? -errno : 0;
	if (lead)
		munmap(all, lead);
	munmap((char *)addr + want->bytes, align - lead);
	return err ? explain(why, err, "mapping the memory file") : 0;
}

/*
 * Allocates every page now, with a call that can fail, instead of a page fault that would kill the
 * process. In steps, because the kernel discards a whole step that a signal interrupts.
 */
static int allocate_pages(const struct pages_want *want, int fd)
{
	const uint64_t step = want->huge > LAYOUT_STEP ? want->huge : LAYOUT_STEP;
	uint64_t at;

	for (at = 0; at < want->bytes;) {
		if (!fallocate(fd, 0, (off_t)at, (off_t)step))
			at += step;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* On the requested NUMA node, if there is a choice. */
static int fill_file(const struct pages_want *want, struct pages *pages, char *why)
{
	struct node_policy policy;
	int err;

	err = node_enter(&policy, want->numa, why, PAGES_WHY);
	if (err)
		return err;
	err = allocate_pages(want, pages->fd);
	node_leave(&policy);
	return err ? explain_pages(want, why, err, "allocating the pool's pages") : 0;
}

static int prepare_mapping(const struct pages_want *want, struct pages *pages, char *why)
{
	/* A child that wrote here would corrupt the rings of the parent's devices. */
	if (madvise(pages->addr, want->bytes, MADV_DONTFORK) < 0)
		return explain(why, -errno, "excluding the pool from fork()");
	/* Avoids a page fault at the first access; kernels before 5.14 don't support it. */
	madvise(pages->addr, want->bytes, MADV_POPULATE_WRITE);
	pages->node = node_of(pages->addr);
	return 0;
}

int pages_create(const struct pages_want *want, struct pages *pages, char *why)
{
	int err;

	pages->bytes = want->bytes;
	pages->page_size = want->huge ? want->huge : (uint64_t)sysconf(_SC_PAGESIZE);
	pages->fd = open_file(want, why);
	if (pages->fd < 0)
		return pages->fd;
	err = size_and_seal(pages->fd, want->bytes, why);
	if (err)
		goto close_file;
	err = fill_file(want, pages, why);
	if (err)
		goto close_file;
	err = map_file(want, pages, why);
	if (err)
		goto close_file;
	err = prepare_mapping(want, pages, why);
	if (err)
		goto unmap;
	return 0;
unmap:
	munmap(pages->addr, pages->bytes);
close_file:
	close(pages->fd);
	return err;
}

void pages_destroy(struct pages *pages)
{
	munmap(pages->addr, pages->bytes);
	close(pages->fd);
}
