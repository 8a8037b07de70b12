/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layouts of queues that have a fast path: fast.c has the reads and writes, poll.c and
 * api/poll.c the polls, path.c the submit functions and the choice. Queues with IN_ORDER, and those
 * without indirect descriptors that are packed, shared or measured, take the general path.
 */
#ifndef QUEUE_LAYOUT_H
#define QUEUE_LAYOUT_H

#include <stdbool.h>

/**
 * struct layout - The constants that a fast path is specialized for
 * @packed: the ring is packed, and each chain is one descriptor; false: split
 * @direct: descriptor tables are in the ring; false: in the slots
 * @counted: requests count against their LUN's limit: credit.h
 * @shared: several handles use the queue, under its lock
 * @measured: requests are counted in the stats of their LUN
 */
struct layout {
	bool packed;
	bool direct;
	bool counted;
	bool shared;
	bool measured;
};

/* X(NAME, FIELD...) for each layout. */
#define LAYOUTS(X)                                                                          \
	X(split, .packed = false)                                                           \
	X(split_counted, .counted = true)                                                   \
	X(split_shared, .shared = true)                                                     \
	X(split_shared_counted, .shared = true, .counted = true)                            \
	X(split_measured, .measured = true)                                                 \
	X(split_counted_measured, .counted = true, .measured = true)                        \
	X(split_shared_measured, .shared = true, .measured = true)                          \
	X(split_shared_counted_measured, .shared = true, .counted = true, .measured = true) \
	X(packed, .packed = true)                                                           \
	X(packed_counted, .packed = true, .counted = true)                                  \
	X(packed_shared, .packed = true, .shared = true)                                    \
	X(packed_shared_counted, .packed = true, .shared = true, .counted = true)           \
	X(packed_measured, .packed = true, .measured = true)                                \
	X(packed_counted_measured, .packed = true, .counted = true, .measured = true)       \
	X(packed_shared_measured, .packed = true, .shared = true, .measured = true)         \
	X(packed_shared_counted_measured, .packed = true, .shared = true, .counted = true,  \
	  .measured = true)                                                                 \
	X(direct, .direct = true)                                                           \
	X(direct_counted, .direct = true, .counted = true)

#define LAYOUT_NAME(name, ...) LAYOUT_##name,

/* Their numbers, for tables; the last one is for all other queues and states. */
enum layout_number { LAYOUTS(LAYOUT_NAME) LAYOUT_general };

#endif
