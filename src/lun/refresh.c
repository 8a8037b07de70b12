/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads the capacity and limits of an open LUN again. */
#include <errno.h>
#include <stdlib.h>

#include "lun/probe.h"
#include "lun/table.h"
#include "util/error.h"

/* Attempts if the device is lost meanwhile. */
#define TRIES 3u

/**
 * struct lun_refresh - A refresh
 * @lun: the LUN
 * @probe: NULL for device types without blocks
 * @losses: lun_table.losses when this attempt began
 * @tries: number of attempts
 */
struct lun_refresh {
	struct vscsi_lun *lun;
	struct lun_probe *probe;
	uint32_t losses;
	unsigned tries;
};

static void begin(struct lun_refresh *refresh)
{
	refresh->losses = atomic_load_explicit(&refresh->lun->table->losses, memory_order_relaxed);
	refresh->tries++;
	lun_probe_begin(refresh->probe, false, 0);
}

int lun_refresh_begin(struct vscsi_lun *lun, struct lun_refresh **out)
{
	struct lun_refresh *refresh;
	int err;

	if (!lun->probed)
		return error_set(-EINVAL,
				 "LUN %u:%u was opened for raw commands: nothing is known of it",
				 lun->io.target, lun->io.number);
	refresh = calloc(1, sizeof(*refresh));
	if (!refresh)
		return error_set(-ENOMEM, "out of memory");
	refresh->lun = lun;
	if (lun_type_has_blocks(lun->info.type)) {
		err = lun_probe_create(lun->table, lun->io.target, lun->io.number, &refresh->probe);
		if (err) {
			free(refresh);
			return err;
		}
		begin(refresh);
	}
	*out = refresh;
	return 0;
}

/* Applies the results, with the table's lock held. Return: 0, or a negative errno. */
static int adopt(struct vscsi_lun *lun, const struct lun_facts *facts)
{
	uint32_t size = facts->capacity.block_size;

	if (io_lun_state(&lun->io) == LUN_GONE ||
	    lun_compare_names(lun, &facts->identity) == SCSI_IDENTITY_OTHER)
		return error_set(-ENODEV, "LUN %u:%u is gone, or is another one now; close it",
				 lun->io.target, lun->io.number);
	/* An inserted medium is a new disk; a removed one leaves no blocks. */
	if (size && size != lun->io.block_size)
		return error_set(
			-EPROTO,
			"LUN %u:%u now has blocks of %u bytes instead of %u; open it again",
			lun->io.target, lun->io.number, size, lun->io.block_size);
	lun_facts_adopt(facts, &lun->table->limits, lun);
	return 0;
}

/* Whether the answers, or the error, may come from before and after a loss. */
static bool is_mixed(const struct lun_refresh *refresh, int err)
{
	const struct lun_table *table = refresh->lun->table;
	bool lost = refresh->losses != atomic_load_explicit(&table->losses, memory_order_relaxed);

	if (err == -ENOTCONN)
		return lost && ioq_state(table->queue->ioq) != IOQ_DEAD;
	return err == -ECONNRESET || (lost && !err);
}

int lun_refresh_step(struct lun_refresh *refresh)
{
	struct vscsi_lun *lun = refresh->lun;
	struct lun_table *table = lun->table;
	bool unsent = false;
	int err;

	if (!refresh->probe)
		return 0;
	err = lun_probe_step(refresh->probe, &unsent);
	if (unsent)
		query_submit(table->queue);
	if (err == -EINPROGRESS)
		return err;
	if (is_mixed(refresh, err)) {
		if (refresh->tries == TRIES)
			return error_set(
				-ENOTCONN,
				"the device was lost and came back each time that LUN %u:%u "
				"was asked what it is; try again",
				lun->io.target, lun->io.number);
		begin(refresh);
		return -EINPROGRESS;
	}
	if (err)
		return err;
	pthread_mutex_lock(&table->lock);
	err = adopt(lun, &refresh->probe->facts);
	pthread_mutex_unlock(&table->lock);
	/* Revalidation decides whether the LUN is GONE. */
	if (err == -ENODEV && io_lun_state(&lun->io) != LUN_GONE)
		lun_table_suspect(table, lun->io.target, lun->io.number);
	return err;
}

void lun_refresh_end(struct lun_refresh *refresh)
{
	lun_probe_destroy(refresh->probe);
	free(refresh);
}
