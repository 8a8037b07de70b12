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
#include "peer.h"
#include "ring/packed.h"
#include "ring/split.h"

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
	struct vring_packed_desc table[PEER_ELEMENTS];
};

/*
 * What a bed is made with: entries and the features.
 * @run: descriptors of the longest chain
 * @threads: the two sides are threads: one mapping for both, so that ThreadSanitizer sees that it
 *	is the same memory
 */
struct bed_opts {
	unsigned size;
	unsigned run;
	bool packed;
	bool in_order;
	bool event_idx;
	bool indirect;
	bool threads;
};

/**
 * struct bed - A ring and both its users
 * @split, @ring: the driver's side; one of them is in use
 * @chains: where chains are prepared; request i has the descriptors from i * run on
 * @cells: requests, @count of them; @free: those that are not out, @nfree of them, as a stack
 * @mem, @other: the memory as the driver and as the device see it; @len: bytes
 * @serial: number of the request sent last
 */
struct bed {
	struct bed_opts opts;
	struct split_ring split;
	struct packed_ring ring;
	struct peer peer;
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
 * driver that writes there dies.
 */
void bed_open(struct bed *b, const struct bed_opts *opts);

/*
 * Right after bed_open(): both sides stand where they would after so many chains of one descriptor,
 * all of which came back: indices of 16 bits, entries and their laps.
 */
void bed_wind(struct bed *b, uint64_t chains);

/* Ends it, after checking that the device found no fault with the driver. */
void bed_close(struct bed *b);

/* Sends a request with so many elements, at most @run where chains lie in the ring. */
void bed_push(struct bed *b, unsigned elements);

/* As the functions of the ring. */
bool bed_publish(struct bed *b);
int bed_pending(struct bed *b);
int bed_take(struct bed *b, struct ring_used *used);
bool bed_arm(struct bed *b);
void bed_disarm(struct bed *b);
const char *bed_rule(const struct bed *b);

/* Takes one back: whether there was one. It has to be out and to have its own answer. */
bool bed_reap(struct bed *b, struct ring_used *used);

/* How many requests are out. */
unsigned bed_out(const struct bed *b);

/* The device answers a request that it took. */
void bed_answer(const struct peer_chain *chain);

/* The device takes, answers and gives back everything, one by one. Whether to notify. */
bool bed_serve(struct bed *b);

#endif
