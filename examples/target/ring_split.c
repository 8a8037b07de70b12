/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device side of a split virtqueue (virtio 1.4, 2.7).
 */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "ring.h"

/* The ring's parts and the field after the entries of each. */
static struct vring_avail *avail_of(const struct ring *r)
{
	return r->driver;
}

static struct vring_used *used_of(const struct ring *r)
{
	return r->device;
}

static uint16_t *used_event_of(const struct ring *r)
{
	return (uint16_t *)&avail_of(r)->ring[r->num];
}

static uint16_t *avail_event_of(const struct ring *r)
{
	return (uint16_t *)&used_of(r)->ring[r->num];
}

static uint16_t load16(const uint16_t *p, int order)
{
	return le16toh(order == __ATOMIC_ACQUIRE ? __atomic_load_n(p, __ATOMIC_ACQUIRE)
						 : __atomic_load_n(p, __ATOMIC_RELAXED));
}

static int split_attach(struct ring *r)
{
	if (!is_pow2(r->num))
		return set_error(EINVAL, "ring %u has %u entries, which is not a power of two",
				 r->index, r->num);
	/* virtio 1.4, 2.7.1: alignment 16, 2 and 4. */
	if (r->desc_addr % 16 || r->driver_addr % 2 || r->device_addr % 4)
		return set_error(EINVAL, "a part of ring %u is not aligned", r->index);
	r->desc = memory_user(r->memory, r->desc_addr, 16 * (uint64_t)r->num);
	r->driver = memory_user(r->memory, r->driver_addr, 6 + 2 * (uint64_t)r->num);
	r->device = memory_user(r->memory, r->device_addr, 6 + 8 * (uint64_t)r->num);
	if (!r->desc || !r->driver || !r->device)
		return set_error(EFAULT, "ring %u is not inside one memory region", r->index);
	/* A region can start anywhere in a page, so check the mapped addresses. */
	if ((uintptr_t)r->desc % 16 || (uintptr_t)r->driver % 2 || (uintptr_t)r->device % 4)
		return set_error(EINVAL, "the memory of ring %u is not aligned", r->index);
	r->next_used = load16(&used_of(r)->idx, __ATOMIC_RELAXED);
	return 0;
}

/* Copies the descriptor once: the client can change it at any time. */
static struct vring_desc fetch(const void *table, uint32_t i)
{
	struct vring_desc d;

	memcpy(&d, (const char *)table + 16 * (size_t)i, sizeof(d));
	__asm__ volatile("" : : : "memory");
	d.addr = le64toh(d.addr);
	d.len = le32toh(d.len);
	d.flags = le16toh(d.flags);
	d.next = le16toh(d.next);
	return d;
}

/*
 * Walks one table from entry @at on. In the ring's own table an indirect descriptor may end the
 * chain; it is returned in @indirect.
 */
static int walk(struct ring *r, const void *table, uint32_t entries, uint32_t at,
		struct vring_desc *indirect)
{
	struct vring_desc d;
	int rc;

	for (;;) {
		if (at >= entries)
			return set_error(EINVAL, "descriptor %u is outside a table of %u", at,
					 entries);
		d = fetch(table, at);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (!indirect || d.flags & VRING_DESC_F_NEXT)
				return set_error(EINVAL,
						 "an indirect descriptor is inside an indirect "
						 "table or has a next one");
			*indirect = d;
			return 1;
		}
		rc = chain_add(r, d.addr, d.len, d.flags & VRING_DESC_F_WRITE);
		if (rc)
			return rc;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 0;
		at = d.next;
	}
}

static int walk_chain(struct ring *r, uint16_t head)
{
	struct vring_desc indirect = {0};
	const void *table;
	uint32_t entries;
	int rc;

	rc = walk(r, r->desc, r->num, head, &indirect);
	if (rc <= 0)
		return rc;
	table = chain_table(r, indirect.addr, indirect.len, &entries);
	if (!table)
		return -EINVAL;
	return walk(r, table, entries, 0, NULL);
}

/*
 * Reads the available index once for all requests that it covers: each look takes the cache line
 * away from the driver.
 */
