/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task management: aborts and resets, sent on the device's control queue (virtio 1.4, 5.6.6.2), and
 * the reset of the whole device.
 */
#ifndef VSCSI_TASK_H
#define VSCSI_TASK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vscsi_dev;
struct vscsi_lun;
struct vscsi_queue;

/**
 * vscsi_abort - Take a request back
 * @queue: the queue that it was prepared on
 * @user_data: as given with the request; all that have it are meant
 *
 * Sends ABORT TASK and doesn't wait. The completion still comes through vscsi_poll(), and the
 * buffer is the device's until then: with -ECANCELED, or as if nothing had been asked when the
 * request was faster or the device refuses to abort it. It is submitted first if it wasn't yet.
 * Threads as vscsi_submit(); O(depth); system calls for kicks only.
 *
 * Return: 0; -ENOENT (no such request is in flight); -ENOTCONN (the device is lost for good);
 * -EPERM, in debug builds of the library only: the queue is another thread's.
 */
int vscsi_abort(struct vscsi_queue *queue, uint64_t user_data);

/**
 * vscsi_lun_reset - Reset a logical unit
 * @lun: the LUN; every request to it, from any queue, is cancelled
 *
 * The requests' completions still come through vscsi_poll(), most with -ECANCELED; their buffers
 * are the device's until then. Any thread; waits at most vscsi_dev_opts.timeout_ms.
 *
 * Return: 0; -EOPNOTSUPP (the device refuses the function); -ENODEV; -EBUSY (the device is, or it
 * answers none of the functions sent before); -ETIMEDOUT; -EIO (any other answer); -EPROTO (it
 * broke the rules of the ring); -ENOTCONN (it is lost, for good or for now).
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

/**
 * vscsi_dev_reset - Reset a device, and start it anew
 * @dev: the device
 *
 * For one that is there and doesn't do its work any more. It is as if it had been lost and looked
 * for: requests in flight follow vscsi_dev_opts.recovery, there are the same events, and what is
 * not recognized is gone. Any thread; slow; waits until the device is back, at most
 * vscsi_dev_opts.recovery_ms.
 *
 * Return: 0; -EOPNOTSUPP (recovery is off, or the connection can't be made again); -ENOTCONN (it
 * did not come back, or was lost for good before).
 */
int vscsi_dev_reset(struct vscsi_dev *dev);

#ifdef __cplusplus
}
#endif

#endif
