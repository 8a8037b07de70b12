/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests that the application takes back. */
#include <errno.h>
#include <inttypes.h>

#include <vscsi/task.h>

#include "device/control.h"
#include "queue/timeout.h"
#include "queue/resume.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"

/* Begins to end a handle's requests with that name. Queue locked. Return: how many there are. */
static unsigned end_all(struct vscsi_queue *queue, uint64_t user_data, const char **why)
{
	struct ioq *ioq = queue->ioq;
	uint64_t now = clock_ms();
	unsigned count = 0;
	unsigned i;

	if (!ioq_up(ioq))
		ioq_park(ioq);
	for (i = 0; i < ioq->depth && !*why; i++) {
		struct slot *slot = &ioq->slots[i];

		if (!queue_holds(queue, slot) || slot->user_data != user_data)
			continue;
		count++;
		/* Late already, or aborted before, or only to be fetched: it ends as it does. */
		if ((slot->flags & SLOT_ENDING) || !limit_is_out(ioq, slot))
			continue;
		if (!(slot->flags & SLOT_SEEN))
			slot_watch(ioq, slot)->seen_ms = now;
		slot->flags |= SLOT_SEEN;
		limit_end(ioq, slot, now, true);
		if (ioq_up(ioq))
			*why = escalate(ioq, slot, now);
		/* One that waits to be sent again is found in that list by the next poll. */
		else if (ioq->parked && (slot->flags & SLOT_LIVE))
			ioq_end(slot);
	}
	/* The answer is looked for from the next poll on. */
	atomic_store_explicit(&ioq->look_at_ms, 0, memory_order_relaxed);
	return count;
}

EXPORT int vscsi_abort(struct vscsi_queue *queue, uint64_t user_data)
{
	struct vscsi_dev *dev = queue->ioq->dev;
	const char *why = NULL;
	unsigned count;

	error_enter(__func__);
	if (!queue_is_ours(queue))
		return error_set(-EPERM, "the queue belongs to another thread");
	if (dev_failed(dev))
		return error_set(-ENOTCONN,
				 "the device is lost: %s; vscsi_poll() has the completions",
				 dev->failure);
	queue_lock(queue);
	count = end_all(queue, user_data, &why);
	queue_unlock(queue);
	limit_kick(queue);
	if (why)
		limit_give_up(queue->ioq, why);
	if (!count)
		return error_set(-ENOENT, "no request with user_data 0x%" PRIx64 " is in flight",
				 user_data);
	return 0;
}
