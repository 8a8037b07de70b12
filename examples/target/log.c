/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * LOG SENSE (SPC-4): what there is to tell truthfully is that no failure is predicted.
 */
#include <string.h>

#include "../../src/util/bits.h"
#include "scsi_op.h"

#define PAGE_SUPPORTED  0x00
#define PAGE_EXCEPTIONS 0x2f /* informational exceptions */
#define SUBPAGE_LIST    0xff

/* The temperature is unknown (SPC-4, "Informational Exceptions log page"). */
static const uint8_t exceptions[8] = {0, 0, 0x03, 4, 0, 0, 0xff};

void run_log_sense(struct scsi_task *t)
{
	static const uint8_t list[] = {PAGE_SUPPORTED, PAGE_EXCEPTIONS};
	static const uint8_t sublist[] = {PAGE_SUPPORTED,  0, PAGE_SUPPORTED, SUBPAGE_LIST,
					  PAGE_EXCEPTIONS, 0};
	uint8_t page = t->cdb[2] & 0x3f;
	uint8_t subpage = t->cdb[3];
	uint8_t d[16] = {page, subpage};
	const uint8_t *from;
	uint16_t len;

	if (page == PAGE_SUPPORTED && subpage == SUBPAGE_LIST) {
		from = sublist;
		len = sizeof(sublist);
	} else if (page == PAGE_SUPPORTED && !subpage) {
		from = list;
		len = sizeof(list);
	} else if (page == PAGE_EXCEPTIONS && !subpage) {
		from = exceptions;
		len = sizeof(exceptions);
	} else {
		task_fail_field(t, true, subpage ? 3 : 2, subpage ? -1 : 5);
		return;
	}
	if (t->cdb[2] >> 6 != 1) { /* PC: the current cumulative values are all there is */
		task_fail_field(t, true, 2, 7);
		return;
	}
	/* PARAMETER POINTER: the only parameter is 0. */
	if (get_be16(t->cdb + 5)) {
		task_fail_field(t, true, 5, -1);
		return;
	}
	if (subpage)
		d[0] |= 0x40; /* SPF */
	put_be16(d + 2, len);
	memcpy(d + 4, from, len);
	task_reply(t, d, 4u + len);
}
