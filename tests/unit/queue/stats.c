/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters and latencies: every kind of request, on every path, exactly once. */
#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "harness/loss.h"
#include "queue/queue.h"
#include "queue/stats.h"
#include "queue_tests.h"

static struct vscsi_stats stats_of_lun(struct driver *d)
{
	struct vscsi_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_lun_get_stats(d->lun, &stats), 0);
	return stats;
}

static struct vscsi_stats stats_of_queue(struct vscsi_queue *queue)
{
	struct vscsi_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_queue_get_stats(queue, &stats), 0);
	return stats;
}

static uint64_t sum(const uint64_t *counts)
{
	uint64_t all = 0;
	unsigned i;

	for (i = 0; i < VSCSI_LATENCY_BUCKETS; i++)
		all += counts[i];
	return all;
}

/* How many latencies of a kind the LUN and the queue have. */
static void check_latencies(struct driver *d, struct vscsi_queue *queue, uint32_t kind,
			    uint64_t count)
{
	uint64_t counts[VSCSI_LATENCY_BUCKETS];

	assert_int_equal(vscsi_lun_get_latency(d->lun, kind, counts, VSCSI_LATENCY_BUCKETS),
			 VSCSI_LATENCY_BUCKETS);
	assert_int_equal(sum(counts), count);
	assert_int_equal(vscsi_queue_get_latency(queue, kind, counts, VSCSI_LATENCY_BUCKETS),
			 VSCSI_LATENCY_BUCKETS);
	assert_int_equal(sum(counts), count);
}

/* Submits, and polls until so many have come. */
static void collect(struct vscsi_queue *queue, unsigned count)
{
	struct vscsi_completion done[16];
	int found;
	int i;

	assert_int_equal(vscsi_submit(queue), 0);
	while (count) {
		found = vscsi_poll(queue, done, 16);
		assert_true(found > 0 && found <= (int)count);
		for (i = 0; i < found; i++)
			assert_int_equal(done[i].result, 0);
		count -= (unsigned)found;
	}
}

/* Some of each kind. */
static void do_all_kinds(struct driver *d, struct vscsi_queue *queue)
{
	const struct vscsi_range range = {.lba = 7, .blocks = 1};
	const struct vscsi_command ready = {.size = sizeof(ready), .cdb_len = 6};
	struct iovec iov[2] = {{d->buf, 512}, {d->buf + 1024, 1024}};

	assert_int_equal(vscsi_read(queue, d->lun, d->buf, 0, 2, 0, 1), 0);
	collect(queue, 1);
	assert_int_equal(vscsi_read(queue, d->lun, d->buf, 0, 1, 0, 1), 0);
	assert_int_equal(vscsi_readv(queue, d->lun, iov, 2, 0, 3, 0, 1), 0);
	assert_int_equal(vscsi_write(queue, d->lun, d->buf, 0, 4, 0, 1), 0);
	collect(queue, 3);
	assert_int_equal(vscsi_write(queue, d->lun, d->buf, 0, 1, VSCSI_IO_FUA, 1), 0);
	assert_int_equal(vscsi_flush(queue, d->lun, 1), 0);
	assert_int_equal(vscsi_unmap(queue, d->lun, &range, 1, 1), 0);
	assert_int_equal(vscsi_write_zeroes(queue, d->lun, 3, 1, 0, 1), 0);
	assert_int_equal(vscsi_prepare_command(queue, d->lun, &ready, 1), 0);
	assert_int_equal(vscsi_compare_and_write(queue, d->lun, d->buf, d->buf + 512, 9, 1, 0, 1),
			 0);
	collect(queue, 6);
}

static void check_all_kinds(const struct vscsi_stats *stats, unsigned times)
{
	assert_int_equal(stats->reads, 3 * times);
	assert_int_equal(stats->read_bytes, 6 * 512 * times);
	assert_int_equal(stats->writes, 2 * times);
	assert_int_equal(stats->write_bytes, 5 * 512 * times);
	assert_int_equal(stats->flushes, times);
	assert_int_equal(stats->unmaps, 2 * times);
	assert_int_equal(stats->commands, 2 * times);
	assert_int_equal(stats->errors_target + stats->errors_medium + stats->errors_lost, 0);
}

/* Opens a device and does everything, on an exclusive queue and on a shared one. */
static void expect_counts(struct driver *d, const char *options)
{
	/* The model's disk has no COMPARE AND WRITE of its own. */
	static const struct said said = {.cdb = {0x89}, .end = {.used_len = RESPONSE_BYTES}};
	struct vscsi_queue *shared;
	struct vscsi_stats stats;

	d->m->mode = 0x10; /* it knows FUA */
	d->m->said = &said;
	d->m->nsaid = 1;
	driver_open(d, options);
	do_all_kinds(d, d->queue);
	stats = stats_of_lun(d);
	check_all_kinds(&stats, 1);
	stats = stats_of_queue(d->queue);
	check_all_kinds(&stats, 1);
	check_latencies(d, d->queue, VSCSI_LATENCY_READ, 3);
	check_latencies(d, d->queue, VSCSI_LATENCY_WRITE, 2);
	shared = driver_open_queue(d, VSCSI_QUEUE_SHARED);
	do_all_kinds(d, shared);
	stats = stats_of_lun(d);
	check_all_kinds(&stats, 2);
	stats = stats_of_queue(shared);
	check_all_kinds(&stats, 1);
	assert_int_equal(vscsi_queue_close(shared), 0);
	driver_close(d);
}

