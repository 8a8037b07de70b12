/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Constants shared by the two files of the client: offsets in its memory, and message contents.
 */
#ifndef INFLIGHT_LAYOUT_H
#define INFLIGHT_LAYOUT_H

#include "client.h"

/* Rings first, 4 KiB each, then the buffers of all rings, 1 KiB each. */
#define DRIVER_PART           1024u
#define DEVICE_PART           2048u
#define BUFFER_SIZE           1024u
#define SHARED                65536u

#define F_EVENT_IDX           (UINT64_C(1) << 29)
#define F_PACKED              (UINT64_C(1) << 34)
#define F_IN_ORDER            (UINT64_C(1) << 35)
#define P_ALL                 (1u << 3 | 1u << 12) /* REPLY_ACK, INFLIGHT_SHMFD */
#define NO_FD                 0x100u

#define GET_FEATURES          1
#define SET_OWNER             3
#define SET_MEM_TABLE         5
#define SET_VRING_NUM         8
#define SET_VRING_ADDR        9
#define SET_VRING_BASE        10
#define SET_VRING_CALL        13
#define SET_PROTOCOL_FEATURES 16
#define SET_VRING_ENABLE      18

/* Guest addresses, user addresses and offsets in the memory are equal. */
static inline uint32_t ring_at(unsigned index)
{
	return index * 4096;
}

static inline uint32_t buffer_at(unsigned index, unsigned buffer)
{
	return 4096 * RINGS + (index * BUFFERS + buffer) * BUFFER_SIZE;
}

static inline uint16_t *used_idx(const struct client *c, unsigned index)
{
	return (uint16_t *)(c->shared + ring_at(index) + DEVICE_PART) + 1;
}

#endif
