/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device side of a packed virtqueue (virtio 1.4, 2.8).
 */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "ring.h"

#define F_AVAIL       (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED        (1u << VRING_PACKED_DESC_F_USED)

#define EVENT_ENABLE  0
#define EVENT_DISABLE 1
#define EVENT_AT_DESC 2

/* Positions in GET_VRING_BASE: 15 bits of slot and one of wrap counter, twice. */
#define BASE_SLOT 0x7fff
#define BASE_WRAP 0x8000

static struct vring_packed_desc *slot(const struct ring *r, uint16_t i)
{
	return (struct vring_packed_desc *)r->desc + i;
}

static int packed_attach(struct ring *r)
{
	uint16_t used = r->next_used;

	/* virtio 1.4, 2.8.10.1: any size up to 32768; 2.8.11: alignment 16, 4 and 4. */
	if (r->desc_addr % 16 || r->driver_addr % 4 || r->device_addr % 4)
		return set_error(EINVAL, "a part of ring %u is not aligned", r->index);
	r->desc = memory_user(r->memory, r->desc_addr, 16 * (uint64_t)r->num);
	r->driver = memory_user(r->memory, r->driver_addr, 4);
	r->device = memory_user(r->memory, r->device_addr, 4);
	if (!r->desc || !r->driver || !r->device)
		return set_error(EFAULT, "ring %u is not inside one memory region", r->index);
	if ((uintptr_t)r->desc % 16 || (uintptr_t)r->driver % 4 || (uintptr_t)r->device % 4)
		return set_error(EINVAL, "the memory of ring %u is not aligned", r->index);
	if (r->next_avail >= r->num || used >= r->num)
		return set_error(EINVAL, "ring %u starts at entry %u or %u of %u", r->index,
				 r->next_avail, used, r->num);
	return 0;
}

/* virtio 1.4, 2.8.1. */
void packed_step(const struct ring *r, uint16_t *at, bool *wrap, uint32_t n)
{
	uint32_t next = *at + n;

	if (next >= r->num) {
		next -= r->num;
		*wrap = !*wrap;
	}
	*at = (uint16_t)next;
}

static uint16_t load_flags(const struct ring *r, uint16_t i)
{
	/* Acquire: the descriptor is read after its flags (2.8.21.1.1). */
	return le16toh(__atomic_load_n(&slot(r, i)->flags, __ATOMIC_ACQUIRE));
}

static bool is_available(uint16_t flags, bool wrap)
{
	return !!(flags & F_AVAIL) == wrap && !!(flags & F_USED) != wrap;
}

bool packed_available(const struct ring *r, uint16_t i, bool wrap)
{
	return is_available(load_flags(r, i), wrap);
}

/* Copies the descriptor once, so that what is checked is what is used. */
static struct vring_packed_desc fetch(const void *table, uint32_t i)
{
	struct vring_packed_desc d;

	memcpy(&d, (const char *)table + 16 * (size_t)i, sizeof(d));
	__asm__ volatile("" : : : "memory");
	d.addr = le64toh(d.addr);
	d.len = le32toh(d.len);
	d.id = le16toh(d.id);
	d.flags = le16toh(d.flags);
	return d;
}

/*
 * All entries of an indirect table are used; only WRITE is valid in their flags (2.8.7).
 */
