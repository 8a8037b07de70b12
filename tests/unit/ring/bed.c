/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of either format between a driver under test and the model of a device. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bed.h"

/* Both sides' mappings of one file, so that the driver's can lose the right to write. */
static void map(struct bed *b)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)b->len), 0);
	b->mem = mmap(NULL, b->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b->other = b->mem;
	if (!b->opts.threads)
		b->other = mmap(NULL, b->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(b->mem, MAP_FAILED);
	assert_ptr_not_equal(b->other, MAP_FAILED);
	memset(b->mem, 0xa5, b->len);
}

static void start_ring(struct bed *b, char *at)
{
	const struct bed_opts *o = &b->opts;

	if (o->packed) {
		assert_int_equal(packed_init(&b->ring, at, o->size, o->event_idx, o->in_order), 0);
		return;
	}
	assert_int_equal(split_init(&b->split, at, o->size, o->event_idx), 0);
	if (o->in_order)
		assert_int_equal(split_use_in_order(&b->split), 0);
}

static void make_cells(struct bed *b)
{
	const struct bed_opts *o = &b->opts;
	unsigned i;

	b->count = o->size / o->run;
	b->cells = calloc(b->count, sizeof(*b->cells));
	b->free = calloc(b->count, sizeof(*b->free));
	b->chains = o->packed || o->in_order ? calloc(o->size, sizeof(*b->chains)) : b->split.desc;
	assert_true(b->cells && b->free && b->chains);
	for (i = b->count; i-- > 0;)
		b->free[b->nfree++] = (uint16_t)i;
}

void bed_open(struct bed *b, const struct bed_opts *o)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct packed_layout packed = packed_layout(o->size);
	struct split_layout split = split_layout(o->size);
	size_t driver = o->packed ? packed.driver : split.avail;
	size_t device = o->packed ? packed.device : split.used;
	size_t head = (page - device % page) % page;

	memset(b, 0, sizeof(*b));
	b->opts = *o;
	b->len = align_up(head + (o->packed ? packed.bytes : split.bytes), page);
	map(b);
	start_ring(b, b->mem + head);
	make_cells(b);
	if (b->mem != b->other)
		assert_int_equal(
			mprotect(b->mem + head + device, b->len - head - device, PROT_READ), 0);
	b->peer = (struct peer){
		.desc = b->other + head,
		.driver = b->other + head + driver,
		.device = b->other + head + device,
		.size = o->size,
		.packed = o->packed,
		.in_order = o->in_order,
		.event_idx = o->event_idx,
		.indirect = o->indirect,
	};
	peer_attach(&b->peer);
}

static void wind_split(struct bed *b, uint16_t index)
{
	struct vring_used *used = b->peer.device;

	b->split.next = index;
	b->split.published = index;
	b->split.last_used = index;
	b->split.avail->idx = htole16(index);
	used->idx = htole16(index);
	b->split.order.first = index;
	b->split.order.next = index;
	b->split.next_desc = (uint16_t)(index & b->split.mask);
	b->peer.place = b->split.next_desc;
	b->peer.next = index;
	b->peer.used = index;
}

static void wind_packed(struct bed *b, uint16_t index, uint16_t place, bool first_lap)
{
	b->ring.order.first = index;
	b->ring.order.next = index;
	b->ring.taken = index;
	b->ring.next = place;
	b->ring.used = place;
	b->ring.avail_bits = first_lap ? PACKED_AVAIL : PACKED_USED;
	b->ring.used_bits = first_lap ? PACKED_BITS : 0;
	b->ring.position = packed_position(&b->ring);
	b->peer.next = place;
	b->peer.next_wrap = first_lap;
	b->peer.used = place;
	b->peer.used_wrap = first_lap;
}

void bed_wind(struct bed *b, uint64_t chains)
{
	unsigned size = b->opts.size;

	if (b->opts.packed)
		wind_packed(b, (uint16_t)chains, (uint16_t)(chains % size), chains / size % 2 == 0);
	else
		wind_split(b, (uint16_t)chains);
	b->peer.told = b->peer.used;
	b->peer.told_wrap = b->peer.used_wrap;
	bed_disarm(b);
}

void bed_close(struct bed *b)
{
	assert_string_equal(b->peer.broken ? b->peer.broken : "none", "none");
	peer_detach(&b->peer);
	if (b->opts.packed || b->opts.in_order)
		free(b->chains);
	if (b->opts.packed)
		packed_fini(&b->ring);
	else
		split_fini(&b->split);
	free(b->cells);
	free(b->free);
	if (b->mem != b->other)
		munmap(b->other, b->len);
	munmap(b->mem, b->len);
}

