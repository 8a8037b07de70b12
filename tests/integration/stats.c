/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters and latencies against a target: each request is counted once, as what it was and by how
 * it ended, in the same way for its LUN and for its request queue, and a loss of the device counts
 * as such.
 */
#include "loss.h"

#include <errno.h>

#define BLOCK 512u
#define COUNT 16u

static struct vscsi_stats stats_of(struct fixture *f)
{
	struct vscsi_stats of_queue = {.size = sizeof(of_queue)};
	struct vscsi_stats of_lun = {.size = sizeof(of_lun)};

	assert_int_equal(vscsi_lun_get_stats(f->lun, &of_lun), 0);
	assert_int_equal(vscsi_queue_get_stats(f->queue, &of_queue), 0);
	assert_memory_equal(&of_lun, &of_queue, sizeof(of_lun));
	return of_lun;
}

/* Requests whose latency was counted; none took longer than the time since @began. */
static uint64_t timed(struct fixture *f, uint32_t kind, uint64_t began)
{
	uint64_t of_queue[VSCSI_LATENCY_BUCKETS];
	uint64_t of_lun[VSCSI_LATENCY_BUCKETS];
	uint64_t most = (now_ms() - began + 1) * 1000000;
	uint64_t sum = 0;
	unsigned i;

	assert_int_equal(vscsi_lun_get_latency(f->lun, kind, of_lun, VSCSI_LATENCY_BUCKETS),
			 VSCSI_LATENCY_BUCKETS);
	assert_int_equal(vscsi_queue_get_latency(f->queue, kind, of_queue, VSCSI_LATENCY_BUCKETS),
			 VSCSI_LATENCY_BUCKETS);
	assert_memory_equal(of_lun, of_queue, sizeof(of_lun));
	for (i = 0; i < VSCSI_LATENCY_BUCKETS; i++) {
		assert_true(!of_lun[i] || vscsi_latency_ns(i) <= most);
		sum += of_lun[i];
	}
	return sum;
}

static void every_kind(void **state)
{
	struct fixture *f = *state;
	const struct vscsi_command ready = {.size = sizeof(ready), .cdb_len = 6};
	const struct vscsi_command unknown = {.size = sizeof(unknown), .cdb_len = 6, .cdb = {0xc0}};
	const struct vscsi_range range = {.lba = 64, .blocks = 8};
	uint64_t began = now_ms();
	struct vscsi_stats stats;
	unsigned i;
	char *data;

	START(f, "--lun=0:0,ram=16M,thin");
	open_disk(f, "?stats=on");
	data = alloc_dma(f, COUNT * BLOCK);
	for (i = 1; i <= COUNT; i++) {
		assert_int_equal(vscsi_read(f->queue, f->lun, data, i, i, 0, 0), 0);
		assert_int_equal(submit_one(f->queue), 0);
	}
	prepare_writes(f, f->queue, data, COUNT);
	collect_all(f->queue, COUNT, 0, false);
	assert_int_equal(vscsi_flush(f->queue, f->lun, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_unmap(f->queue, f->lun, &range, 1, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_write_zeroes(f->queue, f->lun, 64, 8, 0, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &ready, 0), 0);
	assert_int_equal(submit_one(f->queue), 0);
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &unknown, 0), 0);
	assert_int_not_equal(submit_one(f->queue), 0);
	/* Refused, so it isn't one. */
	assert_int_equal(vscsi_read(f->queue, f->lun, data, 0, 0, 0, 0), -EINVAL);

	stats = stats_of(f);
	assert_int_equal(stats.reads, COUNT);
	assert_int_equal(stats.read_bytes, COUNT * (COUNT + 1) / 2 * BLOCK);
	assert_int_equal(stats.writes, COUNT);
	assert_int_equal(stats.write_bytes, COUNT * BLOCK);
	assert_int_equal(stats.flushes, 1);
	assert_int_equal(stats.unmaps, 2);
	assert_int_equal(stats.commands, 1);
	assert_int_equal(stats.errors_target, 1);
	assert_int_equal(stats.errors_medium + stats.errors_conflict + stats.errors_timeout +
				 stats.errors_aborted + stats.errors_lost + stats.errors_protocol,
			 0);
	assert_int_equal(stats.retries + stats.replays, 0);
	assert_int_equal(timed(f, VSCSI_LATENCY_READ, began), COUNT);
	assert_int_equal(timed(f, VSCSI_LATENCY_WRITE, began), COUNT);
}

