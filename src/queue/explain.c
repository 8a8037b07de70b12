/* SPDX-License-Identifier: BSD-3-Clause */
/* Error texts for requests that failed. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "queue/explain.h"
#include "queue/ioq.h"
#include "scsi/response.h"
#include "scsi/sense.h"
#include "util/error.h"

/* Whether the result comes from the sense data, as in scsi_result(). */
static bool sense_tells(const struct vscsi_completion *c)
{
	if (c->response == VIRTIO_SCSI_S_FAILURE)
		return c->sense_len && c->status == SCSI_CHECK_CONDITION;
	return c->sense_len && c->response == VIRTIO_SCSI_S_OK;
}

/* Why a request has no response from the device. */
static const char *unanswered(int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "it took longer than its time limit and was ended";
	case -ECONNRESET:
		return "the device was lost with it, so that it may have been carried out or not";
	case -ENODEV:
		return "the LUN is gone, or is another one now; close it";
	case -E2BIG:
		return "it is longer than the LUN takes since it came back, and was not sent";
	case -ECANCELED:
		return "it was cancelled";
	default:
		return "the device completed the request without an answer";
	}
}

/* The text for a result that comes from neither sense nor status, or NULL. */
static const char *outcome(const struct vscsi_completion *c, int err)
{
	if (c->response == RESPONSE_UNWRITTEN || err == -ETIMEDOUT)
		return unanswered(err);
	return c->response ? scsi_response_text(c->response) : NULL;
}

int completion_explain(unsigned target, unsigned number, const struct vscsi_completion *c, int err,
		       const char *what, const char *lost)
{
	const char *text = outcome(c, err);

	if (err == -ENOTCONN)
		return error_set(
			err, "%s on LUN %u:%u: the device is lost: %s; close it and open it again",
			what, target, number, lost);
	if (sense_tells(c))
		return error_set(err, "%s on LUN %u:%u: %s (%x/%02x/%02x)", what, target, number,
				 scsi_sense_text(c->sense_key, c->asc, c->ascq), c->sense_key,
				 c->asc, c->ascq);
	if (!text && c->status)
		return error_set(err, "%s on LUN %u:%u: status %s", what, target, number,
				 scsi_status_text(c->status));
	return error_set(err, "%s on LUN %u:%u: %s", what, target, number,
			 text ? text : strerror(-err));
}
