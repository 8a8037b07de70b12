/* SPDX-License-Identifier: BSD-3-Clause */
/* Resets that the application asks for: they wait for the answer. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include <vscsi/scsi.h>
#include <vscsi/task.h>

#include "device/control.h"
#include "lun/lun.h"
#include "scsi/lun_addr.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"

/* The sentence for a function that could not be sent, or not be waited for. */
static int explain(struct vscsi_dev *dev, int err)
{
	const char *rule;

	switch (err) {
	case -EPROTO:
		rule = virtq_rule(control_virtq(dev));
		dev_fail(dev, rule);
		return error_set(err, "%s", rule);
	case -EBUSY:
		return error_set(err, "the device answers none of the task management functions "
				      "that were sent; close it and restart the back-end");
	case -ETIMEDOUT:
		return error_set(err,
				 "no answer to a task management function in %u ms; "
				 "the device may still carry it out",
				 dev->opts.timeout_ms);
	default:
		return dev_explain_lost(dev);
	}
}

/*
 * Sends a function that names no single command (tag 0) and waits for its answer, at most the
 * device's time limit.
 *
 * Return: the response (5.6.6.2), 0 to 255; or a negative errno with its sentence set.
 */
static int run(struct vscsi_dev *dev, uint32_t subtype, const uint8_t lun[8])
{
	uint64_t limit = clock_ms() + dev->opts.timeout_ms;
	unsigned spins = 0;
	int place;
	int ret;

	place = control_send(dev, subtype, lun, 0, CONTROL_ALONE);
	control_kick(dev);
	if (place < 0)
		return explain(dev, place);
	while ((ret = control_answer(dev, place)) == -EINPROGRESS) {
		if (clock_ms() > limit) {
			ret = -ETIMEDOUT;
			break;
		}
		clock_relax(&spins);
		if (spins % 1024 == 0)
			dev_check(dev);
	}
	control_forget(dev, place);
	return ret < 0 ? explain(dev, ret) : ret;
}

/* The answer of a reset as an errno: complete and succeeded both mean done (SAM). */
static int reset_result(int response)
{
	switch (response) {
	case VIRTIO_SCSI_S_OK:
	case VIRTIO_SCSI_S_FUNCTION_SUCCEEDED:
		return 0;
	case VIRTIO_SCSI_S_BAD_TARGET:
	case VIRTIO_SCSI_S_INCORRECT_LUN:
		return error_set(-ENODEV, "the device says: %s",
				 vscsi_response_text((unsigned)response));
	case VIRTIO_SCSI_S_FUNCTION_REJECTED:
		return error_set(-EOPNOTSUPP, "the device doesn't have this function");
	case VIRTIO_SCSI_S_BUSY:
		return error_set(-EBUSY, "the device is busy; try again");
	default:
		if (response < 0)
			return response;
		return error_set(-EIO, "the device says: %s",
				 vscsi_response_text((unsigned)response));
	}
}

EXPORT int vscsi_lun_reset(struct vscsi_lun *lun)
{
	error_enter(__func__);
	/* It would hit the one that has its address now. */
	if (lun_gone(lun))
		return error_set(-ENODEV, "LUN %u:%u is gone, or is another one now; close it",
				 lun->info.target, lun->info.lun);
	return reset_result(run(lun->dev, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, lun->addr));
}

EXPORT int vscsi_target_reset(struct vscsi_dev *dev, unsigned target)
{
	uint8_t addr[8];

	error_enter(__func__);
	if (!scsi_lun_encode(addr, target, 0))
		return error_set(-EINVAL, "target %u: the largest is %u", target, SCSI_MAX_TARGET);
	return reset_result(run(dev, VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET, addr));
}