/* Requests that a killed target leaves are sent again, and completed once. */
static void after_a_loss(void **state)
{
	struct fixture *f = *state;
	struct vscsi_dev_stats device = {.size = sizeof(device)};
	struct vscsi_stats stats;
	uint64_t began = now_ms();
	int results[COUNT + 1];
	char *data;

	start_file(f, "?stats=on&recovery=replay");
	assert_int_equal(vscsi_dev_get_stats(f->dev, &device), 0);
	assert_int_equal(device.losses + device.reconnects + device.away_ms, 0);
	assert_string_equal(device.reason, "");
	data = alloc_dma(f, (COUNT + 1) * BLOCK);
	target_freeze(&f->target);
	prepare_writes(f, f->queue, data, COUNT);
	write_raw(f, f->queue, data + COUNT * BLOCK, COUNT, COUNT);
	assert_int_equal(vscsi_submit(f->queue), 0);
	target_kill(&f->target);
	await_loss(f);
	START(f, FILE_LUN);
	collect_results(f->queue, COUNT + 1, results);
	assert_int_equal(results[COUNT], -ECONNRESET);

	stats = stats_of(f);
	assert_int_equal(stats.writes, COUNT);
	assert_int_equal(stats.replays, COUNT);
	assert_int_equal(stats.errors_lost, 1);
	assert_int_equal(stats.commands, 0);
	assert_int_equal(timed(f, VSCSI_LATENCY_WRITE, began), COUNT);
	assert_int_equal(vscsi_dev_get_stats(f->dev, &device), 0);
	assert_int_equal(device.losses, 1);
	assert_int_equal(device.reconnects, 1);
	assert_in_range(device.away_ms, 0, now_ms() - began);
	assert_string_not_equal(device.reason, "");
}

/* Each queue has its own, and the LUN has the sum. */
static void of_two_queues(void **state)
{
	struct fixture *f = *state;
	struct vscsi_stats stats[3] = {
		{.size = sizeof(stats[0])}, {.size = sizeof(stats[0])}, {.size = sizeof(stats[0])}};
	struct vscsi_queue *other;
	unsigned i;
	char *data;

	start_file(f, "?stats=on&queues=3");
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &other), 0);
	data = alloc_dma(f, BLOCK);
	for (i = 0; i < COUNT; i++) {
		struct vscsi_queue *queue = i % 4 ? other : f->queue;

		assert_int_equal(vscsi_read(queue, f->lun, data, i, 1, 0, 0), 0);
		assert_int_equal(submit_one(queue), 0);
	}
	assert_int_equal(vscsi_queue_get_stats(f->queue, &stats[0]), 0);
	assert_int_equal(vscsi_queue_get_stats(other, &stats[1]), 0);
	assert_int_equal(vscsi_lun_get_stats(f->lun, &stats[2]), 0);
	assert_int_equal(stats[0].reads, COUNT / 4);
	assert_int_equal(stats[1].reads, COUNT - COUNT / 4);
	assert_int_equal(stats[2].reads, COUNT);
	assert_int_equal(vscsi_queue_close(other), 0);
}

static void without(void **state)
{
	struct vscsi_stats stats = {.size = sizeof(stats)};
	struct fixture *f = *state;
	uint64_t counts[1];

	start_file(f, "");
	assert_int_equal(vscsi_lun_get_stats(f->lun, &stats), -EOPNOTSUPP);
	assert_int_equal(vscsi_queue_get_stats(f->queue, &stats), -EOPNOTSUPP);
	assert_int_equal(vscsi_lun_get_latency(f->lun, VSCSI_LATENCY_READ, counts, 1), -EOPNOTSUPP);
	assert_int_equal(vscsi_queue_get_latency(f->queue, VSCSI_LATENCY_READ, counts, 1),
			 -EOPNOTSUPP);
}

int main(void)
{
	static const struct CMUnitTest stats[] = {
		TEST(every_kind),
		TEST(after_a_loss),
		TEST(of_two_queues),
		TEST(without),
	};

	return RUN_TESTS(stats);
}
