/* SPDX-License-Identifier: BSD-3-Clause */
/* Raw SCSI commands. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include <vscsi/scsi.h>

#include "queue/complete.h"
#include "queue/request.h"
#include "queue/timeout.h"
#include "scsi/cdb.h"
#include "util/options.h"

static int check(const struct vscsi_command *command)
{
	if (command->cdb_len < SCSI_MIN_CDB || command->attr > VSCSI_ATTR_ACA ||
	    (command->flags & ~VSCSI_COMMAND_REPEATABLE))
		return -EINVAL;
	if ((command->out_count && !command->out) || (command->in_count && !command->in))
		return -EINVAL;
	return command->cdb_len > VSCSI_MAX_CDB ? -E2BIG : 0;
}

int queue_command(struct vscsi_queue *queue, struct io_lun *lun, const struct vscsi_command *user,
		  uint64_t user_data)
{
	struct ioq *ioq = queue->ioq;
	struct request request;
	struct vscsi_command command;
	struct slot *slot;
	int err;

	err = options_copy(&command, sizeof(command), user);
	if (!err)
		err = check(&command);
	if (!err)
		err = request_begin(queue, lun, &slot);
	if (err)
		return err;
	do {
		request_init(ioq, &request);
		err = request_gather(ioq, &request, command.out, command.out_count, true);
		if (!err)
			err = request_gather(ioq, &request, command.in, command.in_count, false);
		/* Both directions in one command need the feature (virtio 1.4, 5.6.6.1.1). */
		if (!err && request.out_bytes && request.in_bytes &&
		    !queue_set_has(ioq->set, VIRTIO_SCSI_F_INOUT))
			err = -EOPNOTSUPP;
		if (err) {
			slot_clean(slot);
			return request_abandon(queue, lun, slot, err);
		}
		slot->task_attr = (uint8_t)command.attr;
		memset(slot->cdb, 0, sizeof(slot->cdb));
		memcpy(slot->cdb, command.cdb, command.cdb_len);
	} while (!request_fill(ioq, slot, lun, &request));
	slot->flags |= SLOT_RAW;
	slot_timer(ioq, slot)->timeout_ms =
		timeout_set(ioq->set, command.timeout_ms, lun->timeout_ms);
	if (!(command.flags & VSCSI_COMMAND_REPEATABLE))
		slot->flags |= SLOT_NO_REPLAY;
	slot->retries = (uint16_t)(command.retries < UINT16_MAX ? command.retries : UINT16_MAX);
	return request_commit(queue, lun, slot, user_data);
}
