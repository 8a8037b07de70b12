/* SPDX-License-Identifier: BSD-3-Clause */
/* The escalation against a late request. */
#include <errno.h>
#include <string.h>

#include "device/control.h"
#include "device/escalate.h"
#include "queue/timeout.h"
#include "util/log.h"

/* timer.step. Each step has the time limit task_timeout_ms. */
enum step {
	STEP_ABORT,      /* send ABORT TASK */
	STEP_ABORT_SENT, /* wait for its answer */
	STEP_ABORT_DONE, /* it succeeded: wait for the request */
	STEP_RESET,      /* the same for LOGICAL UNIT RESET */
	STEP_RESET_SENT,
	STEP_RESET_DONE,
};

static void enter(struct slot_timer *timer, enum step step, uint64_t now)
{
	timer->step = (uint8_t)step;
	timer->step_ms = now;
}

static const char *send(struct vscsi_dev *dev, struct ioq *ioq, struct slot *slot, uint64_t now);

/* Takes the next stronger measure. */
static const char *try_stronger(struct vscsi_dev *dev, struct ioq *ioq, struct slot *slot,
				uint64_t now)
{
	struct slot_timer *timer = slot_timer(ioq, slot);

	if (timer->result == -ECANCELED) {
		timeout_cancel(ioq, slot);
		return NULL;
	}
	if (!device_resets_luns(dev))
		return "a request took too long, and ABORT TASK did not end it";
	if (timer->step >= STEP_RESET)
		return "a request took too long, and neither ABORT TASK nor a reset of its LUN "
		       "ended it";
	enter(timer, STEP_RESET, now);
	return send(dev, ioq, slot, now);
}

/* Logs one line for all late requests of the queue to this LUN. */
static void log_reset(const struct ioq *ioq, const struct io_lun *lun)
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < ioq->depth; i++)
		count += slot_state(&ioq->slots[i]) == SLOT_ABORTING &&
			 slot_timer(ioq, &ioq->slots[i])->result == -ETIMEDOUT &&
			 !memcmp(slot_lun(&ioq->slots[i])->addr, lun->addr, sizeof(lun->addr));
	log_warn("LUN %u:%u: ABORT TASK did not end %u requests that took too long; resetting the "
		 "LUN",
		 lun->target, lun->number, count);
}

/*
 * Sends ABORT TASK or LOGICAL UNIT RESET. A reset that was sent for another request while this one
 * was in flight serves it too, so that many late requests cause one reset.
 */
static const char *send(struct vscsi_dev *dev, struct ioq *ioq, struct slot *slot, uint64_t now)
{
	struct slot_timer *timer = slot_timer(ioq, slot);
	const struct io_lun *lun = slot_lun(slot);
	bool reset = false;
	int tmf;

	if (timer->step == STEP_ABORT)
		tmf = control_send(dev, VIRTIO_SCSI_T_TMF_ABORT_TASK, lun->addr,
				   slot_tag(ioq, slot), CONTROL_ALONE, NULL);
	else
		tmf = control_send(dev, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, lun->addr, 0,
				   timer->seen_ms, &reset);
	if (reset)
		log_reset(ioq, lun);
	/* No slot is free, or the device is away: try again later. */
	if (tmf < 0)
		return now >= timer->step_ms + dev->opts.task_timeout_ms
			       ? try_stronger(dev, ioq, slot, now)
			       : NULL;
	timer->tmf = tmf;
	enter(timer, (enum step)(timer->step + 1), now);
	return NULL;
}

/* FUNCTION COMPLETE and FUNCTION SUCCEEDED both mean success (SAM; 5.6.6.2). */
static bool is_done(int response)
{
	return response == VIRTIO_SCSI_S_OK || response == VIRTIO_SCSI_S_FUNCTION_SUCCEEDED;
}

static const char *await_answer(struct vscsi_dev *dev, struct ioq *ioq, struct slot *slot,
				uint64_t now)
{
	struct slot_timer *timer = slot_timer(ioq, slot);
	int response = control_answer(dev, timer->tmf);

	if (response == -EINPROGRESS && now < timer->step_ms + dev->opts.task_timeout_ms)
		return NULL;
	if (response == -ESTALE) {
		enter(timer, (enum step)(timer->step - 1), now);
		return NULL;
	}
	if (!is_done(response))
		return try_stronger(dev, ioq, slot, now);
	enter(timer, (enum step)(timer->step + 1), now);
	return NULL;
}

/*
 * A device must return the aborted requests before the answer (virtio 1.4, 5.6.6.2), but some
 * answer first. The time limit counts only time for which all used entries have been taken.
 */
static const char *await_request(struct vscsi_dev *dev, struct ioq *ioq, struct slot *slot,
				 uint64_t now)
{
	const struct slot_timer *timer = slot_timer(ioq, slot);

	if (ioq->progress.taken_ms < timer->step_ms + dev->opts.task_timeout_ms)
		return NULL;
	return try_stronger(dev, ioq, slot, now);
}

static const char *step(struct vscsi_dev *dev, struct ioq *ioq, struct slot *slot, uint64_t now)
{
	switch ((enum step)slot_timer(ioq, slot)->step) {
	case STEP_ABORT:
	case STEP_RESET:
		return send(dev, ioq, slot, now);
	case STEP_ABORT_SENT:
	case STEP_RESET_SENT:
		return await_answer(dev, ioq, slot, now);
	default:
		return await_request(dev, ioq, slot, now);
	}
}

const char *escalate(struct vscsi_dev *dev, struct vscsi_queue *queue, uint64_t now)
{
	struct ioq *ioq = queue->ioq;
	const char *why = NULL;
	unsigned i;

	queue_lock(queue);
	for (i = 0; ioq_running(ioq) && i < ioq->depth && !why; i++) {
		if (slot_state(&ioq->slots[i]) == SLOT_ABORTING)
			why = step(dev, ioq, &ioq->slots[i], now);
	}
	queue_unlock(queue);
	return why;
}
