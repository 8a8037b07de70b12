/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control queue (virtio 1.4, 5.6.6.2), for those who start and stop the device. What is sent on
 * it are the calls of <vscsi/task.h>.
 */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "core/dev.h"

/* Makes the control queue: 0 and @dev->control, or a negative errno with its sentence set. */
int control_create(struct vscsi_dev *dev);
/*
 * Empties it for a device that is back; functions that it never answered are forgotten. 0, -EBUSY
 * while another thread waits for an answer, or -ENOMEM. Device locked.
 */
int control_renew(struct vscsi_dev *dev);
void control_destroy(struct vscsi_dev *dev);

/* The control virtqueue, to start and stop. */
struct virtq *control_virtq(struct vscsi_dev *dev);

#endif
