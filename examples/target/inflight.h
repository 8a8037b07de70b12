/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which requests are in flight, written down in memory that outlives this process: the client keeps
 * it, and hands it to the next target after a crash (vhost-user, "Inflight I/O tracking").
 *
 * The client can write to it at any time. So a ring's part of it is read when the ring starts,
 * checked and copied; from then on the copy counts, and the area is written only.
 */
#ifndef TARGET_INFLIGHT_H
#define TARGET_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "regions.h"

struct chain;
struct ring;
struct vring_packed_desc;

/* What the client handed over: one part after the other, for the first @queues rings. */
struct inflight_area {
	struct region region; /* its size is 0 while there is none */
	uint16_t queues;
	uint16_t entries; /* of each part */
};

/* What is known of an entry of the area. In a split ring entries are those of the ring. */
enum inflight_state {
	ENTRY_UNKNOWN, /* in a split ring: not in flight */
	ENTRY_FREE,
	ENTRY_TAKEN, /* in flight, or part of a list that is */
};

struct inflight_entry {
	uint8_t state;
	/* packed rings: */
	uint16_t next;  /* in the list of free ones, or in that of the request */
	uint16_t last;  /* of the list, as the next two, if this is its head */
	uint16_t slots; /* descriptors */
};

/* A request that was in flight before the ring was started. */
struct inflight_again {
	uint64_t counter;
	uint32_t desc;  /* packed rings: the first of its descriptors, in inflight.descs */
	uint16_t entry; /* its head */
	uint16_t slots;
};

/* What a ring knows of its part. All of it is empty while there is none. */
struct inflight {
	void *part;
	uint16_t size;    /* entries */
	uint16_t head;    /* the head of the list that the layout keeps: used ones, or free ones */
	uint32_t free;    /* packed rings: length of that list */
	uint64_t counter; /* of the next request */
	struct inflight_entry *entries;
	uint16_t *done; /* heads given back, which the driver cannot see yet */
	uint32_t done_count;
	struct inflight_again *again; /* in the order they were first taken */
	uint32_t again_count;
	uint32_t again_at;               /* the next of them */
	struct vring_packed_desc *descs; /* theirs, as they stood in the ring */
};

/* The steps of the two layouts. Each begins where the one before left off; see inflight_*.c. */
struct inflight_ops {
	/* The bytes of a part. */
	uint64_t (*size)(uint32_t entries);
	/*
	 * Take over what the part says, and the ring's positions with it. 0 or a negative errno
	 * with a sentence.
	 */
	int (*resume)(struct ring *r);
	/* Mark a request that was taken. 0, or a negative errno with a sentence. */
	int (*take)(struct ring *r, struct chain *c);
	/* The requests in done are about to be shown to the driver; they take up @slots. */
	void (*link)(struct ring *r, uint16_t slots);
	/* They are there for the driver to see. */
	void (*clear)(struct ring *r);
};

extern const struct inflight_ops inflight_split_ops;
extern const struct inflight_ops inflight_packed_ops;

/* A word of the area; each is touched at once, and never twice where once is meant. */
#define AREA_GET(word)        __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define AREA_PUT(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELAXED)

/*
 * Between two steps whose order counts. It does so only if this process dies in between, hence the
 * compiler is all that has to be told.
 */
#define AREA_STEP() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/*
 * inflight_make - make an area for @queues rings of @entries.
 * @size: set to its bytes
 * Returns a descriptor, the caller's, or a negative errno with a sentence. Nobody can change its
 * size.
 */
int inflight_make(const struct inflight_ops *ops, uint16_t queues, uint16_t entries,
		  uint64_t *size);

/*
 * inflight_map - use an area from a client, instead of the one before.
 * @size, @offset: where it lies in the file @fd, which stays the caller's
 * What is in it is looked at when rings start. Returns 0 or a negative errno with a sentence.
 */
int inflight_map(struct inflight_area *a, const struct inflight_ops *ops, uint64_t size,
		 uint64_t offset, int fd);

/* inflight_unmap - forget the area. No ring may be tracked in it any more. */
void inflight_unmap(struct inflight_area *a);

/*
 * inflight_start - begin to track a ring that has its memory and its positions already; what was in
 * flight before will be taken again first. Without an area nothing happens.
 * Returns 0 or a negative errno with a sentence.
 */
int inflight_start(struct ring *r);

/* inflight_stop - end with it. What is still in flight stays marked. Touches no shared memory. */
void inflight_stop(struct inflight *f);

/* inflight_again - the next request to carry out again; NULL if there is none left. */
const struct inflight_again *inflight_again(const struct inflight *f);

/* For the layouts: */

/* inflight_check - whether the head of a part that is in use says what we can handle. */
int inflight_check(const struct ring *r, uint64_t features, uint16_t version, uint16_t entries);

/* inflight_add_again - put the request at @entry on the list; returns its place there. */
struct inflight_again *inflight_add_again(struct inflight *f, uint16_t entry, uint64_t counter);

/* inflight_sort - bring that list into the order of its counters, and go on counting behind it. */
void inflight_sort(struct inflight *f);

#endif
