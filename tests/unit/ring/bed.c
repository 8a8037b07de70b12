/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of either format between a driver under test and the model of a device. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bed.h"

#define BED_NO_CHAIN "a used id is not in flight (2.7.8)"

/* Both sides' mappings of one file, so that the driver's can lose the right to write. */
static void map_twice(struct bed *b)
{
	int fd = memfd_create("ring", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)b->len), 0);
	b->mem = mmap(NULL, b->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	b->other = mmap(NULL, b->len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	assert_ptr_not_equal(b->mem, MAP_FAILED);
	assert_ptr_not_equal(b->other, MAP_FAILED);
}

static void get_memory(struct bed *b, size_t page)
{
	if (b->opts.threads) {
		b->mem = aligned_alloc(page, b->len);
		b->other = b->mem;
		assert_non_null(b->mem);
	} else {
		map_twice(b);
	}
	memset(b->mem, 0xa5, b->len);
}

static void start_ring(struct bed *b, char *at)
{
	const struct bed_opts *o = &b->opts;

	if (o->packed) {
		assert_int_equal(packed_init(&b->packed, at, o->size, o->event_idx, o->in_order),
				 0);
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
	get_memory(b, page);
	start_ring(b, b->mem + head);
	make_cells(b);
	if (b->mem != b->other)
		assert_int_equal(
			mprotect(b->mem + head + device, b->len - head - device, PROT_READ), 0);
	b->dev = (struct ring_device){
		.desc = b->other + head,
		.driver = b->other + head + driver,
		.device = b->other + head + device,
		.size = o->size,
		.packed = o->packed,
		.in_order = o->in_order,
		.event_idx = o->event_idx,
		.indirect = o->indirect,
		.max_elems = BED_ELEMENTS,
	};
	device_attach(&b->dev);
}

void bed_open_split(struct bed *b, unsigned size, bool event_idx)
{
	const struct bed_opts opts = {.size = size, .run = 1, .event_idx = event_idx};

	bed_open(b, &opts);
}

static void wind_split(struct split_ring *ring, uint16_t index)
{
	ring->next = index;
	ring->published = index;
	ring->last_used = index;
	ring->avail->idx = htole16(index);
	ring->order.first = index;
	ring->order.next = index;
	ring->next_desc = (uint16_t)(index & ring->mask);
}

static void wind_packed(struct packed_ring *ring, uint16_t index, uint16_t at, bool wrap)
{
	ring->order.first = index;
	ring->order.next = index;
	ring->taken = index;
	ring->next = at;
	ring->used = at;
	ring->avail_bits = wrap ? PACKED_AVAIL : PACKED_USED;
	ring->used_bits = wrap ? PACKED_BITS : 0;
	ring->position = packed_position(ring);
}

void bed_wind(struct bed *b, uint64_t chains)
{
	unsigned size = b->opts.size;
	uint16_t at = (uint16_t)(chains % size);
	bool wrap = chains / size % 2 == 0;

	if (b->opts.packed) {
		wind_packed(&b->packed, (uint16_t)chains, at, wrap);
		at |= wrap ? 0x8000 : 0;
	} else {
		wind_split(&b->split, (uint16_t)chains);
		at = (uint16_t)chains;
		device_used(&b->dev)->idx = htole16(at);
	}
	device_move(&b->dev, at, at);
	bed_disarm(b);
}

void bed_close(struct bed *b)
{
	assert_string_equal(b->dev.broken ? b->dev.broken : "none", "none");
	device_detach(&b->dev);
	if (b->opts.packed || b->opts.in_order)
		free(b->chains);
	if (b->opts.packed)
		packed_fini(&b->packed);
	else
		split_fini(&b->split);
	free(b->cells);
	free(b->free);
	if (b->mem == b->other) {
		free(b->mem);
		return;
	}
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
		packed_push(&b->packed, chain, head);
	else
		packed_push_one(&b->packed, &one, head);
}

static void push_split(struct bed *b, uint16_t head)
{
	if (b->opts.in_order)
		split_push_in_order(&b->split, &b->chains[head], head);
	else if (b->opts.fast)
		split_push_untracked(&b->split, head);
	else
		split_push(&b->split, head);
}

uint16_t bed_push(struct bed *b, unsigned elements)
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
	else
		push_split(b, (uint16_t)head);
	return (uint16_t)head;
}

void bed_push_many(struct bed *b, unsigned count)
{
	while (count--)
		bed_push(b, 1);
}

bool bed_publish(struct bed *b)
{
	return b->opts.packed ? packed_publish(&b->packed) : split_publish(&b->split);
}

int bed_pending(struct bed *b)
{
	return b->opts.packed ? packed_pending(&b->packed) : split_pending(&b->split);
}

/* The request that a used entry names, if it is out: what a user of the readers knows by itself. */
static struct cell *find(struct bed *b, uint32_t head)
{
	unsigned number = head / b->opts.run;

	if (number >= b->count || head % b->opts.run || !b->cells[number].out)
		return NULL;
	return &b->cells[number];
}

static int take_split_fast(struct bed *b, struct ring_used *used)
{
	const struct vring_used_elem *reader = split_reader(&b->split);

	*used = split_read(&reader);
	if (!find(b, used->head))
		return split_mark_broken(&b->split, BED_NO_CHAIN);
	split_read_end(&b->split, 1);
	return 0;
}

/* As vscsi_poll() does: what the reader leaves goes the long way. */
static int take_packed_fast(struct bed *b, struct ring_used *used)
{
	struct packed_reader reader = packed_reader(&b->packed);
	int err;

	if (b->opts.run == 1 && packed_read(&reader, used)) {
		if (!find(b, used->head))
			return packed_mark_broken(&b->packed, BED_NO_CHAIN);
		packed_read_end(&b->packed, 1);
		return 0;
	}
	err = packed_take(&b->packed, used);
	return err || find(b, used->head) ? err : packed_mark_broken(&b->packed, BED_NO_CHAIN);
}

int bed_take(struct bed *b, struct ring_used *used)
{
	if (b->opts.packed)
		return b->opts.fast ? take_packed_fast(b, used) : packed_take(&b->packed, used);
	if (b->opts.fast)
		return take_split_fast(b, used);
	return b->opts.in_order ? split_take_in_order(&b->split, used)
				: split_take(&b->split, used);
}

bool bed_arm(struct bed *b)
{
	return b->opts.packed ? packed_arm(&b->packed) : split_arm(&b->split);
}

void bed_disarm(struct bed *b)
{
	if (b->opts.packed)
		packed_disarm(&b->packed);
	else
		split_disarm(&b->split);
}

const char *bed_rule(const struct bed *b)
{
	return b->opts.packed ? b->packed.rule : b->split.rule;
}

/* A request that came back, with its own answer. */
static void finish(struct bed *b, uint32_t head)
{
	struct cell *cell = find(b, head);

	assert_non_null(cell);
	assert_true(cell->answer == ~cell->request);
	cell->out = false;
	b->free[b->nfree++] = (uint16_t)(head / b->opts.run);
}

bool bed_reap(struct bed *b, struct ring_used *used)
{
	int pending = bed_pending(b);
	int taken = pending > 0 ? bed_take(b, used) : 1;

	assert_true(pending >= 0 && taken >= 0);
	if (taken)
		return false;
	finish(b, used->head);
	return true;
}

unsigned bed_reap_all(struct bed *b)
{
	struct ring_used used;
	unsigned count = 0;

	while (bed_reap(b, &used))
		count++;
	return count;
}

unsigned bed_out(const struct bed *b)
{
	return b->count - b->nfree;
}

bool bed_device_take(struct bed *b, struct bed_chain *chain)
{
	return device_take(&b->dev, &chain->chain, chain->elems);
}

void bed_answer(const struct bed_chain *chain)
{
	struct cell *cell = chain->elems[0].at;

	cell->answer = ~cell->request;
}

void bed_give(struct bed *b, const struct bed_chain *chain, uint32_t len)
{
	bed_answer(chain);
	device_give(&b->dev, &chain->chain, len);
}

bool bed_serve(struct bed *b)
{
	struct bed_chain chain;

	while (bed_device_take(b, &chain))
		bed_give(b, &chain, 1);
	return device_show(&b->dev);
}

unsigned bed_random(uint64_t *state, unsigned limit)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33) % limit;
}
