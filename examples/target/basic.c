/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands about the unit's state.
 */
#include "scsi_op.h"

/* TEST UNIT READY and similar: everything was checked by the caller. */
void run_nothing(struct scsi_task *t)
{
	(void)t;
}

/*
 * Sense data is this command's data, so it returns GOOD even for a missing unit (SPC-4, REQUEST
 * SENSE).
 */
void run_request_sense(struct scsi_task *t)
{
	uint8_t sense[SENSE_MAX];
	uint16_t code = 0;

	if (t->to == TO_LUN)
		code = lun_take_attention(t->lun, t->nexus);
	if (t->to == TO_ABSENT_LUN)
		sense_fill(sense, KEY_ILLEGAL_REQUEST, ASC_LUN_NOT_SUPPORTED);
	else if (code)
		sense_fill(sense, KEY_UNIT_ATTENTION, code);
	else if (t->to == TO_LUN && t->lun->stopped)
		sense_fill(sense, KEY_NOT_READY, ASC_NOT_READY_STOPPED);
	else
		sense_fill(sense, 0, 0);
	task_reply(t, sense, sizeof(sense));
}

void run_start_stop(struct scsi_task *t)
{
	int rc;

	/*
	 * Written data must be durable before the unit is stopped (SBC-3, START STOP UNIT).
	 */
	if (!(t->cdb[4] & 0x01) && !(t->cdb[4] & 0x04)) {
		rc = t->lun->read_only ? 0 : t->lun->store->ops->flush(t->lun->store);
		if (rc) {
			task_fail_store(t, rc, true, 0);
			return;
		}
	}
	t->lun->stopped = !(t->cdb[4] & 0x01);
}
