/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finds requests that take too long. What is done about them is in escalate.c.
 */
#include <errno.h>

#include "queue/complete.h"
#include "device/control.h"
#include "queue/timeout.h"
#include "device/recover.h"
#include "util/clock.h"

#define DEFAULT_IO_MS   30000u
#define DEFAULT_TASK_MS 5000u

/* Looks within the smallest limit, and the longest and, while requests end, the shortest wait. */
#define LOOKS     8u
#define LOOK_MOST 250u
#define LOOK_BUSY 2u

void limit_defaults(struct vscsi_dev_opts *opts)
{
	if (!opts->io_timeout_ms)
		opts->io_timeout_ms = DEFAULT_IO_MS;
	if (opts->io_timeout_ms == VSCSI_NO_TIMEOUT)
		opts->io_timeout_ms = 0;
	if (!opts->task_timeout_ms)
		opts->task_timeout_ms = DEFAULT_TASK_MS;
}

uint32_t limit_set(struct vscsi_dev *dev, uint32_t ms, uint32_t otherwise)
{
	uint32_t limit = ms ? ms : otherwise;
	uint32_t look;
	uint32_t now;

	if (!limit || limit == VSCSI_NO_TIMEOUT)
		return 0;
	look = limit / LOOKS ? limit / LOOKS : 1;
	if (look > LOOK_MOST)
		look = LOOK_MOST;
	now = atomic_load_explicit(&dev->look_ms, memory_order_relaxed);
	while ((!now || look < now) &&
	       !atomic_compare_exchange_weak_explicit(&dev->look_ms, &now, look,
						      memory_order_relaxed, memory_order_relaxed))
		;
	return limit;
}

uint32_t limit_nap(const struct ioq *ioq, uint32_t most)
{
	uint32_t look = atomic_load_explicit(&ioq->dev->look_ms, memory_order_relaxed);

	if (ioq->ending)
		return LOOK_BUSY;
	return look && look < most ? look : most;
}

bool limit_is_out(const struct ioq *ioq, const struct slot *slot)
{
	return (slot->flags & SLOT_LIVE) || ioq_is_waiting(ioq, slot);
}

/*
 * Moves on the time up to which everything that the device gave back has been taken. Requests are
 * as old as that at most: one that came back in time and wasn't fetched, because the application
 * polls rarely or only a few at a time, is not late.
 */
static bool note_taken(struct ioq *ioq, uint64_t now)
{
	int pending = virtq_ready(&ioq->vq);
	uint16_t taken = virtq_taken(&ioq->vq);

	/* A ring that is broken is the next poll's business. */
	if (pending < 0)
		return false;
	if (!pending)
		ioq->taken_ms = now;
	else if (ioq->marked && (int16_t)(taken - ioq->mark) >= 0)
		ioq->taken_ms = ioq->mark_ms;
	else if (ioq->marked)
		return true;
	ioq->marked = pending > 0;
	ioq->mark = (uint16_t)(taken + pending);
	ioq->mark_ms = now;
	return true;
}

static bool is_late(const struct ioq *ioq, const struct slot *slot)
{
	const struct vscsi_lun *lun = atomic_load_explicit(&slot->lun, memory_order_relaxed);
	const struct watch *watch = slot_watch(ioq, slot);
	uint32_t limit = slot->flags & SLOT_RAW ? watch->limit_ms : lun->limit_ms;

	return limit && ioq->taken_ms >= watch->seen_ms + limit && limit_is_out(ioq, slot);
}

static const char *look_at(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	if (!atomic_load_explicit(&slot->lun, memory_order_relaxed))
		return NULL;
	if (!(slot->flags & SLOT_SEEN)) {
		slot->flags |= SLOT_SEEN;
		slot_watch(ioq, slot)->seen_ms = now;
		return NULL;
	}
	if (!(slot->flags & SLOT_ENDING) && is_late(ioq, slot))
		limit_end(ioq, slot, now, false);
	return slot->flags & SLOT_ENDING ? escalate(ioq, slot, now) : NULL;
}

/* Return: NULL, or why the device has to be given up. */
static const char *look(struct ioq *ioq, uint64_t now)
{
	const char *why = NULL;
	unsigned i;

	if (!ioq_up(ioq) || !note_taken(ioq, now))
		return NULL;
	for (i = 0; i < ioq->depth && !why; i++)
		why = look_at(ioq, &ioq->slots[i], now);
	atomic_store_explicit(&ioq->look_at_ms, now + limit_nap(ioq, LOOK_MOST),
			      memory_order_relaxed);
	return why;
}

void limit_kick(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;

	if (atomic_load(&ioq->owes_kick) && atomic_exchange(&ioq->owes_kick, false))
		queue_kick(queue);
	control_kick(ioq->dev);
}

void limit_poll(struct vscsi_queue *queue)
{
	struct ioq *ioq = queue->ioq;
	const char *why;
	uint64_t now;

	/* Neither limits nor an abort: there is nothing to look for. */
	if (!atomic_load_explicit(&ioq->dev->look_ms, memory_order_relaxed) && !ioq->ending)
		return;
	now = clock_ms();
	if (now < atomic_load_explicit(&ioq->look_at_ms, memory_order_relaxed))
		return;
	queue_lock(queue);
	why = look(ioq, now);
	queue_unlock(queue);
	limit_kick(queue);
	/* Not under the queue's lock: the device's comes before it. */
	if (why)
		limit_give_up(ioq, why);
}

void limit_give_up(struct ioq *ioq, const char *why)
{
	/* One that breaks rules isn't looked for. */
	if (why == virtq_rule(control_virtq(ioq->dev)))
		dev_fail(ioq->dev, why);
	else
		recover_begin_queue(ioq, why);
}
