/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-flight area of a split ring: a mark for each head, and a list of the heads used last. The
 * ring's used index tells whether the driver has seen them; the one in the area, which is written
 * last, whether their marks are cleared.
 */
#include <errno.h>
#include <stddef.h>

#include "../../src/util/bits.h"
#include "crash.h"
#include "error.h"
#include "ring.h"

/* The layout of "Inflight I/O tracking". */
struct split_entry {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next; /* in the list of the last batch */
	uint64_t counter;
};

struct split_part {
	uint64_t features;
	uint16_t version; /* 0: never used */
	uint16_t entries;
	uint16_t last_batch; /* the head of that list */
	uint16_t used_idx;
	struct split_entry entry[];
};

_Static_assert(sizeof(struct split_entry) == 16 && sizeof(struct split_part) == 16, "layout");

/* Parts start at multiples of 64, as with other back-ends that may have created the area. */
static uint64_t part_size(uint32_t entries)
{
	return align_up(sizeof(struct split_part) + entries * sizeof(struct split_entry), 64);
}

/* Writes the version last: if it is missing, the next target initializes the area again. */
static void make_fresh(struct ring *r)
{
	struct split_part *p = r->inflight.part;
	unsigned int i;

	for (i = 0; i < r->inflight.size; i++)
		AREA_PUT(p->entry[i].inflight, 0);
	AREA_PUT(p->features, 0);
	AREA_PUT(p->entries, r->inflight.size);
	AREA_PUT(p->last_batch, 0);
	AREA_PUT(p->used_idx, r->next_used);
	AREA_STEP();
	AREA_PUT(p->version, 1);
}

/* Returns how many heads are marked, or a negative errno. */
static int read_marks(struct ring *r)
{
	struct split_part *p = r->inflight.part;
	int count = 0;
	unsigned int i;

	for (i = 0; i < r->inflight.size; i++) {
		if (AREA_GET(p->entry[i].inflight) != 1)
			continue;
		if (i >= r->num)
			return set_error(
				EINVAL,
				"request %u is marked in flight, but ring %u has only %u entries",
				i, r->index, r->num);
		r->inflight.entries[i].state = ENTRY_TAKEN;
		count++;
	}
	return count;
}

/* The driver has seen the last batch, but some of its marks may not be cleared. */
static int finish_batch(struct ring *r)
{
	struct split_part *p = r->inflight.part;
	uint16_t at = AREA_GET(p->last_batch);
	uint16_t batch = (uint16_t)(r->next_used - AREA_GET(p->used_idx));

	if (batch > r->num)
		return set_error(EINVAL, "the in-flight area of ring %u lags by %u requests",
				 r->index, batch);
	for (; batch; batch--) {
		if (at >= r->num)
			return set_error(EINVAL, "the in-flight area of ring %u names request %u",
					 r->index, at);
		r->inflight.entries[at].state = ENTRY_UNKNOWN;
		AREA_PUT(p->entry[at].inflight, 0);
		at = AREA_GET(p->entry[at].next);
	}
	return 0;
}

/*
 * Every request taken is in flight or used, so the used index gives the position of the next one. A
 * front-end computes the same after a crash; what it sent is ignored.
 */
static int split_resume(struct ring *r)
{
	struct inflight *f = &r->inflight;
	struct split_part *p = f->part;
	uint16_t version = AREA_GET(p->version);
	unsigned int i;
	int rc;

	if (!version) {
		make_fresh(r);
		return 0;
	}
	rc = inflight_check(r, AREA_GET(p->features), version, AREA_GET(p->entries));
	if (!rc)
		rc = read_marks(r);
	/* If nothing is in flight, the area may be from before the ring was set up again. */
	if (rc > 0)
		rc = finish_batch(r);
	if (rc)
		return rc;
	AREA_STEP();
	AREA_PUT(p->used_idx, r->next_used);
	f->head = AREA_GET(p->last_batch);
	for (i = 0; i < r->num; i++)
		if (f->entries[i].state == ENTRY_TAKEN)
			inflight_add_replay(f, (uint16_t)i, AREA_GET(p->entry[i].counter));
	inflight_sort(f);
	r->next_avail = (uint16_t)(r->next_used + f->replay_count);
	return 0;
}

static int split_take(struct ring *r, struct chain *c)
{
	struct inflight *f = &r->inflight;
	struct split_part *p = f->part;

	if (f->entries[c->id].state == ENTRY_TAKEN)
		return set_error(EINVAL, "request %u was made available while in flight", c->id);
	f->entries[c->id].state = ENTRY_TAKEN;
	c->entry = c->id;
	AREA_PUT(p->entry[c->id].counter, f->counter++);
	AREA_STEP();
	AREA_PUT(p->entry[c->id].inflight, 1);
	AREA_STEP();
	return 0;
}

static void split_link(struct ring *r, uint16_t slots)
{
	struct inflight *f = &r->inflight;
	struct split_part *p = f->part;
	unsigned int i;

	(void)slots;
	for (i = 0; i < f->done_count; i++) {
		AREA_PUT(p->entry[f->done[i]].next, f->head);
		f->head = f->done[i];
		AREA_STEP();
		AREA_PUT(p->last_batch, f->head);
	}
	AREA_STEP();
}

static void split_clear(struct ring *r)
{
	struct inflight *f = &r->inflight;
	struct split_part *p = f->part;
	unsigned int i;

	AREA_STEP();
	for (i = 0; i < f->done_count; i++) {
		f->entries[f->done[i]].state = ENTRY_UNKNOWN;
		AREA_PUT(p->entry[f->done[i]].inflight, 0);
	}
	f->done_count = 0;
	AREA_STEP();
	crash_point(CRASH_CLEARED);
	AREA_PUT(p->used_idx, r->next_used);
}

const struct inflight_ops inflight_split_ops = {
	.size = part_size,
	.resume = split_resume,
	.take = split_take,
	.link = split_link,
	.clear = split_clear,
};
