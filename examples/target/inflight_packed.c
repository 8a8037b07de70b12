/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-flight area of a packed ring. It holds copies of the descriptors of each request, because
 * those in the ring may be overwritten before the request is complete; entries without a descriptor
 * form a free list. Every position is stored twice: the old one is updated when a step is complete,
 * and after a crash everything beyond it is rolled back.
 */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <stddef.h>

#include "../../src/util/bits.h"
#include "crash.h"
#include "error.h"
#include "ring.h"

/* The layout of "Inflight I/O tracking". */
struct packed_entry {
	uint8_t inflight;
	uint8_t padding;
	uint16_t next;
	uint16_t last; /* this and the next two: only in the head of a list */
	uint16_t num;
	uint64_t counter;
	uint16_t id; /* the descriptor, in ring byte order */
	uint16_t flags;
	uint32_t len;
	uint64_t addr;
};

/* Stored in one access, so that index and wrap counter always match. */
union packed_position {
	struct {
		uint16_t used_idx;
		uint16_t old_used_idx;
		uint8_t used_wrap;
		uint8_t old_used_wrap;
		uint8_t padding[2];
	};
	uint64_t word;
};

struct packed_part {
	uint64_t features;
	uint16_t version; /* 0: never used */
	uint16_t entries;
	uint16_t free_head; /* head of the free list */
	uint16_t old_free_head;
	union packed_position position;
	uint8_t padding[8];
	struct packed_entry entry[];
};

_Static_assert(sizeof(struct packed_entry) == 32 && sizeof(struct packed_part) == 32, "layout");

/* As for a split ring. */
static uint64_t part_size(uint32_t entries)
{
	return align_up(sizeof(struct packed_part) + entries * sizeof(struct packed_entry), 64);
}

static void store_position(struct ring *r, uint16_t used, bool wrap, uint16_t old, bool old_wrap)
{
	const union packed_position position = {{.used_idx = used,
						 .old_used_idx = old,
						 .used_wrap = wrap,
						 .old_used_wrap = old_wrap}};
	struct packed_part *p = r->inflight.part;

	AREA_PUT(p->position.word, position.word);
}

/* Puts all entries on the free list. */
static void make_fresh(struct ring *r)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	unsigned int i;

	for (i = 0; i < f->size; i++) {
		f->entries[i].state = ENTRY_FREE;
		f->entries[i].next = (uint16_t)(i + 1);
		AREA_PUT(p->entry[i].inflight, 0);
		AREA_PUT(p->entry[i].next, f->entries[i].next);
	}
	f->free = f->size;
	AREA_PUT(p->features, 0);
	AREA_PUT(p->entries, f->size);
	AREA_PUT(p->free_head, 0);
	AREA_PUT(p->old_free_head, 0);
	store_position(r, r->next_used, r->used_wrap, r->next_used, r->used_wrap);
	AREA_STEP();
	AREA_PUT(p->version, 1);
}

/*
 * Completes the last batch if the driver can see it, otherwise rolls it back. If this is
 * interrupted by a crash too, the next target gets the same result.
 */
static int finish_batch(struct ring *r)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	union packed_position at = {.word = AREA_GET(p->position.word)};
	uint16_t old_head = AREA_GET(p->old_free_head);

	if (at.used_idx >= r->num || at.old_used_idx >= r->num || at.used_wrap > 1 ||
	    at.old_used_wrap > 1)
		return set_error(EINVAL, "the in-flight area of ring %u is at entry %u or %u of %u",
				 r->index, at.used_idx, at.old_used_idx, r->num);
	f->head = old_head;
	r->next_used = at.old_used_idx;
	r->used_wrap = at.old_used_wrap;
	/* A batch as long as the ring only inverts the wrap counter. */
	if ((at.used_idx != at.old_used_idx || at.used_wrap != at.old_used_wrap) &&
	    !packed_available(r, at.old_used_idx, at.old_used_wrap)) {
		f->head = AREA_GET(p->free_head);
		r->next_used = at.used_idx;
		r->used_wrap = at.used_wrap;
	}
	AREA_PUT(p->old_free_head, f->head);
	AREA_STEP();
	store_position(r, r->next_used, r->used_wrap, r->next_used, r->used_wrap);
	AREA_STEP();
	AREA_PUT(p->free_head, f->head);
	return 0;
}

/* The list ends with an index past the last entry. */
static int read_free(struct ring *r)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	struct inflight_entry *e;
	uint16_t at;

	for (at = f->head; at < f->size; at = e->next) {
		e = &f->entries[at];
		if (e->state != ENTRY_UNKNOWN)
			return set_error(EINVAL,
					 "the free list in the in-flight area of ring %u loops",
					 r->index);
		e->state = ENTRY_FREE;
		e->next = AREA_GET(p->entry[at].next);
		/* The mark of a request whose start or completion was interrupted. */
		AREA_PUT(p->entry[at].inflight, 0);
		f->free++;
	}
	return 0;
}

