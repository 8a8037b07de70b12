/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The slots of requests: a part in DMA memory, where everything that never changes is filled in
 * once, and a private part that the device can't reach.
 *
 * States of a request
 *
 *          taken       written to the ring     came back         returned by a poll
 *   FREE -------> PREPARED -------------> IN_RING -------> DONE ------------------> FREE
 *                    |                    ^  |  |           ^
 *                    | LUN is suspect     |  |  | too late, | came back after all
 *                    v        again later |  |  | aborted   |
 *                  BACKOFF ---------------+  |  +------> ABORTING
 *                    ^  |     to be retried  |               |
 *                    +--|--------------------+               | device lost or
 *                       | aborted, LUN gone                  | LUN gone
 *                       +-------------> LOST <---------------+
 *
 * Also: IN_RING -> LOST, the device was lost and the request is not sent again; ABORTING ->
 * IN_RING, the device refused an abort by the application; DONE -> BACKOFF, its handle polled it
 * and it is to be retried.
 *
 * If the poll that finds a request is of its own handle, DONE and LOST end at once; on a shared
 * queue they last until the handle polls. A LOST request ends without an answer.
 */
#ifndef QUEUE_SLOT_H
#define QUEUE_SLOT_H

#include <endian.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "util/bits.h"

struct io_lun;
struct vscsi_queue;

/*
 * A slot's part in DMA memory: header, response, indirect table.
 *
 * The first 12 bytes of the response, which show success, share the header's cache line; sense data
 * follows. The descriptors before those of data are placed before SLOT_DATA, so that descriptors
 * that never change are in one line and those that each request writes in another. A request moves
 * two lines, header and data, and the device knows at once where the header is. The slot is an odd
 * number of lines, because otherwise the headers fall into every eighth set of a cache.
 *
 * Measured with tests/bench rate, 32 and 64 reads in flight (AMD EPYC, gcc 12), in millions a
 * second: 40 and 24 with slots of eight lines that move three each, 45 and 46 with seven, 47 and 54
 * with the response in the header's line, 44 and 51 with the table in a line of its own, 54 and 70
 * as it is.
 *
 * No slot crosses a page: if the pages are not contiguous for the device, QEMU takes the first part
 * of a response for all of it and writes data into the rest.
 */
#define PAGE_BYTES    4096u
#define SLOT_BYTES    448u
#define SLOTS_A_PAGE  9u
#define SLOT_RESPONSE 52u
#define SLOT_DATA     192u
#define SLOT_DESCS    ((SLOT_BYTES - SLOT_DATA) / sizeof(struct vring_desc))

/* Most data segments of a request: a write needs one more descriptor, for the response. */
#define SLOT_MAX_SEGS (SLOT_DESCS - 1)

/* UNMAP's parameter list is in the table, after the descriptors that UNMAP needs. */
#define SLOT_PARAM       224u
#define SLOT_PARAM_BYTES (SLOT_BYTES - SLOT_PARAM)

/* The response byte before each submit: no device returns it, so it means 'no response'. */
#define RESPONSE_UNWRITTEN 0xffu

/* A used length below this can't be right: no response fits (virtio 1.4, 5.6.6.1). */
#define RESPONSE_LEAST 12u

#define NO_SLOT        UINT16_MAX

enum slot_state {
	SLOT_FREE,
	SLOT_PREPARED,
	SLOT_IN_RING,
	SLOT_ABORTING, /* in the ring, and being aborted: see timeout.h */
	SLOT_BACKOFF,  /* not with the device, to be sent later: in ioq.backoff */
	SLOT_DONE,     /* completed, for its handle to poll */
	SLOT_LOST,     /* ended without an answer, for its handle to poll */
};

/* slot.flags: properties of requests that aren't plain; 0 on the fast path and while FREE. */
#define SLOT_RAW       (1u << 0) /* a raw command: may transfer less; the header needs cleaning */
#define SLOT_COUNTED   (1u << 1) /* it counts against its LUN's limit */
#define SLOT_NO_REPLAY (1u << 2) /* must not be executed twice, so is never sent again */
#define SLOT_RETRIED   (1u << 3) /* it was sent again: its delay needs cleaning */
#define SLOT_SEEN      (1u << 4) /* it was in flight at a scan for late requests */
#define SLOT_REPLAYED  (1u << 5) /* in flight when its device reconnected: queue_set.replayed */
#define SLOT_ABORTED   (1u << 6) /* it is or was ABORTING: its timer has a result for it */
#define SLOT_RESET     (1u << 7) /* in flight when the application reset its LUN */