static int walk_table(struct ring *r, const struct vring_packed_desc *at)
{
	struct vring_packed_desc d;
	const void *table;
	uint32_t entries;
	uint32_t i;
	int rc;

	table = chain_table(r, at->addr, at->len, &entries);
	if (!table)
		return -EINVAL;
	for (i = 0; i < entries; i++) {
		d = fetch(table, i);
		rc = chain_add(r, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
		if (rc)
			return rc;
	}
	return 0;
}

/* Adds a descriptor; @before others of the list came first. */
static int add(struct ring *r, const struct vring_packed_desc *d, unsigned int before)
{
	if (!(d->flags & VRING_DESC_F_INDIRECT))
		return chain_add(r, d->addr, d->len, d->flags & VRING_DESC_F_WRITE);
	/* 2.8.19: an indirect descriptor is a complete list. */
	if (before || d->flags & VRING_DESC_F_NEXT)
		return set_error(EINVAL, "an indirect descriptor is part of a list");
	return walk_table(r, d);
}

/* Walks the list at the next slot. All of it is available once its first descriptor is (2.8.6). */
static int walk_list(struct ring *r, struct chain *c)
{
	struct vring_packed_desc d;
	uint16_t at = r->next_avail;
	bool wrap = r->avail_wrap;
	int rc;

	c->slots = 0;
	do {
		d = fetch(r->desc, at);
		rc = add(r, &d, c->slots);
		if (rc)
			return rc;
		c->slots++;
		packed_step(r, &at, &wrap, 1);
	} while (d.flags & VRING_DESC_F_NEXT);
	c->id = d.id; /* the id of the last descriptor counts (2.8.6) */
	r->next_avail = at;
	r->avail_wrap = wrap;
	return 1;
}

static int packed_pop(struct ring *r, struct chain *c)
{
	int rc;

	if (!packed_available(r, r->next_avail, r->avail_wrap))
		return 0;
	chain_begin(r);
	rc = walk_list(r, c);
	if (rc > 0)
		chain_end(r, c);
	return rc;
}

/* Uses the copies in the in-flight area: the ring's slots may hold later requests. */
static int packed_pop_replay(struct ring *r, struct chain *c)
{
	const struct inflight_replay *a = inflight_replay(&r->inflight);
	struct vring_packed_desc d = {0};
	unsigned int i;
	int rc;

	chain_begin(r);
	for (i = 0; i < a->slots; i++) {
		d = fetch(r->inflight.descs, a->desc + i);
		rc = add(r, &d, i);
		if (rc)
			return rc;
	}
	chain_end(r, c);
	c->id = d.id;
	c->slots = a->slots;
	c->entry = a->entry;
	return 1;
}

static void packed_push(struct ring *r, const struct chain *c, uint32_t written)
{
	struct vring_packed_desc *d = slot(r, r->next_used);
	uint16_t flags = written ? VRING_DESC_F_WRITE : 0;

	if (r->used_wrap)
		flags |= (uint16_t)(F_AVAIL | F_USED);
	__atomic_store_n(&d->id, htole16(c->id), __ATOMIC_RELAXED);
	__atomic_store_n(&d->len, htole32(written), __ATOMIC_RELAXED);
	/* Release: the response is visible before the flags (2.8.6). */
	__atomic_store_n(&d->flags, htole16(flags), __ATOMIC_RELEASE);
	packed_step(r, &r->next_used, &r->used_wrap, c->slots);
}

/* A position as a number below two ring sizes: 0 to num - 1 while the wrap counter is 1. */
static uint32_t position(const struct ring *r, uint16_t at, bool wrap)
{
	return at + (wrap ? 0 : r->num);
}

/*
 * Whether the slots returned since the last check include the event's (2.8.10). While requests are
 * executed the driver reuses slots, so these can be several rings full.
 */
static bool passed(const struct ring *r, uint16_t event, bool event_wrap)
{
	uint32_t used = position(r, r->next_used, r->used_wrap);
	uint32_t ago = used + 2 * r->num - position(r, event, event_wrap);

	if (ago > 2 * r->num)
		ago -= 2 * r->num;
	/* 1 is the slot returned last, 2 * num the one that is returned next. */
	return ago <= r->uncalled;
}

static bool packed_wants_call(const struct ring *r)
{
	uint32_t word = le32toh(__atomic_load_n((uint32_t *)r->driver, __ATOMIC_RELAXED));
	uint16_t place = (uint16_t)word;

	switch (word >> 16 & 3) {
	case EVENT_DISABLE:
		return false;
	case EVENT_AT_DESC:
		return !r->event_idx || !r->called_valid ||
		       passed(r, place & BASE_SLOT, place & BASE_WRAP);
	default:
		return true;
	}
}

static void packed_enable_kicks(struct ring *r, bool on)
{
	uint32_t word = (uint32_t)(on ? EVENT_ENABLE : EVENT_DISABLE) << 16;

	if (on && r->event_idx)
		word = (uint32_t)EVENT_AT_DESC << 16 | r->next_avail |
		       (r->avail_wrap ? BASE_WRAP : 0u);
	if (word == r->kick_word)
		return;
	r->kick_word = word;
	/* Offset and flags in one store, so that the driver never sees a mixture. */
	__atomic_store_n((uint32_t *)r->device, htole32(word), __ATOMIC_RELAXED);
}

static bool packed_has_work(const struct ring *r)
{
	return packed_available(r, r->next_avail, r->avail_wrap);
}

static uint32_t packed_base(const struct ring *r)
{
	uint32_t avail = r->next_avail | (r->avail_wrap ? BASE_WRAP : 0u);
	uint32_t used = r->next_used | (r->used_wrap ? BASE_WRAP : 0u);

	return avail | used << 16;
}

static void packed_set_base(struct ring *r, uint32_t base)
{
	r->next_avail = (uint16_t)(base & BASE_SLOT);
	r->avail_wrap = base & BASE_WRAP;
	r->next_used = (uint16_t)(base >> 16 & BASE_SLOT);
	r->used_wrap = base >> 16 & BASE_WRAP;
}

const struct ring_ops ring_packed_ops = {
	.attach = packed_attach,
	.pop = packed_pop,
	.pop_replay = packed_pop_replay,
	.push = packed_push,
	.wants_call = packed_wants_call,
	.enable_kicks = packed_enable_kicks,
	.has_work = packed_has_work,
	.base = packed_base,
	.set_base = packed_set_base,
	.inflight = &inflight_packed_ops,
};
