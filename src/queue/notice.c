/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of notices. */
#include <string.h>

#include "queue/io_lun.h"
#include "queue/notice.h"

void notice_add(struct notices *notices, struct io_lun *lun, uint8_t asc, uint8_t ascq,
		bool suspect)
{
	const struct notice notice = {(uint16_t)lun->target, (uint16_t)lun->number, asc, ascq};
	unsigned i;

	lock_acquire(&notices->lock);
	for (i = 0; i < notices->count; i++) {
		if (!memcmp(&notices->list[i], &notice, sizeof(notice)))
			break;
	}
	if (i == NOTICES)
		notices->lost = true;
	else if (i == notices->count)
		notices->list[notices->count++] = notice;
	atomic_store_explicit(&notices->pending, true, memory_order_relaxed);
	if (suspect)
		io_lun_set_state(lun, LUN_SUSPECT);
	lock_release(&notices->lock);
}

unsigned notice_take(struct notices *notices, struct notice *out, bool *lost)
{
	unsigned count;

	lock_acquire(&notices->lock);
	count = notices->count;
	memcpy(out, notices->list, count * sizeof(*out));
	*lost = notices->lost;
	notices->count = 0;
	notices->lost = false;
	atomic_store_explicit(&notices->pending, false, memory_order_relaxed);
	lock_release(&notices->lock);
	return count;
}
