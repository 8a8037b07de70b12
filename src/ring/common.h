/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * src/ring/ - the driver's side of split and packed virtqueues over plain memory
 *
 * Provides: layout, push, publish, take and notification control for a split ring (split.h) and a
 * packed ring (packed.h), each with and without VIRTIO_F_IN_ORDER. This header is common to both.
 *
 * Never does: allocate or map DMA memory, kick a device, wait, or interpret what a chain carries.
 * It trusts nothing that it reads from shared memory: each word is loaded once and checked.
 *
 * Locking: none. One thread at a time per ring.
 */
#ifndef RING_COMMON_H
#define RING_COMMON_H

#include <stdbool.h>
#include <stdint.h>

/* Largest ring size (virtio 1.4, 2.7, 2.8.10.1). */
#define RING_MAX_SIZE    32768u

#define RING_LEN_UNKNOWN UINT32_MAX

/**
 * struct ring_used - A used chain
 * @head: the head or id it was pushed with
 * @len: bytes written according to the device, not verified; RING_LEN_UNKNOWN if it gave no length
 */
struct ring_used {
	uint32_t head;
	uint32_t len;
};

/*
 * Whether to notify the other side, which asked for it at index @event, when the index advances
 * from @from to @to: vring_need_event() of the specification (virtio 1.4, 2.7.10.1, 2.8.10).
 */
static inline bool ring_event_passed(uint16_t event, uint16_t to, uint16_t from)
{
	return (uint16_t)(to - event - 1) < (uint16_t)(to - from);
}

#endif
