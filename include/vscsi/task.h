/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task management: resets, sent on the device's control queue (virtio 1.4, 5.6.6.2). A single
 * request can't be aborted. What resets the whole device is closing and opening it.
 */
#ifndef VSCSI_TASK_H
#define VSCSI_TASK_H

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_lun;

/**
 * vscsi_lun_reset - Reset a logical unit
 * @lun: the LUN; every request to it, from any queue, is cancelled
 *
 * The requests' completions still come through vscsi_poll(), most with -ECANCELED; their buffers
 * are the device's until then. Any thread; waits at most vscsi_dev_opts.timeout_ms.
 *
 * Return: 0; -EOPNOTSUPP (the device refuses the function); -ENODEV; -EBUSY (the device is, or it
 * answers none of the functions sent before); -ETIMEDOUT; -EIO (any other answer); -EPROTO (it
 * broke the rules of the ring); -ENOTCONN.
 */
int vscsi_lun_reset(struct vscsi_lun *lun);

/**
 * vscsi_target_reset - Reset all logical units of a target
 * @dev: the device
 * @target: 0 to 255
 *
 * An I_T NEXUS RESET. The rest as vscsi_lun_reset(); -EINVAL for a target above 255.
 */
int vscsi_target_reset(struct vscsi_dev *dev, unsigned target);

#ifdef __cplusplus
}
#endif

#endif