/* State and flags in one number, for one comparison. */
#define SLOT_STATUS(state, flags) \
	((uint16_t)(BYTE_ORDER == LITTLE_ENDIAN ? (state) | (flags) << 8 : (state) << 8 | (flags)))

/*
 * slot.shape: how a slot's table is formatted: the number of segments for the device and from it,
 * and where the table is; and the kind of CDB in the header, if it is a plain one. All in one
 * number, so that the fast path compares once. No slot in use has NO_SHAPE.
 */
#define SHAPE(out, in) ((uint16_t)((out) << 5 | (in)))
#define SHAPE_TABLE    SHAPE(31, 31)
#define SHAPE_OUT(s)   ((unsigned)(s) >> 5 & 31)
#define SHAPE_IN(s)    ((unsigned)(s)&31)
#define SHAPE_10       (1u << 10) /* READ(10) or WRITE(10), as the segments say */
#define SHAPE_16       (1u << 11) /* READ(16) or WRITE(16) */
#define SHAPE_DIRECT   (1u << 12) /* the table is in the ring */
#define NO_SHAPE       UINT16_MAX

/**
 * struct slot - The private part of a request
 * @header: the start of its part in DMA memory
 * @user_data: as given with the request
 * @lun: LUN of the request; NULL while it is FREE, or PREPARED and not filled yet. Read by other
 *	threads too
 * @regions: DMA regions that its buffers are in. Read by other threads too
 * @owner: handle that prepared it
 * @out_len: bytes of data for the device; 0 in a slot whose shape has none
 * @expect: minimum used length of a successful request: RESPONSE_LEAST, or with data from the
 *	device, the data and the whole response
 * @used_len: used length that the device reported, while DONE
 * @due: time of the next attempt, in milliseconds that wrap, while in BACKOFF
 * @retries: maximum number of retries of a raw command; others use that of the LUN
 * @tries: number of retries, not counting those while the LUN was busy; 0 in a free slot
 * @shape: SHAPE() and more
 * @head: its head in the ring
 * @next: next slot of the list that it is in
 * @pushed: while in the ring, its position: virtq_next()
 * @state: enum slot_state; @flags: SLOT_*; @status: both, SLOT_STATUS()
 * @free: all of these, for one store when a slot becomes free
 * @lba: with SHAPE_10 or SHAPE_16, the first block
 * @addr: IOVA of its data, if that is one segment
 * @cdb, @task_attr: copies of the header's fields, without SHAPE_10 and SHAPE_16
 * @parameters: bytes of an UNMAP's parameter list, otherwise 0
 * @begun: with queue_set.measured, when its batch began: ticks_now()
 *
 * A completion needs only the first cache line. The second one, and ioq.copies, have private copies
 * of what a lost device may have overwritten in DMA memory: see slot_restore().
 */
struct slot {
	struct virtio_scsi_cmd_req *header;
	uint64_t user_data;
	_Atomic(struct io_lun *) lun;
	_Atomic uint64_t regions;
	struct vscsi_queue *owner;
	uint32_t out_len;
	uint32_t expect;
	union {
		uint32_t used_len;
		uint32_t due;
	};
	uint16_t retries;
	uint16_t tries;
	uint16_t shape;
	uint16_t head;
	union {
		struct {
			union {
				uint16_t next;
				uint16_t pushed;
			};
			union {
				struct {
					uint8_t state;
					uint8_t flags;
				};
				uint16_t status;
			};
		};
		uint32_t free;
	};
	uint64_t lba;
	uint64_t addr;
	uint8_t cdb[VIRTIO_SCSI_CDB_DEFAULT_SIZE];
	uint8_t task_attr;
	uint8_t parameters;
	uint8_t pad[6];
	uint64_t begun;
};
_Static_assert(offsetof(struct slot, lba) == CACHE_LINE &&
		       sizeof(struct slot) == (size_t)2 * CACHE_LINE,
	       "a request's private part is two cache lines");

