/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * READ CAPACITY: both replies tell the last address, so the block count is one more, with care.
 */
#include <errno.h>

#include "scsi/capacity.h"
#include "scsi/span.h"

/* @exponent: physical blocks have 2 to the power of this many logical ones, 0 to 15. */
static int fill(struct scsi_capacity *out, uint64_t last, uint32_t block_size, unsigned exponent)
{
	if (!is_pow2(block_size) || block_size < SCSI_MIN_BLOCK_SIZE ||
	    block_size > SCSI_MAX_BLOCK_SIZE)
		return -EPROTO;
	/* Refused here once, so that no product of blocks and block size can wrap elsewhere. */
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
