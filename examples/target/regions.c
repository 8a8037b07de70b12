/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Maps regions and translates addresses. All values come from the client and are checked once,
 * here; later only private copies are used. A file that is truncated later can't be detected; see
 * fault.h.
 */
#include "regions.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../../src/util/bits.h"
#include "error.h"

static bool wraps(uint64_t start, uint64_t len)
{
	return start + len < start;
}

/* No range wraps: checked by the caller. */
static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static int check_range(const struct memory *m, uint64_t guest, uint64_t user, uint64_t size)
{
	const struct region *r;
	unsigned int i;

	if (!size || wraps(guest, size) || wraps(user, size))
		return set_error(EINVAL,
				 "a memory region of %#llx bytes at %#llx is empty or wraps",
				 (unsigned long long)size, (unsigned long long)guest);
	if (m->count == MEMORY_SLOTS)
		return set_error(ENOSPC, "all %d memory slots are taken", MEMORY_SLOTS);
	for (i = 0; i < m->count; i++) {
		r = &m->regions[i];
		if (overlap(guest, size, r->guest, r->size) ||
		    overlap(user, size, r->user, r->size))
			return set_error(EEXIST,
					 "the memory region at %#llx overlaps the one at %#llx",
					 (unsigned long long)guest, (unsigned long long)r->guest);
	}
	return 0;
}

/*
 * Accessing a mapping past the end of its file raises SIGBUS, so the file must be large enough.
 * @align: required alignment of offsets: the page size, or the hugepage size on hugetlbfs
 */
static int check_file(int fd, uint64_t offset, uint64_t size, uint64_t *align)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode))
		return set_error(EINVAL,
				 "the descriptor of a memory region is not a shared memory file");
	if (!range_inside(offset, size, 0, (uint64_t)st.st_size))
		return set_error(
			EINVAL,
			"a memory region of %#llx bytes at offset %#llx does not fit into its "
			"file of %#llx bytes",
			(unsigned long long)size, (unsigned long long)offset,
			(unsigned long long)st.st_size);
	*align = is_pow2((uint64_t)st.st_blksize) && st.st_blksize > 4096 ? (uint64_t)st.st_blksize
									  : 4096;
	return 0;
}

int region_map(struct region *r, uint64_t size, uint64_t offset, int fd)
{
	uint64_t align = 4096;
	uint64_t skip;
	void *map;
	int rc;

	rc = check_file(fd, offset, size, &align);
	if (rc)
		return rc;
	/* mmap needs an aligned offset, which vhost-user does not guarantee: map from before it. */
	skip = offset & (align - 1);
	map = mmap(NULL, align_up(size + skip, align), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_NORESERVE, fd, (off_t)(offset - skip));
	if (map == MAP_FAILED)
		return set_error(errno, "cannot map a memory region of %#llx bytes: %s",
				 (unsigned long long)size, strerror(errno));
	*r = (struct region){
		.size = size,
		.host = (char *)map + skip,
		.map = map,
		.map_len = align_up(size + skip, align),
	};
	return 0;
}

void region_unmap(struct region *r)
{
	munmap(r->map, r->map_len);
}

int memory_add(struct memory *m, uint64_t guest, uint64_t user, uint64_t size, uint64_t offset,
	       int fd)
{
	struct region *r = &m->regions[m->count];
	int rc;

	rc = check_range(m, guest, user, size);
	if (!rc)
		rc = region_map(r, size, offset, fd);
	if (rc)
		return rc;
	r->guest = guest;
	r->user = user;
	m->count++;
	return 0;
}

/* Moves the last region to the free entry, so that the table has no gaps. */
int memory_remove(struct memory *m, uint64_t guest, uint64_t user, uint64_t size)
{
	struct region *r;
	unsigned int i;

	for (i = 0; i < m->count; i++) {
		r = &m->regions[i];
		if (r->guest != guest || r->user != user || r->size != size)
			continue;
		region_unmap(r);
		*r = m->regions[--m->count];
		return 0;
	}
	return set_error(ENOENT, "no memory region of %#llx bytes at %#llx to remove",
			 (unsigned long long)size, (unsigned long long)guest);
}

void memory_clear(struct memory *m)
{
	while (m->count) {
		m->count--;
		region_unmap(&m->regions[m->count]);
	}
}

/*
 * Called for every descriptor. Tries the last hit first, because most clients have one large
 * region. If the address is below a region, the difference wraps and exceeds every region.
 */
void *memory_guest(const struct memory *m, unsigned int *hint, uint64_t guest, uint64_t *room)
{
	const struct region *r = &m->regions[*hint];
	unsigned int i;

	if (*hint < m->count && guest - r->guest < r->size)
		goto found;
	for (i = 0; i < m->count; i++) {
		r = &m->regions[i];
		if (guest - r->guest < r->size) {
			*hint = i;
			goto found;
		}
	}
	return NULL;

found:
	*room = r->size - (guest - r->guest);
	return r->host + (guest - r->guest);
}

/* For rings, which must be contiguous; called when they start. */
void *memory_user(const struct memory *m, uint64_t user, uint64_t len)
{
	const struct region *r;
	unsigned int i;

	for (i = 0; i < m->count; i++) {
		r = &m->regions[i];
		if (range_inside(user, len, r->user, r->size))
			return r->host + (user - r->user);
	}
	return NULL;
}
