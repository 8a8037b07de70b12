/* SPDX-License-Identifier: BSD-3-Clause */
/* GET LBA STATUS data. */
#include <errno.h>

#include "scsi/lba_status.h"
#include "scsi/span.h"

#define HEADER     8u
#define DESCRIPTOR 16u

static uint32_t status_of(struct span descriptor)
{
	const uint32_t status = span_u8(descriptor, 12) & 0xf;

	return status <= SCSI_LBA_ANCHORED ? status : SCSI_LBA_MAPPED;
}

int scsi_lba_status_parse(const uint8_t *data, size_t len, uint64_t lba, struct scsi_lba_run *out,
			  unsigned max)
{
	struct span list = {data, len};
	uint64_t next = lba;
	unsigned count = 0;

	/* The length doesn't count its own four bytes. */
	list = span_after(span_limit(list, (size_t)span_be32(list, 0) + 4), HEADER);
	for (; span_has(list, 0, DESCRIPTOR); list = span_after(list, DESCRIPTOR)) {
		const uint64_t first = span_be64(list, 0);
		const uint64_t blocks = span_be32(list, 8);
		const uint32_t status = status_of(list);

		/* The first descriptor may begin before the requested block. */
		if (first > next || (count && first != next) || blocks <= next - first)
			break;
		if (blocks > UINT64_MAX - first)
			break;
		if (!count || out[count - 1].status != status) {
			if (count == max)
				break;
			out[count++] = (struct scsi_lba_run){0, status};
		}
		out[count - 1].blocks += blocks - (next - first);
		next = first + blocks;
	}
	return count ? (int)count : -EPROTO;
}
