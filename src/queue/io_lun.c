/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of a logical unit, and what it allows. */
#include <errno.h>
#include <string.h>

#include "queue/io_lun.h"
#include "scsi/lun_addr.h"
#include "util/error.h"
#include "util/probe.h"

int io_lun_init(struct io_lun *lun, const struct queue_set *set, unsigned target, unsigned number)
{
	memset(lun, 0, sizeof(*lun));
	if (!scsi_lun_encode(lun->addr, target, number))
		return error_set(-EINVAL, "LUN %u:%u: targets go up to %u, LUNs up to %u", target,
				 number, SCSI_MAX_TARGET, SCSI_MAX_LUN);
	lun->set = set;
	lun->target = target;
	lun->number = number;
	return 0;
}

/* The transitions of the diagram in io_lun.h. */
static const uint8_t next_states[] = {
	[LUN_PRESENT] = 1u << LUN_SUSPECT | 1u << LUN_GONE,
	[LUN_SUSPECT] = 1u << LUN_PRESENT | 1u << LUN_GONE,
	[LUN_GONE] = 1u << LUN_SUSPECT,
};

static void set_fast_blocks(struct io_lun *lun)
{
	_Atomic uint32_t *most = lun->credits ? lun->counted_blocks : lun->fast_blocks;
	uint32_t blocks = lun->max_blocks;

	if (!lun->wide && blocks > UINT16_MAX)
		blocks = UINT16_MAX;
	if (io_lun_state(lun) != LUN_PRESENT)
		blocks = 0;
	atomic_store_explicit(&most[0], blocks, memory_order_relaxed);
	atomic_store_explicit(&most[1], IO_LUN_LIMIT(lun, write_error) ? 0 : blocks,
			      memory_order_relaxed);
}

void io_lun_set_limits(struct io_lun *lun)
{
	/* A transfer that begins below this ends below 2^32, whatever its length. */
	uint64_t short_lbas = lun->wide ? 0 : UINT32_MAX - UINT16_MAX;

	lock_acquire(&lun->lock);
	if (lun->short_lbas != short_lbas)
		lun->short_lbas = short_lbas;
	set_fast_blocks(lun);
	lock_release(&lun->lock);
}

bool io_lun_set_state(struct io_lun *lun, enum lun_state to)
{
	bool legal;

	lock_acquire(&lun->lock);
	legal = next_states[io_lun_state(lun)] & 1u << to;
	if (legal) {
		atomic_store_explicit(&lun->state, (uint8_t)to, memory_order_relaxed);
		PROBE3(lun_state, lun->target, lun->number, to);
		set_fast_blocks(lun);
	}
	lock_release(&lun->lock);
	return legal;
}
