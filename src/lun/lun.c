/* SPDX-License-Identifier: BSD-3-Clause */
/* The LUN handle: open, close, information. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lun/probe.h"
#include "lun/table.h"
#include "queue/credit.h"
#include "queue/stats.h"
#include "queue/timeout.h"
#include "util/error.h"

/* Attempts to open a LUN if it changes or the device is lost meanwhile. */
#define TRIES 3u

/*
 * The device limits the requests in flight to one LUN (virtio 1.4, 5.6.4.1). Requests need not be
 * counted if all rings together hold no more. The table's lock is held.
 */
static int set_credits(struct vscsi_lun *lun)
{
	const struct lun_limits *limits = &lun->table->limits;
	const struct queue_set *set = lun->table->queue->ioq->set;

	free(lun->io.credits);
	lun->io.credits = NULL;
	lun->info.queue_limit = 0;
	if (limits->cmd_per_lun >= limits->slots)
		return 0;
	lun->io.credits = credits_create(limits->cmd_per_lun, set->count);
	if (!lun->io.credits)
		return error_set(-ENOMEM, "out of memory");
	lun->info.queue_limit = limits->cmd_per_lun;
	return 0;
}

/* Frees a LUN that is in no list. */
static void destroy(struct vscsi_lun *lun)
{
	lun_probe_destroy(lun->probe);
	free(lun->io.credits);
	free(lun->io.stats);
	free(lun);
}

/* Begins an attempt. The table's lock is held. */
static int begin(struct vscsi_lun *lun)
{
	lun->losses = atomic_load_explicit(&lun->table->losses, memory_order_relaxed);
	lun->stale = false;
	lun->tries++;
	lun_probe_begin(lun->probe, false, 0);
	return set_credits(lun);
}

static int make_stats(struct vscsi_lun *lun, const struct queue_set *set)
{
	if (!set->measured)
		return 0;
	lun->io.stats = stats_create(set->count);
	return lun->io.stats ? 0 : error_set(-ENOMEM, "out of memory");
}

static int init(struct vscsi_lun *lun, unsigned target, unsigned number,
		const struct lun_open_opts *opts)
{
	struct lun_table *table = lun->table;
	int err = io_lun_init(&lun->io, table->queue->ioq->set, target, number);

	if (!err)
		err = make_stats(lun, table->queue->ioq->set);
	if (!err)
		err = lun_probe_create(table, target, number, &lun->probe);
	if (err)
		return err;
	lun->info.target = target;
	lun->info.lun = number;
	lun->probed = !opts->raw;
	lun->io.raw = opts->raw;
	lun->io.retries = opts->retries;
	lun->io.timeout_ms =
		timeout_set(table->queue->ioq->set, opts->timeout_ms, table->io_timeout_ms);
	pthread_mutex_lock(&table->lock);
	err = begin(lun);
	if (!err)
		lun_table_push(&table->opening, lun);
	pthread_mutex_unlock(&table->lock);
	return err;
}

int lun_open_begin(struct lun_table *table, struct vscsi_dev *dev, unsigned target, unsigned number,
		   const struct lun_open_opts *opts, struct vscsi_lun **out)
{
	struct vscsi_lun *lun = aligned_alloc(CACHE_LINE, align_up(sizeof(*lun), CACHE_LINE));
	int err;

	if (!lun)
		return error_set(-ENOMEM, "out of memory");
	memset(lun, 0, sizeof(*lun));
	lun->dev = dev;
	lun->table = table;
	err = init(lun, target, number, opts);
	if (err) {
		destroy(lun);
		return err;
	}
	*out = lun;
	return 0;
}

/*
 * Other handles of the address were opened for the disk that is there, or are in doubt now: this
 * probe may have received the unit attention that told of another one.
 */
static void doubt_others(const struct vscsi_lun *lun)
{
	struct vscsi_lun *other;

	for (other = lun->table->first; other; other = other->next) {
		if (!other->probed || !lun_has_address(other, lun->io.target, lun->io.number) ||
		    io_lun_state(&other->io) != LUN_PRESENT)
			continue;
		if (lun_compare_names(other, &lun->identity) == SCSI_IDENTITY_OTHER ||
		    other->io.block_size != lun->io.block_size ||
		    other->info.blocks != lun->info.blocks)
			lun_table_doubt(other);
	}
	lun_table_count(lun->table);
}

/* Adds a probed LUN to the table. The table's lock is held. */
static void enlist(struct vscsi_lun *lun)
{
	struct lun_table *table = lun->table;
	struct queue_set *set = table->queue->ioq->set;
	unsigned i;

	if (lun->probed) {
		lun_facts_apply(&lun->probe->facts, &table->limits, lun);
		doubt_others(lun);
	}
	if (lun->io.credits) {
		pthread_mutex_lock(&set->lock);
		for (i = 0; i < set->count; i++)
			ioq_begin_counting(set->ioqs[i]);
		pthread_mutex_unlock(&set->lock);
	}
	query_release(&lun->probe->query);
	lun->stale = false;
	lun_table_pull(&table->opening, lun);
	lun_table_push(&table->first, lun);
}

