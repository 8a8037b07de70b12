/* SPDX-License-Identifier: BSD-3-Clause */
/* Sums of the counters of LUNs. */
#include "lun/lun.h"
#include "queue/stats.h"

void lun_sum_stats(const struct vscsi_lun *lun, struct io_stats *sum)
{
	unsigned count = lun->table->queue->ioq->set->count;
	unsigned i;

	for (i = 0; i < count; i++)
		stats_add(sum, &lun->io.stats[i]);
}

void lun_table_sum_stats(struct lun_table *table, const struct ioq *ioq, struct io_stats *sum)
{
	struct vscsi_lun *lun;

	pthread_mutex_lock(&table->lock);
	for (lun = table->first; lun; lun = lun->next)
		stats_add(sum, stats_of(&lun->io, ioq));
	pthread_mutex_unlock(&table->lock);
}
