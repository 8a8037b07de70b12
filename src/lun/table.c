/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of open LUNs, and the events that change their states. */
#include <string.h>

#include <vscsi/device.h>

#include "lun/table.h"
#include "queue/timeout.h"

void lun_table_init(struct lun_table *table)
{
	memset(table, 0, sizeof(*table));
	pthread_mutex_init(&table->lock, NULL);
}

void lun_table_fini(struct lun_table *table)
{
	pthread_mutex_destroy(&table->lock);
}

void lun_table_push(struct vscsi_lun **list, struct vscsi_lun *lun)
{
	lun->next = *list;
	*list = lun;
}

void lun_table_pull(struct vscsi_lun **list, struct vscsi_lun *lun)
{
	while (*list != lun)
		list = &(*list)->next;
	*list = lun->next;
}

void lun_table_set_gone(struct vscsi_lun *lun)
{
	io_lun_set_state(&lun->io, LUN_GONE);
	lun->doubt = LUN_DOUBT_PLUG;
}

void lun_table_count(struct lun_table *table)
{
	struct vscsi_lun *lun;
	unsigned doubts = 0;

	for (lun = table->first; lun; lun = lun->next)
		doubts += io_lun_state(&lun->io) == LUN_SUSPECT;
	atomic_store_explicit(&table->doubts, doubts, memory_order_relaxed);
	atomic_store_explicit(&table->due_ms, 0, memory_order_relaxed);
}

void lun_table_recount(struct lun_table *table)
{
	pthread_mutex_lock(&table->lock);
	lun_table_count(table);
	pthread_mutex_unlock(&table->lock);
}

void lun_table_doubt(struct vscsi_lun *lun)
{
	io_lun_set_state(&lun->io, LUN_SUSPECT);
	lun->stale = true;
	lun->again_ms = 0;
	lun->missing_until = 0;
}

enum scsi_identity_match lun_compare_names(const struct vscsi_lun *lun,
					   const struct scsi_identity *now)
{
	if (lun->probed && !lun->identity.len && now->len)
		return SCSI_IDENTITY_OTHER;
	return scsi_identity_compare(&lun->identity, now);
}

void lun_table_suspect_all(struct lun_table *table)
{
	struct vscsi_lun *lun;

	atomic_fetch_add_explicit(&table->losses, 1, memory_order_relaxed);
	pthread_mutex_lock(&table->lock);
	for (lun = table->first; lun; lun = lun->next) {
		if (io_lun_state(&lun->io) == LUN_GONE)
			continue;
		if (lun->doubt != LUN_DOUBT_PLUG)
			lun->doubt = LUN_DOUBT_LOSS;
		lun_table_doubt(lun);
	}
	lun_table_count(table);
	pthread_mutex_unlock(&table->lock);
}

bool lun_table_suspect(struct lun_table *table, unsigned target, unsigned number)
{
	struct vscsi_lun *lun;
	bool found = false;

	pthread_mutex_lock(&table->lock);
	for (lun = table->first; lun; lun = lun->next) {
		if (!lun_has_address(lun, target, number))
			continue;
		lun_table_doubt(lun);
		found = true;
	}
	for (lun = table->opening; lun; lun = lun->next)
		lun->stale |= lun_has_address(lun, target, number);
	lun_table_count(table);
	pthread_mutex_unlock(&table->lock);
	return found;
}

unsigned lun_table_open(struct lun_table *table)
{
	const struct vscsi_lun *lun;
	unsigned count = 0;

	pthread_mutex_lock(&table->lock);
	for (lun = table->first; lun; lun = lun->next)
		count++;
	pthread_mutex_unlock(&table->lock);
	return count;
}

static bool is_among(const struct vscsi_lun_addr *found, unsigned count,
		     const struct vscsi_lun *lun)
{
	unsigned i;

	for (i = 0; i < count; i++) {
		if (lun_has_address(lun, found[i].target, found[i].lun))
			return true;
	}
	return false;
}

unsigned lun_table_compare(struct lun_table *table, const struct vscsi_lun_addr *found,
			   unsigned count, struct lun_change *gone, unsigned max)
{
	struct vscsi_lun *lun;
	unsigned ngone = 0;

	pthread_mutex_lock(&table->lock);
	for (lun = table->first; lun && ngone < max; lun = lun->next) {
		const bool is_gone = io_lun_state(&lun->io) == LUN_GONE;

		/* Raw commands may be for one that no list has, as a well-known logical unit. */
		if (is_among(found, count, lun) || (!lun->probed && !is_gone)) {
			lun_table_doubt(lun);
		} else if (!is_gone) {
			lun_table_set_gone(lun);
			gone[ngone++] = (struct lun_change){.type = VSCSI_EVENT_UNPLUGGED,
							    .target = lun->io.target,
							    .number = lun->io.number};
		}
	}
	lun_table_count(table);
	pthread_mutex_unlock(&table->lock);
	return ngone;
}

bool lun_table_remove(struct lun_table *table, unsigned target, unsigned number)
{
	struct vscsi_lun *lun;
	bool is_new = false;

	pthread_mutex_lock(&table->lock);
	for (lun = table->first; lun; lun = lun->next) {
		if (!lun_has_address(lun, target, number) || io_lun_state(&lun->io) == LUN_GONE)
			continue;
		is_new |= lun->doubt != LUN_DOUBT_PLUG;
		lun_table_set_gone(lun);
	}
	for (lun = table->opening; lun; lun = lun->next)
		lun->stale |= lun_has_address(lun, target, number);
	lun_table_count(table);
	pthread_mutex_unlock(&table->lock);
	return is_new;
}

void lun_table_note_reset(struct lun_table *table, unsigned target, unsigned number)
{
	struct vscsi_lun *lun;

	pthread_mutex_lock(&table->lock);
	for (lun = table->first; lun; lun = lun->next) {
		if (lun->io.target == target && (number == LUN_EVERY || lun->io.number == number))
			timeout_note_reset(table->queue->ioq->set, &lun->io);
	}
	pthread_mutex_unlock(&table->lock);
}
