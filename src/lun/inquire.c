/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends questions through the calls that wait. */
#include <string.h>

#include "lun/inquire.h"
#include "queue/call.h"

int inquire(struct vscsi_lun *lun, const uint8_t cdb[16], void *buf, uint32_t len,
	    uint32_t *received, struct vscsi_completion *done)
{
	struct iovec data = {.iov_base = buf, .iov_len = len};
	struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 16,
		.in = &data,
		.in_count = len ? 1 : 0,
		.retries = INQUIRE_RETRIES,
		.flags = VSCSI_COMMAND_REPEATABLE,
	};
	struct vscsi_completion completion;
	int err;

	memcpy(command.cdb, cdb, 16);
	memset(&completion, 0, sizeof(completion));
	err = sync_command(lun, &command, &completion);
	*received = err ? 0 : len - completion.residual;
	memset((char *)buf + *received, 0, len - *received);
	if (done)
		*done = completion;
	return err;
}
