/* SPDX-License-Identifier: BSD-3-Clause */
/* <vscsi/stats.h> */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vscsi/stats.h>

#include "device/device.h"
#include "queue/stats.h"
#include "util/error.h"
#include "util/export.h"
#include "util/options.h"

_Static_assert(sizeof(struct vscsi_stats) == 8 + STATS_COUNTERS * sizeof(uint64_t),
	       "struct vscsi_stats has the counters of enum stats_counter, in its order");

static int check(const struct vscsi_dev *dev)
{
	int err = device_check(dev);

	if (!err && !dev->queues.measured)
		err = error_set(-EOPNOTSUPP, "nothing is counted; open the device with stats=on");
	return err;
}

static int tell_counters(struct vscsi_stats *out, const struct io_stats *sum)
{
	struct vscsi_stats stats = {.size = 0};

	memcpy(&stats.reads, sum->count, sizeof(sum->count));
	return info_copy(out, &stats, sizeof(stats));
}

static int tell_latency(uint64_t *counts, unsigned max, const uint64_t *latency)
{
	if (max > VSCSI_LATENCY_BUCKETS)
		max = VSCSI_LATENCY_BUCKETS;
	if (max)
		memcpy(counts, latency, max * sizeof(*counts));
	return VSCSI_LATENCY_BUCKETS;
}

static int check_latency(const struct vscsi_dev *dev, uint32_t kind, const uint64_t *counts,
			 unsigned max)
{
	if (max && !counts)
		return error_set(-EINVAL, "%u elements of NULL", max);
	if (kind > VSCSI_LATENCY_WRITE)
		return error_set(-EINVAL, "kind %u: use VSCSI_LATENCY_READ or VSCSI_LATENCY_WRITE",
				 kind);
	return check(dev);
}

EXPORT int vscsi_lun_get_stats(struct vscsi_lun *lun, struct vscsi_stats *out)
{
	struct io_stats sum = {.count = {0}};
	int err;

	error_enter(__func__);
	err = check(lun->dev);
	if (err)
		return err;
	lun_sum_stats(lun, &sum);
	return tell_counters(out, &sum);
}

EXPORT int vscsi_queue_get_stats(struct vscsi_queue *queue, struct vscsi_stats *out)
{
	struct io_stats sum = {.count = {0}};
	int err;

	error_enter(__func__);
	err = check(device_of(queue));
	if (err)
		return err;
	lun_table_sum_stats(&device_of(queue)->luns, queue->ioq, &sum);
	return tell_counters(out, &sum);
}

EXPORT int vscsi_lun_get_latency(struct vscsi_lun *lun, uint32_t kind, uint64_t *counts,
				 unsigned max)
{
	struct io_stats sum = {.count = {0}};
	int err;

	error_enter(__func__);
	err = check_latency(lun->dev, kind, counts, max);
	if (err)
		return err;
	lun_sum_stats(lun, &sum);
	return tell_latency(counts, max, sum.latency[kind]);
}

EXPORT int vscsi_queue_get_latency(struct vscsi_queue *queue, uint32_t kind, uint64_t *counts,
				   unsigned max)
{
	struct io_stats sum = {.count = {0}};
	int err;

	error_enter(__func__);
	err = check_latency(device_of(queue), kind, counts, max);
	if (err)
		return err;
	lun_table_sum_stats(&device_of(queue)->luns, queue->ioq, &sum);
	return tell_latency(counts, max, sum.latency[kind]);
}

EXPORT uint64_t vscsi_latency_ns(unsigned bucket)
{
	return bucket < VSCSI_LATENCY_BUCKETS ? stats_bucket_ns(bucket) : UINT64_MAX;
}

EXPORT int vscsi_dev_get_stats(struct vscsi_dev *dev, struct vscsi_dev_stats *out)
{
	const struct reconnect *reconnect = &dev->reconnect;
	struct vscsi_dev_stats stats = {.size = 0};
	int err;

	error_enter(__func__);
	err = device_check(dev);
	if (err)
		return err;
	pthread_mutex_lock(&dev->lock);
	stats.losses = reconnect->losses;
	stats.reconnects = reconnect->reconnects;
	stats.away_ms = reconnect->away_ms;
	if (device_state(dev) == DEV_RECONNECTING)
		stats.away_ms += reconnect_away_ms(dev);
	snprintf(stats.reason, sizeof(stats.reason), "%s",
		 device_failed(dev) ? dev->failure : reconnect->reason);
	pthread_mutex_unlock(&dev->lock);
	return info_copy(out, &stats, sizeof(stats));
}
