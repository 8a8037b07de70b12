/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A store in this process's memory, for tests and benchmarks.
 */
#include "store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "error.h"

#define PAGE UINT64_C(4096)

struct store_ram {
	struct store base;
	char *bytes;
};

static char *bytes_of(struct store *s)
{
	return ((struct store_ram *)s)->bytes;
}

/* Copying can fault if the client has truncated its memory, see fault.h. */
static int ram_read(struct store *s, struct sgl *to, uint64_t at, size_t len)
{
	return sgl_write(to, bytes_of(s) + at, len) == len ? 0 : -EFAULT;
}

static int ram_write(struct store *s, struct sgl *from, uint64_t at, size_t len, bool fua)
{
	(void)fua;
	return sgl_read(from, bytes_of(s) + at, len) == len ? 0 : -EFAULT;
}

/* Nothing to do: the unit reports no cache. */
static int ram_flush(struct store *s)
{
	(void)s;
	return 0;
}

/* Whole pages are returned to the kernel and then read as zeros; the rest is cleared. */
static int ram_zero(struct store *s, uint64_t at, uint64_t len, bool free_space)
{
	uint64_t first = (at + PAGE - 1) & ~(PAGE - 1);
	uint64_t last = (at + len) & ~(PAGE - 1);

	if (!free_space || first >= last ||
	    madvise(bytes_of(s) + first, last - first, MADV_DONTNEED)) {
		memset(bytes_of(s) + at, 0, len);
		return 0;
	}
	memset(bytes_of(s) + at, 0, first - at);
	memset(bytes_of(s) + last, 0, at + len - last);
	return 0;
}

/* May move the memory: no pointer into it is kept between commands. */
static int ram_resize(struct store *s, uint64_t size)
{
	struct store_ram *r = (struct store_ram *)s;
	uint64_t old = s->size;
	uint64_t page_end = (old + PAGE - 1) & ~(PAGE - 1);
	void *p;

	p = mremap(r->bytes, s->size, size, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		return set_error(errno, "cannot resize a memory disk to %llu bytes: %s",
				 (unsigned long long)size, strerror(errno));
	r->bytes = p;
	s->size = size;
	/* The last page may still contain data from an earlier, larger size. */
	if (size > old)
		memset(r->bytes + old, 0, (page_end < size ? page_end : size) - old);
	return 0;
}

static void ram_close(struct store *s)
{
	munmap(bytes_of(s), s->size);
	free(s);
}

static const struct store_ops ram_ops = {
	.read = ram_read,
	.write = ram_write,
	.flush = ram_flush,
	.zero = ram_zero,
	.resize = ram_resize,
	.close = ram_close,
};

/*
 * MAP_NORESERVE: a disk may be larger than memory as long as it is not filled. Its identity is new
 * each time: a client that goes on after a restart must not take it for the disk that is lost.
 */
int store_ram_open(uint64_t size, struct store **out)
{
	struct store_ram *r;
	uint64_t identity;
	void *p;

	if (getrandom(&identity, sizeof(identity), 0) != sizeof(identity))
		return set_error(errno, "no random number for a memory disk: %s", strerror(errno));
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return set_error(errno, "cannot allocate %llu bytes of memory: %s",
				 (unsigned long long)size, strerror(errno));
	r = calloc(1, sizeof(*r));
	if (!r) {
		munmap(p, size);
		return set_error(ENOMEM, "no memory left for a memory disk");
	}
	r->base = (struct store){
		.ops = &ram_ops, .parallel = true, .size = size, .identity = identity | 1};
	r->bytes = p;
	*out = &r->base;
	return 0;
}
