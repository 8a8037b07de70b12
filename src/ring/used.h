/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the two formats of virtqueues have in common for their users. Each format's own is in
 * split.h and packed.h.
 */
#ifndef RING_USED_H
#define RING_USED_H

#include <stdbool.h>
#include <stdint.h>

/* Largest ring there can be (virtio 1.4, 2.7, 2.8.10.1). */
#define RING_MAX_SIZE 32768u

/**
 * struct ring_used - A chain that the device is done with
 * @head: as its user named it when it was pushed
 * @len: what the device says it wrote: a claim, not a fact. 0 where it said nothing
 */
struct ring_used {
	uint32_t head;
	uint32_t len;
};

/*
 * Whether a position among those published from @from up to @to is the one behind @event
 * (virtio 1.4, 2.7.10.1, 2.8.10).
 */
static inline bool ring_event_passed(uint16_t event, uint16_t to, uint16_t from)
{
	return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

#endif
