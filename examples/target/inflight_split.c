/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The in-flight area of a split ring: a mark for each head, and a list of those used last. The used
 * index tells whether the driver has seen them; ours, written last, whether their marks are gone.
 */
#include <errno.h>
#include <stddef.h>

#include "../../src/util/bits.h"
#include "crash.h"
#include "ring.h"
#include "say.h"

/* Both as "Inflight I/O tracking" lays them out. */
struct split_entry {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next; /* in the list of the last batch */
	uint64_t counter;
};

struct split_part {
	uint64_t features;
	uint16_t version; /* 0: nothing was written there yet */
	uint16_t entries;
	uint16_t last_batch; /* the head of that list */
	uint16_t used_idx;
	struct split_entry entry[];
};

_Static_assert(sizeof(struct split_entry) == 16 && sizeof(struct split_part) == 16, "layout");

/* Parts begin at multiples of 64, as with other back-ends that may have made the area. */
static uint64_t part_size(uint32_t entries)
{
	return align_up(sizeof(struct split_part) + entries * sizeof(struct split_entry), 64);
}

/* The version comes last: without it a later target begins here again. */
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

/* How many are marked, or a negative errno. */
static int read_marks(struct ring *r)
{
	struct split_part *p = r->inflight.part;
	int count = 0;
	unsigned int i;

	for (i = 0; i < r->inflight.size; i++) {
		if (AREA_GET(p->entry[i].inflight) != 1)
			continue;
		if (i >= r->num)
			return refuse(EINVAL,
				      "request %u of ring %u is in flight, which has only %u", i,
				      r->index, r->num);
		r->inflight.entries[i].state = ENTRY_TAKEN;
		count++;
	}
	return count;
}

/* The driver has seen the last batch, but some marks may be left of it. */
static int finish_batch(struct ring *r)
{
	struct split_part *p = r->inflight.part;
	uint16_t at = AREA_GET(p->last_batch);
	uint16_t batch = (uint16_t)(r->next_used - AREA_GET(p->used_idx));

	if (batch > r->num)
		return refuse(EINVAL, "the in-flight area of ring %u is %u requests behind",
			      r->index, batch);
	for (; batch; batch--) {
		if (at >= r->num)
			return refuse(EINVAL, "the in-flight area of ring %u names request %u",
				      r->index, at);
		r->inflight.entries[at].state = ENTRY_UNKNOWN;
		AREA_PUT(p->entry[at].inflight, 0);
		at = AREA_GET(p->entry[at].next);
	}
	return 0;
}

/*
 * All that was taken is in flight or used, so the used index gives the place of the next request.
 * That is also what a front-end computes after a crash; what it sent does not count here.
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
	/* With nothing in flight an area may also be that of a ring which began anew since. */
	if (rc > 0)
		rc = finish_batch(r);
	if (rc)
		return rc;
	AREA_STEP();
	AREA_PUT(p->used_idx, r->next_used);
	f->head = AREA_GET(p->last_batch);
	for (i = 0; i < r->num; i++)
		if (f->entries[i].state == ENTRY_TAKEN)
			inflight_add_again(f, (uint16_t)i, AREA_GET(p->entry[i].counter));
	inflight_sort(f);
	r->next_avail = (uint16_t)(r->next_used + f->again_count);
	return 0;
}

static int split_take(struct ring *r, struct chain *c)
{
	struct inflight *f = &r->inflight;
	struct split_part *p = f->part;

	if (f->entries[c->id].state == ENTRY_TAKEN)
		return refuse(EINVAL, "request %u was made available while it is in flight", c->id);
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
