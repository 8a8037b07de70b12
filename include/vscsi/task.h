/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task management: aborts and resets, which are sent on the device's control queue (virtio 1.4,
 * 5.6.6.2), and the reset of the whole device. In a child process of fork(), every call here with
 * valid arguments returns -ECHILD.
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
 * @user_data: as passed with the request; all requests of the queue that have it are aborted
 *
 * Sends ABORT TASK. The completion still arrives through vscsi_poll(), and until then the buffer
 * belongs to the device. Its result is -ECANCELED, or 0 if the request succeeded first. If the
 * device refuses the abort, the request continues and completes as if it had not been aborted. A
 * request that was prepared but not submitted is submitted first, together with all others on the
 * queue.
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
 * @lun: the LUN; requests to it from all queues, and from other clients, are aborted
 *
 * Sends LOGICAL UNIT RESET. The completions still arrive through vscsi_poll(): with -ECANCELED for
 * requests that were in flight when this was called and that the reset ended. Until then their
 * buffers belong to the device.
 *
 * Any thread. Waits at most vscsi_dev_opts.timeout_ms.
 *
 * Return: 0; -EOPNOTSUPP (the device rejects the function, or is a vhost-scsi device, which reports
 * requests that a reset ended as if they had been executed); -ENODEV (there is no such LUN, or
 * another disk has its address); -EBUSY (the device is busy, or has not answered any of the earlier
 * functions); -ETIMEDOUT (the device may still execute the reset); -EIO (any other answer); -EPROTO
 * (the device broke the rules of the ring); -ENOTCONN (the device failed or is reconnecting).
 */
int vscsi_lun_reset(struct vscsi_lun *lun);

/**
 * vscsi_target_reset - Reset all logical units of a target
 * @dev: the device
 * @target: 0 to 255
 *
 * Sends I_T NEXUS RESET. Otherwise as vscsi_lun_reset(), for all LUNs of the target.
 *
 * Return: as vscsi_lun_reset(); -EINVAL for a target above 255.
 */
int vscsi_target_reset(struct vscsi_dev *dev, unsigned target);

/**
 * vscsi_dev_reset - Reset a device and restart it
 * @dev: the device
 *
 * For a device that is connected but no longer works. This has the same effects as a loss: requests
 * in flight follow vscsi_dev_opts.recovery, the same events are reported, and LUNs that are
 * different disks afterwards count as removed.
 *
 * Any thread. Waits until the device is running again or has failed: at most
 * vscsi_dev_opts.recovery_ms plus one second; without limit if recovery_ms is VSCSI_FOREVER.
 *
 * Return: 0; -EOPNOTSUPP (recovery is off, or the device was opened by a connected socket, which
 * can't be connected again); -ENOTCONN (it did not reconnect, or had already failed).
 */
int vscsi_dev_reset(struct vscsi_dev *dev);

#ifdef __cplusplus
}
#endif

#endif
