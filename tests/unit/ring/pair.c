/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring between a driver under test and the model of a device, in memory that both map for
 * themselves.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring.h"

/* Both sides' mappings of one file, so that the driver's can lose the right to write. */
static void map(struct pair *p)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)p->len), 0);
	p->mem = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p->other = mmap(NULL, p->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(p->mem, MAP_FAILED);
	assert_ptr_not_equal(p->other, MAP_FAILED);
}

void pair_open(struct pair *p, unsigned size, bool event_idx)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct split_layout layout = split_layout(size);
	size_t used;
	unsigned i;

	memset(p, 0, sizeof(*p));
	p->head = (page - layout.used % page) % page;
	used = p->head + layout.used;
	p->len = align_up(p->head + layout.bytes, page);
	map(p);
	memset(p->mem, 0xa5, p->len);
	assert_int_equal(split_init(&p->ring, p->mem + p->head, size, event_idx), 0);
	assert_int_equal(mprotect(p->mem + used, p->len - used, PROT_READ), 0);
	device_attach(&p->dev, p->other + p->head, p->other + p->head + layout.avail,
		      p->other + used, size, event_idx);
	p->free = calloc(size, sizeof(*p->free));
	assert_non_null(p->free);
	for (i = 0; i < size; i++)
		p->free[p->nfree++] = (uint16_t)(size - 1 - i);
}

void pair_close(struct pair *p)
{
	assert_string_equal(p->dev.broken ? p->dev.broken : "none", "none");
	device_detach(&p->dev);
	split_fini(&p->ring);
	free(p->free);
	munmap(p->mem, p->len);
	munmap(p->other, p->len);
}

uint16_t pair_push(struct pair *p)
{
	uint16_t head;

	assert_true(p->nfree > 0);
	head = p->free[--p->nfree];
	p->ring.desc[head].addr = htole64(++p->serial);
	p->ring.desc[head].len = htole32(1);
	split_push(&p->ring, head);
	return head;
}

void pair_push_many(struct pair *p, unsigned count)
{
	while (count--)
		pair_push(p);
}

bool pair_complete_all(struct pair *p)
{
	uint16_t head;

	while (device_take(&p->dev, &head))
		device_use(&p->dev, head, 1);
	return device_show(&p->dev);
}

struct ring_used pair_reap(struct pair *p)
{
	struct ring_used used = {0, 0};

	assert_true(split_pending(&p->ring) > 0);
	assert_int_equal(split_take(&p->ring, &used), 0);
	p->free[p->nfree++] = (uint16_t)used.head;
	return used;
}

unsigned pair_reap_all(struct pair *p)
{
	unsigned count = 0;

	while (split_pending(&p->ring) != 0) {
		pair_reap(p);
		count++;
	}
	return count;
}

unsigned pair_out(const struct pair *p)
{
	return (uint16_t)(p->ring.next - p->ring.last_used);
}

unsigned pair_random(uint64_t *state, unsigned limit)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33) % limit;
}
