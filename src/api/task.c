/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/task.h>: aborting requests, and resetting LUNs, targets and devices. */
#include <errno.h>
#include <inttypes.h>

#include <linux/virtio_scsi.h>

#include <vscsi/task.h>

#include "device/control.h"
#include "device/device.h"
#include "scsi/lun_addr.h"
#include "scsi/response.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"

/* Sets the text for a function that could not be sent, or was not answered. */
static int explain(struct vscsi_dev *dev, int err)
{
	switch (err) {
	case -EPROTO:
		device_tend(dev, NULL);
		return error_set(err, "%s", virtq_rule(control_virtq(dev)));
	case -EBUSY:
		return error_set(err, "the device answers none of the task management functions "
				      "that were sent; close it and restart the back-end");
	case -ETIMEDOUT:
		return error_set(err,
				 "no answer to a task management function in %u ms; "
				 "the device may still execute it",
				 dev->opts.timeout_ms);
	default:
		return device_explain_lost(dev);
	}
}

/*
 * Resets a LUN, or with LUN_EVERY a target, and waits for the answer, at most the device's time
 * limit.
 *
 * Return: the response (5.6.6.2), 0 to 255; or a negative errno with its text set.
 */
static int run(struct vscsi_dev *dev, uint32_t subtype, unsigned target, unsigned number)
{
	uint64_t limit = clock_ms() + dev->opts.timeout_ms;
	unsigned spins = 0;
	uint8_t addr[8];
	int tmf;
	int ret;

	ret = device_check(dev);
	if (ret)
		return ret;
	scsi_lun_encode(addr, target, number == LUN_EVERY ? 0 : number);
	lun_table_note_reset(&dev->luns, target, number);
	tmf = control_send(dev, subtype, addr, 0, CONTROL_HELD, NULL);
	if (tmf < 0)
		return explain(dev, tmf);
	control_kick(dev);
	while ((ret = control_answer(dev, tmf)) == -EINPROGRESS) {
		if (clock_ms() > limit) {
			ret = -ETIMEDOUT;
			break;
		}
		device_wait(dev, &spins);
	}
	control_release(dev, tmf);
	return ret < 0 ? explain(dev, ret) : ret;
}

/* Result of a reset: FUNCTION COMPLETE and FUNCTION SUCCEEDED both mean success (SAM). */
static int reset_result(int response)
{
	switch (response) {
	case VIRTIO_SCSI_S_OK:
	case VIRTIO_SCSI_S_FUNCTION_SUCCEEDED:
		return 0;
	case VIRTIO_SCSI_S_BAD_TARGET:
	case VIRTIO_SCSI_S_INCORRECT_LUN:
		return error_set(-ENODEV, "the device says: %s",
				 scsi_response_text((unsigned)response));
	case VIRTIO_SCSI_S_FUNCTION_REJECTED:
		return error_set(-EOPNOTSUPP, "the device doesn't have this function");
	case VIRTIO_SCSI_S_BUSY:
		return error_set(-EBUSY, "the device is busy; try again");
	default:
		if (response < 0)
			return response;
		return error_set(-EIO, "the device says: %s",
				 scsi_response_text((unsigned)response));
	}
}

EXPORT int vscsi_lun_reset(struct vscsi_lun *lun)
{
	error_enter(__func__);
	/* It would reset the LUN that has the address now. */
	if (io_lun_state(&lun->io) == LUN_GONE)
		return error_set(-ENODEV, "LUN %u:%u is gone, or is another one now; close it",
				 lun->io.target, lun->io.number);
	if (!device_resets_luns(lun->dev))
		return error_set(-EOPNOTSUPP,
				 "%s devices don't report which requests the reset of a LUN "
				 "aborted; use vscsi_dev_reset()",
				 virtio_scheme(&lun->dev->virtio));
	return reset_result(run(lun->dev, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, lun->io.target,
				lun->io.number));
}

EXPORT int vscsi_target_reset(struct vscsi_dev *dev, unsigned target)
{
	error_enter(__func__);
	if (target > SCSI_MAX_TARGET)
		return error_set(-EINVAL, "target %u: the largest is %u", target, SCSI_MAX_TARGET);
	return reset_result(run(dev, VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET, target, LUN_EVERY));
}

EXPORT int vscsi_dev_reset(struct vscsi_dev *dev)
{
	unsigned spins = 0;
	int err;

	error_enter(__func__);
	err = device_check(dev);
	if (err)
		return err;
	pthread_mutex_lock(&dev->lock);
	if (!device_can_reconnect(dev)) {
		pthread_mutex_unlock(&dev->lock);
		return error_set(-EOPNOTSUPP,
				 "the device can't be reconnected after the reset, because its "
				 "connection was handed over or recovery is off; open it by path, "
				 "with recovery=replay");
	}
	if (device_running(dev)) {
		/* A requested reset doesn't count toward recovery_ms. */
		dev->reconnect.spent_ms = dev->reconnect.pause_ms = 0;
		reconnect_begin(dev, "it is being reset", INFLIGHT_REPLAY, true);
		/* Reconnect without the first pause. */
		atomic_store_explicit(&dev->reconnect.due_ms, 0, memory_order_relaxed);
	}
	pthread_mutex_unlock(&dev->lock);
	while (device_state(dev) == DEV_RECONNECTING)
		device_wait(dev, &spins);
	return device_failed(dev) ? device_explain_lost(dev) : 0;
}

EXPORT int vscsi_abort(struct vscsi_queue *queue, uint64_t user_data)
{
	struct vscsi_dev *dev = device_of(queue);
	int err;

	error_enter(__func__);
	err = device_check(dev);
	if (err)
		return err;
	if (queue_check(queue))
		return error_set(-EPERM, "the queue belongs to another thread");
	if (device_failed(dev))
		return error_set(-ENOTCONN,
				 "the device is lost: %s; vscsi_poll() has the completions",
				 dev->failure);
	if (!queue_abort(queue, user_data, clock_ms()))
		return error_set(-ENOENT, "no request with user_data 0x%" PRIx64 " is in flight",
				 user_data);
	device_tend(dev, queue);
	return 0;
}