static void test_every_kind_on_every_path(void **state)
{
	struct driver d;

	(void)state;
	driver_init(&d);
	expect_counts(&d, "stats=on");
	driver_init(&d);
	expect_counts(&d, "stats=on&indirect=off");
	driver_init(&d);
	d.m->fake.config.cmd_per_lun = htole32(16);
	expect_counts(&d, "stats=on");
	driver_init(&d);
	d.m->fake.ops.features |= BIT(VIRTIO_F_RING_PACKED);
	expect_counts(&d, "stats=on&packed=on");
	driver_init(&d);
	d.m->fake.ops.features |= BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER);
	expect_counts(&d, "stats=on&packed=on&in_order=on");
}

/* A batch begins with its first request, and ends when it is submitted. */
static void test_each_batch_begins_once(void **state)
{
	uint64_t first;
	struct driver d;

	(void)state;
	driver_start(&d, "stats=on");
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), 0);
	first = d.queue->ioq->batch_begun;
	assert_true(first > 0);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), 0);
	assert_true(d.queue->ioq->batch_begun == first);
	collect(d.queue, 2);
	assert_int_equal(d.queue->ioq->batch_begun, 0);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), 0);
	assert_true(d.queue->ioq->batch_begun > first);
	collect(d.queue, 1);
	driver_close(&d);
}

/* The calls of sync.h are counted where they run: on the first request queue. */
static void test_sync_calls_are_counted(void **state)
{
	char block[512] = "";
	struct vscsi_stats stats;
	struct driver d;

	(void)state;
	driver_start(&d, "stats=on");
	assert_int_equal(vscsi_pwrite(d.lun, block, sizeof(block), 0, 0), 0);
	assert_int_equal(vscsi_pread(d.lun, block, sizeof(block), 0), 0);
	assert_int_equal(vscsi_sync_flush(d.lun), 0);
	stats = stats_of_lun(&d);
	assert_int_equal(stats.reads, 1);
	assert_int_equal(stats.writes, 1);
	assert_int_equal(stats.flushes, 1);
	stats = stats_of_queue(d.queue);
	assert_int_equal(stats.reads + stats.writes, 0);
	driver_close(&d);
}

static void test_errors_by_kind(void **state)
{
	static const struct {
		uint8_t key;
		uint8_t asc;
		size_t counter;
	} table[] = {
		{3, 0x11, offsetof(struct vscsi_stats, errors_medium)},
		{5, 0x24, offsetof(struct vscsi_stats, errors_target)},
	};
	struct vscsi_stats stats;
	struct chain chain;
	struct answer answer;
	struct driver d;
	unsigned i;

	(void)state;
	driver_start(&d, "stats=on");
	driver_hold_own(&d);
	for (i = 0; i < ARRAY_LEN(table); i++) {
		driver_read(&d, 1);
		chain = driver_take(&d);
		answer = model_sense(&chain, table[i].key, table[i].asc, 0);
		model_answer(d.m, &chain, &answer);
		assert_true(driver_poll(&d).result < 0);
		stats = stats_of_lun(&d);
		assert_int_equal(*(uint64_t *)((char *)&stats + table[i].counter), 1);
	}
	driver_read(&d, 1);
	chain = driver_take(&d);
	answer = model_good(&chain);
	answer.status = 0x18;
	model_answer(d.m, &chain, &answer);
	assert_int_equal(driver_poll(&d).result, -EBADE);
	stats = stats_of_lun(&d);
	assert_int_equal(stats.errors_conflict, 1);
	assert_int_equal(stats.reads, 0);
	check_latencies(&d, d.queue, VSCSI_LATENCY_READ, 0);
	driver_close(&d);
}

