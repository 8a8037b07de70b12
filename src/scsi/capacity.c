/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * READ CAPACITY data. Both forms return the address of the last block, not the number of blocks.
 */
#include <errno.h>

#include "scsi/capacity.h"
#include "scsi/span.h"

/* @exponent: log2 of logical blocks per physical block, 0 to 15. */
static int fill(struct scsi_capacity *out, uint64_t last, uint32_t block_size, unsigned exponent)
{
	if (!is_pow2(block_size) || block_size < SCSI_MIN_BLOCK_SIZE ||
	    block_size > SCSI_MAX_BLOCK_SIZE)
		return -EPROTO;
	/* Checked here once, so that blocks * block_size can't overflow anywhere. */
	if (last >= UINT64_MAX / block_size)
		return -EPROTO;
	out->blocks = last + 1;
	out->block_size = block_size;
	/* At most 2^16 << 15: it fits. */
	out->physical_block_size = block_size << exponent;
	return 0;
}

int scsi_capacity_parse_10(const uint8_t *data, size_t len, struct scsi_capacity *out)
{
	uint32_t last;

	memset(out, 0, sizeof(*out));
	if (len < 8)
		return -EPROTO;
	last = get_be32(data);
	if (last == UINT32_MAX)
		return -EOVERFLOW;
	return fill(out, last, get_be32(data + 4), 0);
}

int scsi_capacity_parse_16(const uint8_t *data, size_t len, struct scsi_capacity *out)
{
	struct span reply = {data, len};
	int err;

	memset(out, 0, sizeof(*out));
	if (len < 12)
		return -EPROTO;
	err = fill(out, get_be64(data), get_be32(data + 8), span_u8(reply, 13) & 0x0f);
	if (err)
		return err;
	out->thin = span_u8(reply, 14) & 0x80;
	out->read_zeros = span_u8(reply, 14) & 0x40;
	return 0;
}
