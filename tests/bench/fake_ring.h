/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device's side of a ring of either format, for the fake device only. The model in tests/device
 * checks what it takes, copies descriptors and hashes tables: it touches memory that a real device
 * leaves alone, and takes 131 ns a chain. Here the device's share of a read is 8 ns, and it is part
 * of what is measured. So these trust their driver, and have loops of their own.
 */
#ifndef BENCH_FAKE_RING_H
#define BENCH_FAKE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "transport/transport.h"

/**
 * struct fake_ring - A ring; on cache lines of its own, as each may be served by another thread
 * @parts: where its memory is
 * @taken: split: available index up to which all is done. Packed: position of the next chain
 * @wrap: packed: the wrap counter at that position
 * @started: the driver has given it
 */
struct fake_ring {
	_Alignas(64) struct transport_queue parts;
	uint16_t taken;
	bool wrap;
	bool started;
};

/* Completes at most so many of the oldest requests. Return: how many. */
unsigned fake_split_serve(struct fake_ring *ring, unsigned max);
unsigned fake_packed_serve(struct fake_ring *ring, unsigned max);

/* Whether the driver is to leave out notifications. */
void fake_split_polls(struct fake_ring *ring, bool polls);
void fake_packed_polls(struct fake_ring *ring, bool polls);

#endif
