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

/* The reason for a result that the library determined. */
static const char *unanswered(const struct vscsi_completion *c, int err)
{
	switch (err) {
	case -ETIMEDOUT:
		return "it took longer than its time limit and was ended";
	case -ECONNRESET:
		return c->response == RESPONSE_UNWRITTEN
			       ? "the device was lost while it was in flight; it may have been "
				 "executed or not"
			       : "it was aborted by a reset; it may have been executed or not";
	case -ENODEV:
		return "the LUN is gone, or is another one now; close it";
	case -E2BIG:
		return "it exceeds the limits that the LUN has since the reconnect, so it was "
		       "not sent";
	case -ECANCELED:
		return "it was cancelled";
	case -EBADE:
		return "the registration of the handle is lost, so it was not sent; see "
		       "vscsi_pr_register()";
	case -EROFS:
		return "the LUN is read-only, so it was not sent";
	default:
		return "the device completed the request without an answer";
	}
}

/*
 * Whether the library determined the result, whatever the device answered: see slot_decode(). A
 * reservation conflict that the device reported has a SCSI status.
 */
static bool is_ours(const struct vscsi_completion *c, int err)
{
	return c->response == RESPONSE_UNWRITTEN || err == -ETIMEDOUT || err == -ECONNRESET ||
	       err == -ECANCELED || (err == -EBADE && !c->status && !c->response);
}

/* Whether the result comes from the sense data, as in scsi_result(). */
static bool sense_decides(const struct vscsi_completion *c)
{
	if (c->response == VIRTIO_SCSI_S_OK)
		return c->sense_len && c->status == SCSI_CHECK_CONDITION;
	return c->sense_len && c->response == VIRTIO_SCSI_S_FAILURE;
}

/* The text for a result that doesn't come from sense data. */
static const char *outcome(const struct vscsi_completion *c, int err)
{
	if (is_ours(c, err))
		return unanswered(c, err);
	return c->response ? scsi_response_text(c->response) : strerror(-err);
}

int completion_explain(unsigned target, unsigned number, const struct vscsi_completion *c, int err,
		       const char *what, const char *lost)
{
	if (err == -ENOTCONN)
		return error_set(
			err, "%s on LUN %u:%u: the device is lost: %s; close it and open it again",
			what, target, number, lost);
	if (!is_ours(c, err) && sense_decides(c))
		return error_set(err, "%s on LUN %u:%u: %s (%x/%02x/%02x)", what, target, number,
				 scsi_sense_text(c->sense_key, c->asc, c->ascq), c->sense_key,
				 c->asc, c->ascq);
	if (!is_ours(c, err) && !c->response && c->status)
		return error_set(err, "%s on LUN %u:%u: status %s", what, target, number,
				 scsi_status_text(c->status));
	return error_set(err, "%s on LUN %u:%u: %s", what, target, number, outcome(c, err));
}
