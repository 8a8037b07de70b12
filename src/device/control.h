/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue (virtio 1.4, 5.6.6.2): task management functions in flight. Nothing here waits:
 * callers check for the answer later. Used by the calls of <vscsi/task.h>, in api/task.c, and by
 * the escalation against late requests, in escalate.c.
 */
#ifndef DEVICE_CONTROL_H
#define DEVICE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/virtq.h"

struct vscsi_dev;

/*
 * Creates the control queue, with @size entries: 0 and @dev->control, or a negative errno with its
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

/* For control_send(): always send a new function, and also keep its slot for control_release(). */
#define CONTROL_ALONE UINT64_MAX
#define CONTROL_HELD  (UINT64_MAX - 1)

/**
 * control_send - Send a task management function
 * @subtype: VIRTIO_SCSI_T_TMF_*
 * @lun: address
 * @tag: of the command to abort, with ABORT TASK; otherwise 0
 * @not_before: in clock_ms() time: uses the same function if it was sent since then; CONTROL_ALONE
 *	or CONTROL_HELD: always sends one
 * @sent: receives whether this call sent one; NULL: not wanted
 *
 * Any thread; holds a lock briefly. control_kick() must follow, with no queue locked. No text is
 * set.
 *
 * Return: the function's number for control_answer(); -EBUSY (no slot is free, or an abort would
 * take one of those reserved for resets); -ENOTCONN (the device is lost, permanently or for now);
 * -EPROTO (it broke the ring, which device_tend() handles).
 */
int control_send(struct vscsi_dev *dev, uint32_t subtype, const uint8_t lun[8], uint64_t tag,
		 uint64_t not_before, bool *sent);

/* Notifies the device of what was sent. Any thread, with no queue locked. */
void control_kick(struct vscsi_dev *dev);

/**
 * control_answer - Check for an answer
 * @tmf: from control_send()
 *
 * When a function is answered, its effects on request queues are visible to the caller (5.6.6.2).
 *
 * Return: the response, 0 to 255, RESPONSE_UNWRITTEN among them; -EINPROGRESS (none yet); -ESTALE
 * (its slot was used again, or the device reconnected); -ENOTCONN, -EPROTO as control_send().
 */
int control_answer(struct vscsi_dev *dev, int tmf);

/* Lets the slot of a function that was sent with CONTROL_HELD, and its answer, be used again. */
void control_release(struct vscsi_dev *dev, int tmf);

#endif