/* Element @i of @count: the first half is for the device. All of them point to the cell. */
static void put(struct vring_desc *desc, struct cell *cell, unsigned i, unsigned count,
		unsigned next)
{
	bool more = i + 1 < count;
	unsigned flags = (more ? VRING_DESC_F_NEXT : 0) | (2 * i >= count ? VRING_DESC_F_WRITE : 0);

	desc->addr = htole64((uintptr_t)cell);
	desc->len = htole32(i + 1);
	desc->flags = htole16((uint16_t)flags);
	desc->next = htole16((uint16_t)(more ? next : 0));
}

static void put_table(struct bed *b, struct cell *cell, unsigned count)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		struct vring_desc desc;

		put(&desc, cell, i, count, i + 1);
		memcpy(&cell->table[i], &desc, sizeof(desc));
		if (!b->opts.packed)
			continue;
		cell->table[i].id = 0;
		cell->table[i].flags = desc.flags & htole16(VRING_DESC_F_WRITE);
	}
}

/* A chain of one descriptor goes in either form, by turns. */
static void push_packed(struct bed *b, const struct vring_desc *chain, uint16_t head)
{
	struct vring_packed_desc one = {chain->addr, chain->len, htole16(head), chain->flags};

	if (b->opts.in_order || b->serial % 2 || (le16toh(chain->flags) & VRING_DESC_F_NEXT))
		packed_push(&b->ring, chain, head);
	else
		packed_push_one(&b->ring, &one, head);
}

void bed_push(struct bed *b, unsigned elements)
{
	unsigned number = b->free[b->nfree - 1];
	unsigned head = number * b->opts.run;
	struct cell *cell = &b->cells[number];
	struct vring_desc *chain = &b->chains[head];
	unsigned i;

	assert_true(b->nfree-- > 0 && !cell->out);
	cell->request = ++b->serial;
	cell->answer = 0;
	cell->out = true;
	for (i = 0; i < elements && i < b->opts.run; i++)
		put(&chain[i], cell, i, elements, head + i + 1);
	/* Those that have no room in the ring, and some that would. */
	if (elements > b->opts.run || (b->opts.indirect && elements % 2)) {
		put_table(b, cell, elements);
		chain->addr = htole64((uintptr_t)cell->table);
		chain->len = htole32(16 * elements);
		chain->flags = htole16(VRING_DESC_F_INDIRECT);
	}
	if (b->opts.packed)
		push_packed(b, chain, (uint16_t)head);
	else if (b->opts.in_order)
		split_push_in_order(&b->split, chain, (uint16_t)head);
	else
		split_push(&b->split, (uint16_t)head);
}

bool bed_publish(struct bed *b)
{
	return b->opts.packed ? packed_publish(&b->ring) : split_publish(&b->split);
}

int bed_pending(struct bed *b)
{
	return b->opts.packed ? packed_pending(&b->ring) : split_pending(&b->split);
}

int bed_take(struct bed *b, struct ring_used *used)
{
	if (b->opts.packed)
		return packed_take(&b->ring, used);
	return b->opts.in_order ? split_take_in_order(&b->split, used)
				: split_take(&b->split, used);
}

bool bed_arm(struct bed *b)
{
	return b->opts.packed ? packed_arm(&b->ring) : split_arm(&b->split);
}

void bed_disarm(struct bed *b)
{
	if (b->opts.packed)
		packed_disarm(&b->ring);
	else
		split_disarm(&b->split);
}

const char *bed_rule(const struct bed *b)
{
	return b->opts.packed ? b->ring.rule : b->split.rule;
}

bool bed_reap(struct bed *b, struct ring_used *used)
{
	int pending = bed_pending(b);
	int taken = pending > 0 ? bed_take(b, used) : 1;
	struct cell *cell;

	assert_true(pending >= 0 && taken >= 0);
	if (taken)
		return false;
	assert_int_equal(used->head % b->opts.run, 0);
	cell = &b->cells[used->head / b->opts.run];
	assert_true(cell->out);
	assert_true(cell->answer == ~cell->request);
	cell->out = false;
	b->free[b->nfree++] = (uint16_t)(used->head / b->opts.run);
	return true;
}

unsigned bed_out(const struct bed *b)
{
	return b->count - b->nfree;
}

void bed_answer(const struct peer_chain *chain)
{
	struct cell *cell = (void *)(uintptr_t)chain->addr[0];

	cell->answer = ~cell->request;
}

bool bed_serve(struct bed *b)
{
	struct peer_chain chain;

	while (peer_take(&b->peer, &chain)) {
		bed_answer(&chain);
		peer_check(&b->peer, &chain);
		peer_use(&b->peer, &chain, 1);
	}
	return peer_show(&b->peer);
}
