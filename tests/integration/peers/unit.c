/* SPDX-License-Identifier: BSD-3-Clause */
/* The disks of the peers: those of tests/device with as few commands as a disk can do with. */
#include "peer.h"

#define UNIT_ATTENTION 0x06

/* What a peer believes is either the buffers or the CDB: they have to agree. */
static struct disk_end checked(struct peer *peer, struct disk_end end)
{
	if (end.misfit)
		peer_complain(peer, end.misfit);
	return end;
}

static struct disk disk_of(const struct habit *habit, const struct unit *unit)
{
	struct disk disk = {
		.id = "PEER    HABITUAL DISK   0001",
		/* No unit of that number: nothing connected, and no type either (SPC-4, 6.4.2). */
		.type = unit ? 0x00 : 0x7f,
		.inquiry = 36,
		.limits = unit && habit->max_blocks,
		.provisioning = unit && habit->unmap ? 0x80 : 0,
		.lacks = DISK_NO_CAPACITY_10 | DISK_NO_MODE_SENSE | DISK_NO_WRITE_SAME,
		.exact = true,
		.blocks = PEER_BLOCKS,
		.block_size = PEER_BLOCK,
		.max_transfer = habit->max_blocks,
		.data = unit ? unit->data : NULL,
		.bytes = unit ? PEER_BYTES : 0,
	};

	if (habit->unmap) {
		disk.max_unmap = PEER_BLOCKS;
		disk.max_ranges = 1;
	} else {
		disk.lacks |= DISK_NO_UNMAP;
	}
	return disk;
}

static struct disk_end report_luns(const struct peer *peer, unsigned target, const uint8_t *cdb,
				   const struct disk_io *io)
{
	uint16_t luns[PEER_UNITS];
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < peer->unit_count; i++) {
		if (peer->units[i].target == target)
			luns[count++] = (uint16_t)peer->units[i].lun;
	}
	return disk_report_luns(luns, count, cdb, io);
}

/* Every command to the medium tells the unit attention first. */
static struct disk_end execute(struct peer *peer, struct unit *unit, const uint8_t *cdb,
			       const struct disk_io *io)
{
	const struct disk disk = disk_of(peer->habit, unit);
	struct disk_end end;
	uint8_t asc;

	if (cdb[0] == 0x12)
		return disk_execute(&disk, cdb, io);
	if (!unit)
		return disk_refuse(0x05, 0x25, 0x00);
	asc = unit->asc;
	unit->asc = 0;
	if (asc)
		return disk_refuse(UNIT_ATTENTION, asc, unit->ascq);
	end = disk_execute(&disk, cdb, io);
	/* The parameters of UNMAP are used and not counted as moved. */
	if (cdb[0] == 0x42)
		end.moved = 0;
	return end;
}

struct disk_end unit_execute(struct peer *peer, struct unit *unit, const struct rig_chain *chain)
{
	struct iovec iov[RIG_MAX_ELEMS];
	const struct disk_io io = {
		.out = iov + 1,
		.nout = chain->readable - 1,
		.in = iov + chain->readable + 1,
		.nin = chain->count - chain->readable - 1,
	};
	const struct virtio_scsi_cmd_req *req = rig_command(chain);
	uint8_t cdb[32];
	unsigned i;

	for (i = 0; i < chain->count; i++)
		iov[i] = (struct iovec){chain->elems[i].addr, chain->elems[i].len};
	memcpy(cdb, req->cdb, sizeof(cdb));
	if (cdb[0] == 0xa0)
		return checked(peer, report_luns(peer, req->lun[1], cdb, &io));
	return checked(peer, execute(peer, unit, cdb, &io));
}
