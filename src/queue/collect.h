/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collecting plain requests that succeeded: the part of polling that is inlined with constant
 * arguments.
 */
#ifndef QUEUE_COLLECT_H
#define QUEUE_COLLECT_H

#include <string.h>

#include "queue/credit.h"
#include "queue/layout.h"
#include "queue/queue.h"
#include "queue/stats.h"

/*
 * Whether a request succeeded: the first 12 bytes of the response are all zero (virtio 1.4,
 * 5.6.6.1), and all data was transferred. Reads nothing else of shared memory. Plain loads, which
 * can be operands of other instructions: only this comparison depends on them. A used length too
 * short for any response is counted as an error, but accepted, because some back-ends never set it.
 */
static inline bool is_good(struct ioq *ioq, const struct slot *slot,
			   struct virtio_scsi_cmd_req *header, uint32_t used_len)
{
	const struct virtio_scsi_cmd_resp *resp = header_response(header);
	uint64_t codes;
	uint32_t sense;

	memcpy(&sense, &resp->sense_len, sizeof(sense));
	memcpy(&codes, &resp->resid, sizeof(codes));
	if (unlikely(sense | codes))
		return false;
	if (likely(used_len >= slot->expect))
		return true;
	if (used_len >= RESPONSE_LEAST)
		return false;
	ioq_count_short(ioq);
	return true;
}

static inline void fill_good(struct vscsi_completion *out, const struct slot *slot)
{
	out->user_data = slot->user_data;
	memset(&out->result, 0,
	       offsetof(struct vscsi_completion, sense) -
		       offsetof(struct vscsi_completion, result));
}

/*
 * Takes up to @count entries, at least one of which is used, as long as the requests succeeded and
 * are plain: IN_RING, with no flag except SLOT_COUNTED in a counted layout. With an @owner, only
 * its requests. Calls nothing, and everything that changes from one entry to the next stays in
 * registers.
 *
 * Without prefetches: the entries don't depend on each other, so the processor reads ahead by
 * itself. Prefetching responses for writing ahead of the loop halved the reads per second
 * (tests/bench rate, AMD EPYC).
 */
ALWAYS_INLINE unsigned collect_plain(struct ioq *ioq, const struct vscsi_queue *owner,
				     struct vscsi_completion *out, unsigned count, struct layout l)
{
	const uint16_t plain = SLOT_STATUS(SLOT_IN_RING, l.counted ? SLOT_COUNTED : 0);
	const unsigned shift = l.direct ? ioq->head_shift : 0;
	const uint64_t now = l.measured ? ticks_now() : 0;
	struct virtq_reader reader = virtq_reader(&ioq->vq, l.packed);
	struct vscsi_completion *const start = out;
	struct vscsi_completion *const stop = out + count;
	uint16_t free = ioq->free;

	do {
		struct virtq_reader next = reader;
		struct virtio_scsi_cmd_req *header;
		struct ring_used used;
		struct slot *slot;

		if (!virtq_read(&next, l.packed, &used) ||
		    unlikely(used.head >> shift >= ioq->depth))
			break;
		slot = &ioq->slots[used.head >> shift];
		header = slot->header;
		if (unlikely(slot->status != plain) || (owner && slot->owner != owner) ||
		    (shift && slot->head != used.head))
			break;
		if (!is_good(ioq, slot, header, used.len))
			break;
		if (l.measured && !stats_take(ioq, slot, now))
			break;
		if (l.counted)
			credit_give(slot_lun(slot), ioq);
		fill_good(out++, slot);
		slot_end(slot, header, free);
		if (!shift)
			slot_touch_data(header);
		free = (uint16_t)(used.head >> shift);
		reader = next;
	} while (out != stop);
	ioq->free = free;
	count = (unsigned)(out - start);
	virtq_read_end(&ioq->vq, l.packed, count);
	return count;
}

#endif