/* A data segment as the device sees it. The types are those of descriptors, not of an iovec. */
struct segment {
	__u64 addr;
	__u32 len;
};

/* The segments, if there are several, those for the device first; or the list of an UNMAP. */
union slot_copy {
	struct segment segments[SLOT_MAX_SEGS];
	uint8_t parameters[SLOT_PARAM_BYTES];
};

static inline enum slot_state slot_state(const struct slot *slot)
{
	return (enum slot_state)slot->state;
}

/* Bytes of data, all segments together. */
static inline uint32_t slot_data_len(const struct slot *slot)
{
	if (slot->expect == RESPONSE_LEAST)
		return slot->out_len;
	return slot->out_len + slot->expect - (uint32_t)sizeof(struct virtio_scsi_cmd_resp);
}

/* Changes a request's state; debug builds check that the diagram has the transition. */
void slot_set_state(struct slot *slot, enum slot_state to);

/* Whether a request is in the ring, so that the device may return its head once. */
static inline bool slot_in_ring(const struct slot *slot)
{
	return slot_state(slot) == SLOT_IN_RING || slot_state(slot) == SLOT_ABORTING;
}

static inline struct io_lun *slot_lun(const struct slot *slot)
{
	return atomic_load_explicit(&slot->lun, memory_order_relaxed);
}

static inline struct virtio_scsi_cmd_resp *header_response(struct virtio_scsi_cmd_req *header)
{
	return (void *)((char *)header + SLOT_RESPONSE);
}

static inline struct virtio_scsi_cmd_resp *slot_response(const struct slot *slot)
{
	return header_response(slot->header);
}

/* Where the data descriptors of an indirect table begin. */
static inline struct vring_desc *header_data(struct virtio_scsi_cmd_req *header)
{
	return (void *)((char *)header + SLOT_DATA);
}

/* How many descriptors come before those of data: the header's, and the response's in a read. */
static inline unsigned descs_before_data(unsigned out)
{
	return out ? 1 : 2;
}

/*
 * Poisons the response, so that the answer to the previous request is not taken for that to the
 * next one (virtio 1.4, 2.7.8.3). is_good() checks only the first 12 bytes: two lengths and this
 * word. The lengths are zero in a free slot: they were read as zero, or slot_forget() cleared them.
 */
static inline void slot_poison(struct virtio_scsi_cmd_req *header)
{
	static const struct virtio_scsi_cmd_resp poison = {.response = RESPONSE_UNWRITTEN};
	struct virtio_scsi_cmd_resp *resp = header_response(header);

	memcpy(&resp->status_qualifier, &poison.status_qualifier, sizeof(uint32_t));
}

/*
 * Frees the slot of a request that is in no list and not with the device; @next: the first free
 * slot. Poisons it as soon as its response was read, which also begins to fetch the cache line that
 * the next header is written to.
 */
static inline void slot_end(struct slot *slot, struct virtio_scsi_cmd_req *header, uint16_t next)
{
	slot_poison(header);
	/* FREE without flags is 0. */
	slot->free = BYTE_ORDER == LITTLE_ENDIAN ? next : (uint32_t)next << 16;
	/*
	 * Release: a thread that sees that the LUN is not in use may free it. Pairs with
	 * ioq_uses_lun().
	 */
	atomic_store_explicit(&slot->lun, NULL, memory_order_release);
}

/*
 * Begins to fetch the cache line that the next request's data descriptors are written to, by a
 * store to the first of them, so that the batch's full fence doesn't have to wait for it. An eighth
 * more reads per second (tests/bench rate, AMD EPYC); a prefetch for writing halved them.
 */
static inline void slot_touch_data(struct virtio_scsi_cmd_req *header)
{
	__atomic_store_n(&header_data(header)->len, 0, __ATOMIC_RELAXED);
}

/* Clears the lengths of a response that is_good() rejected. */
static inline void slot_forget(const struct slot *slot)
{
	slot_response(slot)->sense_len = 0;
	slot_response(slot)->resid = 0;
}

#endif
