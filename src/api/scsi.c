/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/scsi.h>: raw commands, and texts for their results. */
#include <vscsi/scsi.h>

#include "lun/lun.h"
#include "queue/queue.h"
#include "scsi/response.h"
#include "scsi/sense.h"
#include "util/export.h"

EXPORT int vscsi_prepare_command(struct vscsi_queue *queue, struct vscsi_lun *lun,
				 const struct vscsi_command *command, uint64_t user_data)
{
	return queue_command(queue, &lun->io, command, user_data);
}

EXPORT const char *vscsi_response_text(unsigned response)
{
	return scsi_response_text(response);
}

EXPORT const char *vscsi_status_text(unsigned status)
{
	return scsi_status_text(status);
}

EXPORT const char *vscsi_sense_text(unsigned key, unsigned asc, unsigned ascq)
{
	return scsi_sense_text(key, asc, ascq);
}