/*
 * Whether the answers, or the error, may come from different disks or from before and after a loss.
 * The table's lock is held.
 */
static bool is_mixed(const struct vscsi_lun *lun, int err)
{
	const struct lun_table *table = lun->table;
	bool lost = lun->losses != atomic_load_explicit(&table->losses, memory_order_relaxed);

	if (err == -ENOTCONN)
		return lost && ioq_state(table->queue->ioq) != IOQ_DEAD;
	return lun->stale || err == -ECONNRESET || (lost && !err);
}

/* Ends an attempt, with the lock held. Return: 0, -EINPROGRESS (next attempt), or an error. */
static int end_try(struct vscsi_lun *lun, int err)
{
	if (!is_mixed(lun, err)) {
		if (!err)
			enlist(lun);
		return err;
	}
	if (lun->tries < TRIES) {
		err = begin(lun);
		return err ? err : -EINPROGRESS;
	}
	return error_set(lun->stale ? -ENODEV : -ENOTCONN,
			 "%s each time that LUN %u:%u was asked what it is; try again",
			 lun->stale ? "the disk was removed or exchanged"
				    : "the device was lost and came back",
			 lun->io.target, lun->io.number);
}

int lun_open_step(struct vscsi_lun *lun)
{
	struct lun_table *table = lun->table;
	bool unsent = false;
	int err = 0;

	if (lun->probed)
		err = lun_probe_step(lun->probe, &unsent);
	if (unsent)
		query_submit(table->queue);
	if (err == -EINPROGRESS)
		return err;
	pthread_mutex_lock(&table->lock);
	err = end_try(lun, err);
	pthread_mutex_unlock(&table->lock);
	if (err && err != -EINPROGRESS)
		lun_open_cancel(lun);
	return err;
}

void lun_open_cancel(struct vscsi_lun *lun)
{
	pthread_mutex_lock(&lun->table->lock);
	lun_table_pull(&lun->table->opening, lun);
	pthread_mutex_unlock(&lun->table->lock);
	destroy(lun);
}

int lun_close(struct vscsi_lun *lun)
{
	struct lun_table *table = lun->table;
	const struct queue_set *set = table->queue->ioq->set;
	unsigned i;

	for (i = 0; i < set->count; i++) {
		if (ioq_uses_lun(set->ioqs[i], &lun->io))
			return error_set(-EBUSY,
					 "requests to LUN %u:%u are in flight; call vscsi_poll() "
					 "until all are returned",
					 lun->io.target, lun->io.number);
	}
	pthread_mutex_lock(&table->lock);
	lun_table_pull(&table->first, lun);
	lun_table_count(table);
	pthread_mutex_unlock(&table->lock);
	query_release(&lun->probe->query);
	query_trim(table, lun_table_open(table));
	destroy(lun);
	return 0;
}

void lun_set_identity(struct vscsi_lun *lun, const struct scsi_identity *identity)
{
	pthread_mutex_lock(&lun->table->lock);
	lun->identity = *identity;
	lun_table_doubt(lun);
	lun_table_count(lun->table);
	pthread_mutex_unlock(&lun->table->lock);
}

void lun_set_registration(struct vscsi_lun *lun, uint64_t key, uint32_t losses)
{
	struct lun_table *table = lun->table;
	struct vscsi_lun *other;
	bool unsure;

	pthread_mutex_lock(&table->lock);
	unsure = losses != atomic_load_explicit(&table->losses, memory_order_relaxed) ||
		 io_lun_state(&lun->io) == LUN_SUSPECT;
	for (other = table->first; other; other = other->next) {
		if (!lun_has_address(other, lun->io.target, lun->io.number))
			continue;
		other->registration = (struct lun_registration){.key = other == lun ? key : 0};
		/* A probe that began before may have asked for another key, or too early. */
		if (unsure && io_lun_state(&other->io) != LUN_GONE)
			lun_table_doubt(other);
		lun_facts_limit_writes(other);
		io_lun_set_limits(&other->io);
	}
	lun_table_count(table);
	pthread_mutex_unlock(&table->lock);
}

void lun_table_in_child(struct lun_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
}

void lun_abandon(struct vscsi_lun *lun)
{
	lun_table_pull(&lun->table->first, lun);
	query_trim(lun->table, lun_table_open(lun->table));
	destroy(lun);
}

void lun_get_info(struct vscsi_lun *lun, struct vscsi_lun_info *info)
{
	pthread_mutex_lock(&lun->table->lock);
	*info = lun->info;
	info->max_caw_blocks = io_lun_max_caw(&lun->io);
	pthread_mutex_unlock(&lun->table->lock);
}
