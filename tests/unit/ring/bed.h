/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of either format with a device at its other end, and requests of any number of elements to
 * send through it. A request is a cell of memory that both sides know: the driver writes a number
 * into it, the device the answer, so that each is seen to come back with its own data.
 */
#ifndef TESTS_UNIT_RING_BED_H
#define TESTS_UNIT_RING_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conforms.h"
#include "device/ring.h"
#include "ring/packed.h"
#include "ring/split.h"

/* Most elements of a request. */
#define BED_ELEMENTS 8u

/**
 * struct cell - A request
 * @request: the driver's number; @answer: the device's, which is its complement
 * @out: it is with the device
 * @table: its indirect table, in the form of the ring
 */
struct cell {
	uint64_t request;
	uint64_t answer;
	bool out;
	struct vring_packed_desc table[BED_ELEMENTS];
};

/* A chain with its elements. */
struct bed_chain {
	struct device_chain chain;
	struct device_elem elems[BED_ELEMENTS];
};

/**
 * struct bed_opts - What a bed is made with
 * @size: entries
 * @run: descriptors of the longest chain
 * @packed, @in_order, @event_idx, @indirect: the features
 * @fast: chains go and come by the functions of the library's request queues, whose caller knows
 *	by itself what the device has: split_push_untracked(), packed_push_one(), and readers where
 *	they can be used, instead of split_take() and packed_take(). Not with @in_order
 * @threads: one piece of memory for both sides instead of two mappings of it, so that
 *	ThreadSanitizer sees that it is the same
 */
struct bed_opts {
	unsigned size;
	unsigned run;
	bool packed;
	bool in_order;
	bool event_idx;
	bool indirect;
	bool fast;
	bool threads;
};

/**
 * struct bed - A ring and both its users
 * @split, @packed: the driver's side; one of them is in use
 * @dev: the device's side
 * @chains: where chains are prepared; request i has the descriptors from i * run on
 * @cells: requests, @count of them; @free: those that are not out, @nfree of them, as a stack
 * @mem, @other: the memory as the driver and as the device see it; @len: bytes
 * @serial: number of the request sent last
 */
struct bed {
	struct bed_opts opts;
	struct split_ring split;
	struct packed_ring packed;
	struct ring_device dev;
	struct vring_desc *chains;
	struct cell *cells;
	uint16_t *free;
	unsigned count;
	unsigned nfree;
	char *mem;
	char *other;
	size_t len;
	uint64_t serial;
};

/*
 * The driver's mapping of what the device alone writes is read-only, where it has one of its own: a
 * driver that writes there dies (R-SPLIT-40, R-PACK-43).
 */
void bed_open(struct bed *b, const struct bed_opts *opts);

/* bed_open() of a split ring with chains of one descriptor. */
void bed_open_split(struct bed *b, unsigned size, bool event_idx);

/*
 * Right after bed_open(): both sides stand where they would after so many chains of one descriptor,
 * all of which came back: indices of 16 bits, entries and wrap counters.
 */
void bed_wind(struct bed *b, uint64_t chains);

/* Ends it, after checking that the device found no fault with the driver. */
void bed_close(struct bed *b);

/* Sends a request with so many elements, at most @run where chains lie in the ring. Its head. */
uint16_t bed_push(struct bed *b, unsigned elements);

/* Sends @count requests of one element. */
void bed_push_many(struct bed *b, unsigned count);

/* As the functions of the ring. */
bool bed_publish(struct bed *b);
int bed_pending(struct bed *b);
int bed_take(struct bed *b, struct ring_used *used);
bool bed_arm(struct bed *b);
void bed_disarm(struct bed *b);
const char *bed_rule(const struct bed *b);

/* Takes one back: whether there was one. It has to be out and to have its own answer. */
bool bed_reap(struct bed *b, struct ring_used *used);

/* Takes back all that there are; their number. */
unsigned bed_reap_all(struct bed *b);

/* How many requests are out. */
unsigned bed_out(const struct bed *b);

/* The device takes the next chain. */
bool bed_device_take(struct bed *b, struct bed_chain *chain);

/* The device answers a request that it took. */
void bed_answer(const struct bed_chain *chain);

/* The device answers a request and gives it back; the driver may not see it yet. */
void bed_give(struct bed *b, const struct bed_chain *chain, uint32_t len);

/* The device takes, answers and gives back everything, one by one. Whether to notify. */
bool bed_serve(struct bed *b);

/* A number below @limit, the same sequence in every run. */
unsigned bed_random(uint64_t *state, unsigned limit);

#endif
