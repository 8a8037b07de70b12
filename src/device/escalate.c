/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps against a request that is to end: abort it, reset its LUN, reset the device. Each is
 * taken by a poll and looked after by later ones; nothing waits here. Until the request comes back
 * through the ring, or the device is cut off, its buffer stays the device's.
 */
#include <errno.h>
#include <inttypes.h>

#include "device/control.h"
#include "queue/timeout.h"
#include "util/clock.h"
#include "util/log.h"

/* What the tag of a slot is: unique in the device and, for one that was aborted, in time. */
static uint64_t tag_of(const struct ioq *ioq, const struct slot *slot)
{
	return (uint64_t)slot_watch(ioq, slot)->uses << 32 | (uint64_t)ioq->vq.index << 16 |
	       slot_number(ioq, slot);
}

static void enter(struct watch *watch, enum step step, uint64_t now)
{
	watch->step = (uint8_t)step;
	watch->step_ms = now;
}

void limit_end(struct ioq *ioq, struct slot *slot, uint64_t now, bool cancelled)
{
	struct watch *watch = slot_watch(ioq, slot);

	/* What was prepared and never submitted goes out, or there would be nothing to abort. */
	if (ioq_up(ioq) && virtq_publish(&ioq->vq))
		atomic_store(&ioq->owes_kick, true);
	slot->flags |= SLOT_ENDING;
	watch->cancelled = cancelled;
	watch->place = NO_PLACE;
	enter(watch, STEP_ABORT, now);
	ioq->ending++;
}

static void forget_place(struct ioq *ioq, struct watch *watch)
{
	if (watch->place != NO_PLACE)
		control_forget(ioq->dev, watch->place);
	watch->place = NO_PLACE;
}

/* An abort that the application wished for failed: the request goes on as if nothing had been. */
static void give_up(struct ioq *ioq, struct slot *slot)
{
	slot->flags &= (uint8_t)~SLOT_ENDING;
	ioq->ending--;
}

void limit_ended(struct ioq *ioq, struct slot *slot)
{
	struct watch *watch = slot_watch(ioq, slot);

	forget_place(ioq, watch);
	ioq->ending--;
	/* An abort that is still on its way must not find the slot's next request. */
	watch->uses++;
	slot->header->tag = htole64(tag_of(ioq, slot));
}

int limit_result(const struct ioq *ioq, const struct slot *slot)
{
	return slot_watch(ioq, slot)->cancelled ? -ECANCELED : -ETIMEDOUT;
}

static const char *step_send(struct ioq *ioq, struct slot *slot, uint64_t now);

/* From one means to the next stronger one. Return: why the device has to be given up, or NULL. */
static const char *try_stronger(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	const struct vscsi_lun *lun = atomic_load_explicit(&slot->lun, memory_order_relaxed);
	struct watch *watch = slot_watch(ioq, slot);

	forget_place(ioq, watch);
	if (watch->cancelled) {
		give_up(ioq, slot);
		return NULL;
	}
	if (watch->step >= STEP_RESET)
		return "a request took too long and came back neither by ABORT TASK nor by a "
		       "reset of its LUN";
	log_warn("LUN %u:%u: ABORT TASK doesn't help against a request that takes too long: the "
		 "LUN is reset",
		 lun->info.target, lun->info.lun);
	enter(watch, STEP_RESET, now);
	return step_send(ioq, slot, now);
}

/*
 * A reset that others sent while this request was out serves it too, so that many that are late at
 * once make one reset; an abort is for one.
 */
static int send(struct ioq *ioq, struct slot *slot)
{
	const struct vscsi_lun *lun = atomic_load_explicit(&slot->lun, memory_order_relaxed);
	struct watch *watch = slot_watch(ioq, slot);

	if (watch->step == STEP_ABORT)
		return control_send(ioq->dev, VIRTIO_SCSI_T_TMF_ABORT_TASK, lun->addr,
				    tag_of(ioq, slot), CONTROL_ALONE);
	return control_send(ioq->dev, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, lun->addr, 0,
			    watch->seen_ms);
}

static const char *step_send(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	struct watch *watch = slot_watch(ioq, slot);
	int place = send(ioq, slot);

	if (place == -EPROTO)
		return virtq_rule(control_virtq(ioq->dev));
	if (place < 0)
		return now >= watch->step_ms + ioq->dev->opts.task_timeout_ms
			       ? try_stronger(ioq, slot, now)
			       : NULL;
	watch->place = place;
	enter(watch, (enum step)(watch->step + 1), now);
	return NULL;
}

/* Complete and succeeded both mean done; everything else calls for more (SAM; 5.6.6.2). */
static bool is_done(int response)
{
	return response == VIRTIO_SCSI_S_OK || response == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
}

static const char *step_sent(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	struct watch *watch = slot_watch(ioq, slot);
	int response = control_answer(ioq->dev, watch->place);

	if (response == -EPROTO)
		return virtq_rule(control_virtq(ioq->dev));
	if (response == -EINPROGRESS && now < watch->step_ms + ioq->dev->opts.task_timeout_ms)
		return NULL;
	if (!is_done(response))
		return try_stronger(ioq, slot, now);
	forget_place(ioq, watch);
	enter(watch, (enum step)(watch->step + 1), now);
	return NULL;
}

/*
 * What a function did is in the rings before its answer (virtio 1.4, 5.6.6.2), so the request comes
 * with what is taken next; but there are devices that answer first. Time counts as far as the
 * ring's contents have been taken.
 */
static const char *step_done(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	const struct watch *watch = slot_watch(ioq, slot);

	if (ioq->taken_ms < watch->step_ms + ioq->dev->opts.task_timeout_ms)
		return NULL;
	return try_stronger(ioq, slot, now);
}

const char *escalate(struct ioq *ioq, struct slot *slot, uint64_t now)
{
	/* Returned already, or not sent again: the next poll of its handle delivers it. */
	if (!(slot->flags & SLOT_LIVE))
		return NULL;
	switch ((enum step)slot_watch(ioq, slot)->step) {
	case STEP_ABORT:
	case STEP_RESET:
		return step_send(ioq, slot, now);
	case STEP_ABORT_SENT:
	case STEP_RESET_SENT:
		return step_sent(ioq, slot, now);
	default:
		return step_done(ioq, slot, now);
	}
}
