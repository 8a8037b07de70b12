/* SPDX-License-Identifier: BSD-3-Clause */
/* The control queue: task management functions (virtio 1.4, 5.6.6.2). */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "core/dev.h"

/* Makes the control queue: 0 and @dev->control, or a negative errno with its sentence set. */
int control_create(struct vscsi_dev *dev);
void control_destroy(struct vscsi_dev *dev);

/* The control virtqueue, to start and stop. */
struct virtq *control_virtq(struct vscsi_dev *dev);

/**
 * control_tmf - Send a task management function and wait for its answer
 * @subtype: VIRTIO_SCSI_T_TMF_*
 * @lun: the 8 bytes of the address
 * @tag: of the command that is meant, or 0
 *
 * Waits at most the device's time limit; after that the buffers stay the device's until it answers.
 *
 * Return: the response (virtio 1.4, 5.6.6.2), 0 to 255; or a negative errno with its sentence set.
 */
int control_tmf(struct vscsi_dev *dev, uint32_t subtype, const uint8_t lun[8], uint64_t tag);

#endif
