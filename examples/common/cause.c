/* SPDX-License-Identifier: BSD-3-Clause */
#include "cause.h"

#include <stddef.h>

#include <vscsi/scsi.h>

/* A completion's response if the device sent none. */
#define NO_RESPONSE 0xff

const char *cause_text(const struct vscsi_completion *done)
{
	if (done->response == NO_RESPONSE)
		return NULL;
	if (done->sense_key)
		return vscsi_sense_text(done->sense_key, done->asc, done->ascq);
	/* Before the status, which may be undefined then (virtio 1.4, 5.6.6.1.1). */
	if (done->response)
		return vscsi_response_text(done->response);
	return done->status ? vscsi_status_text(done->status) : "no sense data";
}