static int look(struct ring *r)
{
	uint16_t ready;

	/* Acquire: what the index covers is read after it (virtio 1.4, 2.7.13.3.1). */
	r->avail_idx = load16(&avail_of(r)->idx, __ATOMIC_ACQUIRE);
	ready = (uint16_t)(r->avail_idx - r->next_avail);
	if (ready <= r->num)
		return ready;
	r->avail_idx = r->next_avail;
	return set_error(EINVAL, "the available index moved by %u in a ring of %u", ready, r->num);
}

static int split_pop(struct ring *r, struct chain *c)
{
	uint16_t head;
	int rc;

	if (r->avail_idx == r->next_avail) {
		rc = look(r);
		if (rc <= 0)
			return rc;
	}
	head = load16(&avail_of(r)->ring[r->next_avail & (r->num - 1)], __ATOMIC_RELAXED);
	chain_begin(r);
	rc = walk_chain(r, head);
	if (rc)
		return rc;
	chain_end(r, c);
	c->id = head;
	c->slots = 1;
	r->next_avail++;
	return 1;
}

/* Reads the ring's descriptors: the driver keeps them until the request is used. */
static int split_pop_replay(struct ring *r, struct chain *c)
{
	uint16_t head = inflight_replay(&r->inflight)->entry;
	int rc;

	chain_begin(r);
	rc = walk_chain(r, head);
	if (rc)
		return rc;
	chain_end(r, c);
	c->id = head;
	c->slots = 1;
	c->entry = head;
	return 1;
}

static void split_push(struct ring *r, const struct chain *c, uint32_t written)
{
	struct vring_used *used = used_of(r);
	struct vring_used_elem *e = &used->ring[r->next_used & (r->num - 1)];

	__atomic_store_n(&e->id, htole32(c->id), __ATOMIC_RELAXED);
	__atomic_store_n(&e->len, htole32(written), __ATOMIC_RELAXED);
	r->next_used = (uint16_t)(r->next_used + c->slots);
	/* Release: entry and response are visible before the index (2.7.8.2). */
	__atomic_store_n(&used->idx, htole16(r->next_used), __ATOMIC_RELEASE);
}

static bool split_wants_call(const struct ring *r)
{
	uint16_t event;

	if (r->called_valid && !r->uncalled)
		return false;
	if (!r->event_idx)
		return !(load16(&avail_of(r)->flags, __ATOMIC_RELAXED) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	event = load16(used_event_of(r), __ATOMIC_RELAXED);
	/* After a start it is unknown what the driver was notified of: notify (2.7.7.2). */
	return !r->called_valid || r->uncalled > UINT16_MAX ||
	       vring_need_event(event, r->next_used, (uint16_t)(r->next_used - r->uncalled));
}

/* An event index that was passed is reached again 65,536 requests later; renewed well before. */
#define EVENT_KEPT 0x4000u

static bool event_passed(const struct ring *r)
{
	return r->kick_word != KICK_WORD_NONE &&
	       (uint16_t)(r->next_avail - 1 - r->kick_word) < EVENT_KEPT;
}

static void split_enable_kicks(struct ring *r, bool on)
{
	uint16_t word = on ? 0 : VRING_USED_F_NO_NOTIFY;

	if (r->event_idx)
		word = (uint16_t)(r->next_avail - !on);
	if (word == r->kick_word || (r->event_idx && !on && event_passed(r)))
		return;
	r->kick_word = word;
	__atomic_store_n(r->event_idx ? avail_event_of(r) : &used_of(r)->flags, htole16(word),
			 __ATOMIC_RELAXED);
}

static bool split_has_work(const struct ring *r)
{
	return load16(&avail_of(r)->idx, __ATOMIC_RELAXED) != r->next_avail;
}

static uint32_t split_base(const struct ring *r)
{
	return r->next_avail;
}

static void split_set_base(struct ring *r, uint32_t base)
{
	r->next_avail = (uint16_t)base;
}

const struct ring_ops ring_split_ops = {
	.attach = split_attach,
	.pop = split_pop,
	.pop_replay = split_pop_replay,
	.push = split_push,
	.wants_call = split_wants_call,
	.enable_kicks = split_enable_kicks,
	.has_work = split_has_work,
	.base = split_base,
	.set_base = split_set_base,
	.inflight = &inflight_split_ops,
};
