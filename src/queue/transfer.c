/* SPDX-License-Identifier: BSD-3-Clause */
/* The cold half of reading and writing fast: a slot's first transfer of a kind. */
#include "queue/transfer.h"

void transfer_format(struct ioq *ioq, uint16_t shape, unsigned segs, bool write, bool wide)
{
	struct slot *slot = &ioq->slots[ioq->free];
	uint8_t *cdb;

	if (ioq->free == ioq->depth || segs - 1 >= ioq->max_segs)
		return;
	slot_format(ioq, slot, write ? segs : 0, write ? 0 : segs);
	slot->expect = RESPONSE_LEAST;
	cdb = slot->header->cdb;
	if (wide)
		scsi_cdb_put_16(cdb, write ? SCSI_WRITE_16 : SCSI_READ_16, 0, 0, 0);
	else
		scsi_cdb_put_10(cdb, write ? SCSI_WRITE_10 : SCSI_READ_10, 0, 0, 0);
	slot->shape = shape;
}
