/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue (virtio 1.4, 5.6.6.2): task management functions on their way. None of this
 * waits: who wants an answer asks for it again later. What is made of the answers is not here: the
 * calls of <vscsi/task.h> are in task.c, the steps against a request that takes too long in
 * escalate.c.
 */
#ifndef DEVICE_CONTROL_H
#define DEVICE_CONTROL_H

#include "device/dev.h"

/* Makes the control queue: 0 and @dev->control, or a negative errno with its sentence set. */
int control_create(struct vscsi_dev *dev);
/*
 * Empties it for a device that is back: 0 or -ENOMEM. Functions that it never answered are
 * forgotten, and who has a place from before finds nothing there. Device locked.
 */
int control_renew(struct vscsi_dev *dev);
void control_destroy(struct vscsi_dev *dev);

/*
 * The control virtqueue, to start and stop; and where a lost device stood in it:
 * virtq_resume_base().
 */
struct virtq *control_virtq(struct vscsi_dev *dev);
uint32_t control_stood(struct vscsi_dev *dev);

/* For control_send(): only a function of one's own will do. */
#define CONTROL_ALONE UINT64_MAX

/**
 * control_send - Send a task management function
 * @dev: the device
 * @subtype: VIRTIO_SCSI_T_TMF_*
 * @lun: address
 * @tag: names the command of ABORT TASK; else 0
 * @not_before: in milliseconds of clock_ms(): the same function that others sent since then serves
 *	as well; CONTROL_ALONE: it doesn't
 *
 * Any thread; takes a lock for a moment. control_kick() has to follow, where no queue is locked. No
 * sentence is set.
 *
 * Return: the place where the answer will be, the caller's until control_forget(); -EBUSY (no place
 * is left, or for aborts no more than others need); -ENOTCONN (the device is lost, for good
 * or for now); -EPROTO (it broke the ring: dev_fail() with virtq_rule(), as it can't be called from
 * here).
 */
int control_send(struct vscsi_dev *dev, uint32_t subtype, const uint8_t lun[8], uint64_t tag,
		 uint64_t not_before);

/* Notifies the device of what was sent. Any thread, with no queue locked. */
void control_kick(struct vscsi_dev *dev);

/**
 * control_answer - Look for an answer
 * @place: what control_send() returned
 *
 * What the function did to request queues is visible to the caller when it is answered (5.6.6.2).
 *
 * Return: the response, 0 to 255, RESPONSE_UNWRITTEN among them; -EINPROGRESS (none yet);
 * -ENOTCONN, -EPROTO as control_send().
 */
int control_answer(struct vscsi_dev *dev, int place);

/* Gives a place up; the device's until it answers, if it hasn't. */
void control_forget(struct vscsi_dev *dev, int place);

#endif
