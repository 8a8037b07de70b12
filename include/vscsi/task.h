/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task management: aborts and resets, sent on the device's control queue (virtio 1.4, 5.6.6.2), and
 * the reset of the whole device. With valid arguments every call here returns -ECHILD in a child
 * process of fork().
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
 * vscsi_abort - Abort a request
 * @queue: the queue that it was prepared on
 * @user_data: as given with the request; applies to all requests that have it
 *
 * Sends ABORT TASK. The completion still arrives through vscsi_poll(), and until then the buffer
 * belongs to the device: its result is -ECANCELED, or 0 if it succeeded first, or as if there had
 * been no abort if the device refuses to abort it. A request that was not submitted yet is
 * submitted first.
 *
 * The thread that owns the queue, or any thread with VSCSI_QUEUE_SHARED. Never waits; O(depth);
 * system calls for kicks only.
 *
 * Return: 0; -ENOENT (no such request is in flight); -ENOTCONN (the device failed); -EPERM (the
 * queue is another thread's: in debug builds of the library, or with VSCSI_QUEUE_CHECK_THREAD).
 */
int vscsi_abort(struct vscsi_queue *queue, uint64_t user_data);

/**
 * vscsi_lun_reset - Reset a logical unit
 * @lun: the LUN; all requests to it, from all queues, are cancelled
 *
 * The requests' completions still arrive through vscsi_poll(): with -ECANCELED if they were in
 * flight when this was called and the reset cuts them short. Until then their buffers belong to the
 * device. Any thread. Waits at most vscsi_dev_opts.timeout_ms.
 *
 * Return: 0; -EOPNOTSUPP (the device refuses the function, or is a vhost-scsi one, where requests
 * that a reset cuts short look as if they had been executed); -ENODEV; -EBUSY (the device is busy,
 * or has answered none of the functions sent before); -ETIMEDOUT; -EIO (any other answer); -EPROTO
 * (the device broke the rules of the ring); -ENOTCONN (it failed or is reconnecting).
 */
int vscsi_lun_reset(struct vscsi_lun *lun);

/**
 * vscsi_target_reset - Reset all logical units of a target
 * @dev: the device
 * @target: 0 to 255
 *
 * Sends I_T NEXUS RESET. Otherwise as vscsi_lun_reset(); -EINVAL for a target above 255.
 */
int vscsi_target_reset(struct vscsi_dev *dev, unsigned target);

/**
 * vscsi_dev_reset - Reset a device and restart it
 * @dev: the device
 *
 * For a device that is connected but no longer works. The same happens as after a loss: requests in
 * flight follow vscsi_dev_opts.recovery, there are the same events, and LUNs that are not the same
 * afterwards are gone. Any thread. Waits until the device runs again or has failed: at most
 * vscsi_dev_opts.recovery_ms and one second, without limit if that is VSCSI_FOREVER.
 *
 * Return: 0; -EOPNOTSUPP (recovery is off, or the device can't be connected to again); -ENOTCONN
 * (it did not reconnect, or had failed before).
 */
int vscsi_dev_reset(struct vscsi_dev *dev);

#ifdef __cplusplus
}
#endif

#endif
