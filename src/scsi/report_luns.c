/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The REPORT LUNS list. Its entries are decoded in lun_addr.h.
 */
#include <errno.h>

#include "scsi/lun_addr.h"
#include "scsi/report_luns.h"

#define HEADER 8u
#define ENTRY  8u

int scsi_lun_list_begin(struct scsi_lun_list *list, const uint8_t *data, size_t len)
{
	uint32_t claimed;

	memset(list, 0, sizeof(*list));
	if (len < HEADER)
		return -EPROTO;
	/* Counted in entries: a length that is not a multiple of one is rounded down. */
	claimed = get_be32(data) / ENTRY;
	list->wanted = HEADER + (uint64_t)claimed * ENTRY;
	list->entries = data + HEADER;
	list->left = (len - HEADER) / ENTRY;
	if (claimed < list->left)
		list->left = claimed;
	return 0;
}

bool scsi_lun_list_next(struct scsi_lun_list *list, unsigned *lun)
{
	bool found = false;

	while (list->left && !found) {
		found = scsi_lun_decode_single(list->entries, lun);
		list->entries += ENTRY;
		list->left--;
	}
	return found;
}
