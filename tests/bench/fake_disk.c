/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is measured are READ and WRITE, which are answered here: with the response's first line and
 * nothing else. Everything else that opening a disk needs is answered by the disk of tests/device.
 */
#include <string.h>

#include "device/disk.h"

#include "fake_device.h"
#include "fake_disk.h"
#include "work.h"

static struct disk disk = {
	.id = "BENCH   yardstick       1   ",
	.inquiry = 36,
	.lacks = DISK_NO_MODE_SENSE | DISK_NO_UNMAP | DISK_NO_WRITE_SAME,
	.blocks = FAKE_BLOCKS,
	.block_size = FAKE_BLOCK_SIZE,
};

static unsigned read_work;

void fake_disk_work(unsigned rounds)
{
	read_work = rounds;
}

void fake_disk_huge(bool on)
{
	disk.blocks = on ? (UINT64_C(1) << 40) + 1 : FAKE_BLOCKS;
}

static void execute(const uint8_t *cdb, struct virtio_scsi_cmd_resp *response,
		    const struct fake_data *in)
{
	const struct iovec data = {in->at, in->len};
	const struct disk_io io = {.in = &data, .nin = in->at ? 1 : 0};
	struct disk_end end = disk_execute(&disk, cdb, &io);

	response->status = end.status;
	response->sense_len = disk_sense(&end, response->sense);
}

void fake_disk_answer(const uint8_t *cdb, struct virtio_scsi_cmd_resp *response,
		      const struct fake_data *in)
{
	const uint8_t opcode = cdb[0];

	/* Before it writes: a line is taken from the driver once, to be written. */
	if (read_work && (opcode == 0x28 || opcode == 0x88))
		work(read_work);
	response->sense_len = 0;
	response->resid = 0;
	response->status = 0;
	response->response = VIRTIO_SCSI_S_OK;
	switch (opcode) {
	case 0x28: /* READ(10) */
	case 0x88: /* READ(16) */
	case 0x2a: /* WRITE(10) */
	case 0x8a: /* WRITE(16) */
	case 0x00: /* TEST UNIT READY */
		break;
	default:
		execute(cdb, response, in);
	}
}
