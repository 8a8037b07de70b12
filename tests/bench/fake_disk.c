/* SPDX-License-Identifier: BSD-3-Clause */
/* SCSI as far as opening a disk and reading it needs; everything else is an unknown command. */
#include <string.h>

#include "util/bits.h"

#include "fake_device.h"
#include "fake_disk.h"

static void copy(const struct fake_data *in, const void *data, uint32_t len)
{
	if (in->at)
		memcpy(in->at, data, len < in->len ? len : in->len);
}

static void inquiry(const struct fake_data *in)
{
	uint8_t data[36] = {0};

	data[2] = 6;
	data[3] = 2;
	data[4] = sizeof(data) - 5;
	memcpy(data + 8, "BENCH   yardstick       1   ", 28);
	copy(in, data, sizeof(data));
}

static void read_capacity_10(const struct fake_data *in)
{
	uint8_t data[8];

	put_be32(data, FAKE_BLOCKS - 1);
	put_be32(data + 4, FAKE_BLOCK_SIZE);
	copy(in, data, sizeof(data));
}

static bool huge;

void fake_disk_huge(bool on)
{
	huge = on;
}

static void read_capacity_16(const struct fake_data *in)
{
	uint8_t data[32] = {0};

	put_be64(data, huge ? UINT64_C(1) << 40 : FAKE_BLOCKS - 1);
	put_be32(data + 8, FAKE_BLOCK_SIZE);
	copy(in, data, sizeof(data));
}

static void refuse(struct virtio_scsi_cmd_resp *response)
{
	static const uint8_t sense[18] = {0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x20};

	response->status = 2;
	response->sense_len = sizeof(sense);
	memcpy(response->sense, sense, sizeof(sense));
}

void fake_disk_answer(const uint8_t *cdb, struct virtio_scsi_cmd_resp *response,
		      const struct fake_data *in)
{
	response->sense_len = 0;
	response->resid = 0;
	response->status = 0;
	response->response = VIRTIO_SCSI_S_OK;
	switch (cdb[0]) {
	case 0x28: /* READ(10) */
	case 0x88: /* READ(16) */
	case 0x00: /* TEST UNIT READY */
		break;
	case 0x12:
		if (cdb[1] & 1)
			refuse(response);
		else
			inquiry(in);
		break;
	case 0x25:
		read_capacity_10(in);
		break;
	case 0x9e:
		read_capacity_16(in);
		break;
	default:
		refuse(response);
	}
}
