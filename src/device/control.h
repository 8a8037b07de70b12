/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue (virtio 1.4, 5.6.6.2): task management functions in flight. Nothing here waits:
 * a caller that wants an answer asks for it again later. What is done with the answers is not here:
 * the calls of <vscsi/task.h> are in api/task.c, the steps against late requests in escalate.c.
 */
#ifndef DEVICE_CONTROL_H
#define DEVICE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/virtq.h"

struct vscsi_dev;

/*
 * Makes the control queue with so many entries: 0 and @dev->control, or a negative errno with its
 * text set.
 */
int control_create(struct vscsi_dev *dev, unsigned size);
/*
 * Empties it for a reconnected device: 0 or -ENOMEM. Functions that were never answered are
 * forgotten: -ESTALE. Device locked.
 */
int control_renew(struct vscsi_dev *dev);
void control_destroy(struct vscsi_dev *dev);

/* The control virtqueue, to start and stop. */
struct virtq *control_virtq(struct vscsi_dev *dev);

/* For control_send(): only a function of its own will do. */
#define CONTROL_ALONE UINT64_MAX

/**
 * control_send - Send a task management function
 * @subtype: VIRTIO_SCSI_T_TMF_*
 * @lun: address
 * @tag: names the command of ABORT TASK; else 0
 * @not_before: in milliseconds of clock_ms(): the same function that was sent for others since then
 *	serves as well; CONTROL_ALONE: it doesn't
 * @sent: receives whether one was sent for this call; NULL where that doesn't matter
 *
 * Any thread; takes a lock for a moment. control_kick() has to follow, where no queue is locked. No
 * text is set.
 *
 * Return: the function's name for control_answer(); -EBUSY (no slot is free, or for aborts no more
 * than others need); -ENOTCONN (the device is lost, permanently or for now); -EPROTO (it broke the
 * ring, which device_tend() acts on).
 */
int control_send(struct vscsi_dev *dev, uint32_t subtype, const uint8_t lun[8], uint64_t tag,
		 uint64_t not_before, bool *sent);

/* Notifies the device of what was sent. Any thread, with no queue locked. */
void control_kick(struct vscsi_dev *dev);

/**
 * control_answer - Look for an answer
 * @tmf: what control_send() returned
 *
 * What the function did to request queues is visible to the caller when it is answered (5.6.6.2).
 *
 * Return: the response, 0 to 255, RESPONSE_UNWRITTEN among them; -EINPROGRESS (none yet); -ESTALE
 * (its slot was used again, or the device reconnected); -ENOTCONN, -EPROTO as control_send().
 */
int control_answer(struct vscsi_dev *dev, int tmf);

/* Keeps the slot of a function, and its answer, or lets it go. */
void control_hold(struct vscsi_dev *dev, int tmf, bool hold);

#endif