/* A request that is sent again is one request. */
static void test_retries_are_counted(void **state)
{
	struct vscsi_completion done;
	struct vscsi_stats stats;
	struct answer answer;
	struct chain chain;
	struct driver d;

	(void)state;
	driver_start(&d, "stats=on");
	driver_hold_own(&d);
	driver_read(&d, 1);
	chain = driver_take(&d);
	answer = model_sense(&chain, 0xb, 0, 0);
	model_answer(d.m, &chain, &answer);
	clock_skip(1000);
	while (!model_take(d.m, DRIVER_QUEUE, &chain))
		assert_int_equal(vscsi_poll(d.queue, &done, 1), 0);
	model_serve_chain(d.m, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	stats = stats_of_lun(&d);
	assert_int_equal(stats.retries, 1);
	assert_int_equal(stats.reads, 1);
	assert_int_equal(stats.replays, 0);
	driver_close(&d);
}

static struct vscsi_dev_stats stats_of_device(struct driver *d)
{
	struct vscsi_dev_stats stats = {.size = sizeof(stats)};

	assert_int_equal(vscsi_dev_get_stats(d->dev, &stats), 0);
	return stats;
}

/* Losses are counted on every device. */
static void test_losses_are_counted(void **state)
{
	struct vscsi_dev_stats dev;
	struct vscsi_stats stats;
	struct chain chain;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "stats=on");
	dev = stats_of_device(&d);
	assert_int_equal(dev.losses + dev.reconnects + dev.away_ms, 0);
	assert_string_equal(dev.reason, "");
	loss_read(&d, 1);
	driver_take(&d);
	loss_lose(&d);
	clock_skip(700);
	dev = stats_of_device(&d);
	assert_int_equal(dev.losses, 1);
	assert_int_equal(dev.reconnects, 0);
	assert_true(dev.away_ms >= 700);
	assert_true(strlen(dev.reason) > 0);
	loss_find(&d);
	driver_poll_nothing(&d);
	chain = driver_take(&d);
	loss_answer(&d, &chain);
	assert_int_equal(driver_poll(&d).result, 0);
	dev = stats_of_device(&d);
	assert_int_equal(dev.reconnects, 1);
	assert_true(dev.away_ms >= 700);
	stats = stats_of_lun(&d);
	assert_int_equal(stats.replays, 1);
	assert_int_equal(stats.reads, 1);
	driver_close(&d);
}

static void test_what_is_lost_is_counted(void **state)
{
	struct vscsi_completion done[4];
	struct vscsi_stats stats;
	struct driver d;

	(void)state;
	driver_start(&d, "stats=on&recovery=off");
	driver_hold(&d);
	driver_read(&d, 1);
	driver_read(&d, 2);
	assert_int_equal(vscsi_dev_shutdown(d.dev), 0);
	assert_int_equal(vscsi_poll(d.queue, done, 4), 2);
	assert_int_equal(done[0].result, -ENOTCONN);
	stats = stats_of_lun(&d);
	assert_int_equal(stats.errors_lost, 2);
	driver_close(&d);
}

static void test_off_unless_asked_for(void **state)
{
	uint64_t counts[VSCSI_LATENCY_BUCKETS];
	struct vscsi_stats stats = {.size = sizeof(stats)};
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_lun_get_stats(d.lun, &stats), -EOPNOTSUPP);
	expect_error_text("stats=on");
	assert_int_equal(vscsi_queue_get_stats(d.queue, &stats), -EOPNOTSUPP);
	assert_int_equal(vscsi_lun_get_latency(d.lun, 0, counts, 1), -EOPNOTSUPP);
	assert_int_equal(vscsi_queue_get_latency(d.queue, 0, counts, 1), -EOPNOTSUPP);
	driver_close(&d);
	driver_start(&d, "stats=on");
	assert_int_equal(vscsi_lun_get_latency(d.lun, 2, counts, 1), -EINVAL);
	assert_int_equal(vscsi_queue_get_latency(d.queue, 2, counts, 1), -EINVAL);
	stats.size = 3;
	assert_int_equal(vscsi_lun_get_stats(d.lun, &stats), -EINVAL);
	driver_close(&d);
}

/* Buckets follow each other without a gap, and each time is in the bucket that has it. */
static void test_buckets(void **state)
{
	uint64_t ns;
	unsigned i;

	(void)state;
	assert_int_equal(vscsi_latency_ns(0), 0);
	for (i = 1; i < VSCSI_LATENCY_BUCKETS; i++) {
		assert_true(vscsi_latency_ns(i) > vscsi_latency_ns(i - 1));
		assert_int_equal(stats_bucket(vscsi_latency_ns(i)), i);
		assert_int_equal(stats_bucket(vscsi_latency_ns(i) - 1), i - 1);
	}
	assert_true(vscsi_latency_ns(VSCSI_LATENCY_BUCKETS) == UINT64_MAX);
	assert_int_equal(stats_bucket(UINT64_MAX), VSCSI_LATENCY_BUCKETS - 1);
	/* Over a minute, in steps of at most an eighth. */
	assert_true(vscsi_latency_ns(VSCSI_LATENCY_BUCKETS - 1) > UINT64_C(60000000000));
	for (ns = 8; ns < UINT64_C(60000000000); ns *= 2)
		assert_int_equal(vscsi_latency_ns(stats_bucket(ns) + 1) - ns, ns / 8);
}

int stats_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_kind_on_every_path),
		cmocka_unit_test(test_each_batch_begins_once),
		cmocka_unit_test(test_sync_calls_are_counted),
		cmocka_unit_test(test_errors_by_kind),
		cmocka_unit_test(test_retries_are_counted),
		cmocka_unit_test(test_losses_are_counted),
		cmocka_unit_test(test_what_is_lost_is_counted),
		cmocka_unit_test(test_off_unless_asked_for),
		cmocka_unit_test(test_buckets),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
