/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In-flight tracking (vhost-user, "Inflight I/O tracking"): requests in flight are recorded in
 * memory that the client keeps and hands to the next target after a crash.
 *
 * The client can write to this memory at any time. So the part of a ring is read, checked and
 * copied when the ring starts; from then on only the copy is read, and the area is only written.
 */
#ifndef TARGET_INFLIGHT_H
#define TARGET_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "regions.h"

struct chain;
struct ring;
struct vring_packed_desc;

/* The area, with one part for each of the first @queues rings. */
struct inflight_area {
	struct region region; /* size 0: no area */
	uint16_t queues;
	uint16_t entries; /* of each part */
};

/* State of an entry of the area. In a split ring, entries are those of the ring. */
enum inflight_state {
	ENTRY_UNKNOWN, /* in a split ring: not in flight */
	ENTRY_FREE,
	ENTRY_TAKEN, /* in flight, or part of the list of one */
};

struct inflight_entry {
	uint8_t state;
	/* packed rings: */
	uint16_t next;  /* in the free list, or in the list of the request */
	uint16_t last;  /* if this is the head: last of its list; likewise @slots */
	uint16_t slots; /* descriptors */
};

/* A request that was in flight before the ring was started. */
struct inflight_replay {
	uint64_t counter;
	uint32_t desc;  /* packed rings: index of its first descriptor in inflight.descs */
	uint16_t entry; /* its head */
	uint16_t slots;
};

/* In-flight state of a ring; all zero without an area. */
struct inflight {
	void *part;
	uint16_t size;    /* entries */
	uint16_t head;    /* head of the list in the area: of used ones, or of free ones */
	uint32_t free;    /* packed rings: length of that list */
	uint64_t counter; /* of the next request */
	struct inflight_entry *entries;
	uint16_t *done; /* heads returned but not yet visible to the driver */
	uint32_t done_count;
	struct inflight_replay *replay; /* in the order in which they were taken first */
	uint32_t replay_count;
	uint32_t replay_next;            /* next one to replay */
	struct vring_packed_desc *descs; /* their descriptors, copied from the ring */
};

/* The operations of a layout, called in this order; see inflight_*.c. */
struct inflight_ops {
	/* Bytes of a part. */
	uint64_t (*size)(uint32_t entries);
	/*
	 * Load the part's contents and the ring's positions. 0 or a negative errno with the error
	 * text set.
	 */
	int (*resume)(struct ring *r);
	/* Mark a request as in flight. 0, or a negative errno with the error text set. */
	int (*take)(struct ring *r, struct chain *c);
	/* Record that the requests in done, using @slots, are about to be published. */
	void (*link)(struct ring *r, uint16_t slots);
	/* Record that they are published. */
	void (*clear)(struct ring *r);
};

extern const struct inflight_ops inflight_split_ops;
extern const struct inflight_ops inflight_packed_ops;

/* Access to a word of the area: one access each. */
#define AREA_GET(word)        __atomic_load_n(&(word), __ATOMIC_RELAXED)
#define AREA_PUT(word, value) __atomic_store_n(&(word), value, __ATOMIC_RELAXED)

/*
 * Separates two stores whose order matters. It matters only if this process dies in between, so a
 * compiler barrier is enough.
 */
#define AREA_STEP() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/*
 * inflight_make - create an area for @queues rings of @entries.
 * @size: receives its size in bytes
 * Returns a descriptor that the caller owns, or a negative errno with the error text set. The size
 * is sealed.
 */
int inflight_make(const struct inflight_ops *ops, uint16_t queues, uint16_t entries,
		  uint64_t *size);

/*
 * inflight_map - use an area from a client, instead of the previous one.
 * @size, @offset: its location in the file @fd, which still belongs to the caller
 * Its contents are checked when rings start. Returns 0 or a negative errno with the error text set.
 */
int inflight_map(struct inflight_area *a, const struct inflight_ops *ops, uint64_t size,
		 uint64_t offset, int fd);

/* inflight_unmap - drop the area. No ring may be using it. */
void inflight_unmap(struct inflight_area *a);

/*
 * inflight_start - start tracking a ring whose memory and positions are set; requests that were in
 * flight are replayed first. Does nothing without an area, or if the ring is larger than its part.
 * Returns 0 or a negative errno with the error text set.
 */
int inflight_start(struct ring *r);

/* inflight_stop - stop tracking. Requests in flight stay marked. Does not touch shared memory. */
void inflight_stop(struct inflight *f);

/* inflight_replay - the next request to replay; NULL if none is left. */
const struct inflight_replay *inflight_replay(const struct inflight *f);

/* For the layouts: */

/* inflight_check - check the header of a part that is in use. */
int inflight_check(const struct ring *r, uint64_t features, uint16_t version, uint16_t entries);

/* inflight_add_replay - add the request at @entry to the list; returns its new element. */
struct inflight_replay *inflight_add_replay(struct inflight *f, uint16_t entry, uint64_t counter);

/* inflight_sort - sort the list by counter, and continue counting after the highest. */
void inflight_sort(struct inflight *f);

#endif