/* Copies the list of the request at @head. @pos: next free index in descs */
static int read_request(struct ring *r, uint16_t head, uint32_t *pos)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	struct inflight_replay *a = inflight_add_replay(f, head, AREA_GET(p->entry[head].counter));
	uint16_t last = AREA_GET(p->entry[head].last);
	struct packed_entry *from;
	uint16_t at = head;
	unsigned int i;

	a->slots = AREA_GET(p->entry[head].num);
	a->desc = *pos;
	for (i = 0; i < a->slots; i++) {
		if (i)
			at = f->entries[at].next;
		if (at >= f->size || f->entries[at].state != ENTRY_UNKNOWN)
			break;
		from = &p->entry[at];
		f->entries[at].state = ENTRY_TAKEN;
		f->entries[at].next = AREA_GET(from->next);
		f->descs[(*pos)++] = (struct vring_packed_desc){
			.addr = AREA_GET(from->addr),
			.len = AREA_GET(from->len),
			.id = AREA_GET(from->id),
			.flags = AREA_GET(from->flags),
		};
	}
	if (!a->slots || i < a->slots || at != last)
		return set_error(EINVAL,
				 "request %u in the in-flight area of ring %u is no list of %u",
				 head, r->index, a->slots);
	f->entries[head].last = last;
	f->entries[head].slots = a->slots;
	return 0;
}

static int read_requests(struct ring *r)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	uint32_t slots = 0;
	unsigned int i;
	int rc;

	for (i = 0; i < f->size; i++) {
		if (f->entries[i].state != ENTRY_UNKNOWN || AREA_GET(p->entry[i].inflight) != 1)
			continue;
		rc = read_request(r, (uint16_t)i, &slots);
		if (rc)
			return rc;
	}
	/* Each entry must be in flight or free. */
	if (slots > r->num || slots + f->free != f->size)
		return set_error(
			EINVAL,
			"the in-flight area of ring %u has %u entries in flight and %u free",
			r->index, slots, f->free);
	inflight_sort(f);
	r->next_avail = r->next_used;
	r->avail_wrap = r->used_wrap;
	packed_step(r, &r->next_avail, &r->avail_wrap, slots);
	return 0;
}

/*
 * The positions are taken from the area. A front-end can't know them after a crash; what it sent
 * counts only if the area is unused.
 */
static int packed_resume(struct ring *r)
{
	struct packed_part *p = r->inflight.part;
	uint16_t version = AREA_GET(p->version);
	int rc;

	if (!version) {
		make_fresh(r);
		return 0;
	}
	rc = inflight_check(r, AREA_GET(p->features), version, AREA_GET(p->entries));
	if (!rc)
		rc = finish_batch(r);
	if (!rc)
		rc = read_free(r);
	return rc ? rc : read_requests(r);
}

/* Copies one descriptor of the request at @head from the ring's @slot into the first free entry. */
static void take_one(struct ring *r, uint16_t head, uint16_t slot, bool last)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	struct packed_entry *to = &p->entry[f->head];
	struct vring_packed_desc d = ((struct vring_packed_desc *)r->desc)[slot];

	if (last) {
		f->entries[head].last = f->head;
		AREA_PUT(p->entry[head].last, f->head);
	}
	AREA_PUT(p->entry[head].num, ++f->entries[head].slots);
	AREA_PUT(to->addr, d.addr);
	AREA_PUT(to->len, d.len);
	AREA_PUT(to->flags, d.flags);
	AREA_PUT(to->id, d.id);
	f->entries[f->head].state = ENTRY_TAKEN;
	f->head = f->entries[f->head].next;
	AREA_STEP();
	AREA_PUT(p->free_head, f->head);
}

/*
 * Copies from the ring: a driver that has changed the descriptors meanwhile gets the changed ones.
 */
static int packed_take(struct ring *r, struct chain *c)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	uint32_t slot = r->next_avail + r->num - c->slots;
	uint16_t head = f->head;
	unsigned int i;

	if (c->slots > f->free)
		return set_error(EINVAL, "ring %u has more requests in flight than entries",
				 r->index);
	f->free -= c->slots;
	c->entry = head;
	f->entries[head].slots = 0;
	AREA_PUT(p->entry[head].num, 0);
	AREA_PUT(p->entry[head].counter, f->counter++);
	AREA_STEP();
	AREA_PUT(p->entry[head].inflight, 1);
	for (i = 0; i < c->slots; i++)
		take_one(r, head, (uint16_t)((slot + i) % r->num), i + 1 == c->slots);
	AREA_STEP();
	AREA_PUT(p->old_free_head, f->head);
	AREA_STEP();
	return 0;
}

static void packed_link(struct ring *r, uint16_t slots)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	uint16_t used = r->next_used;
	bool wrap = r->used_wrap;
	struct inflight_entry *e;
	unsigned int i;

	for (i = 0; i < f->done_count; i++) {
		e = &f->entries[f->done[i]];
		f->entries[e->last].next = f->head;
		AREA_PUT(p->entry[e->last].next, f->head);
		f->head = f->done[i];
		f->free += e->slots;
		AREA_STEP();
		AREA_PUT(p->free_head, f->head);
	}
	packed_step(r, &used, &wrap, slots);
	AREA_STEP();
	store_position(r, used, wrap, r->next_used, r->used_wrap);
	AREA_STEP();
}

static void packed_clear(struct ring *r)
{
	struct inflight *f = &r->inflight;
	struct packed_part *p = f->part;
	unsigned int i;

	AREA_STEP();
	for (i = 0; i < f->done_count; i++)
		AREA_PUT(p->entry[f->done[i]].inflight, 0);
	f->done_count = 0;
	AREA_STEP();
	crash_point(CRASH_CLEARED);
	AREA_PUT(p->old_free_head, f->head);
	AREA_STEP();
	store_position(r, r->next_used, r->used_wrap, r->next_used, r->used_wrap);
}

const struct inflight_ops inflight_packed_ops = {
	.size = part_size,
	.resume = packed_resume,
	.take = packed_take,
	.link = packed_link,
	.clear = packed_clear,
};
