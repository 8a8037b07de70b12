/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target with in-flight tracking is killed and restarted: all requests complete once, whatever
 * they are and wherever the target died, and none that must not be repeated is executed twice. And
 * cases in which that is not possible: a different disk, or a target without in-flight tracking.
 */
#include "loss.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <unistd.h>

#define DEPTH        16u
#define NO_INFLIGHT  "--off=inflight"
#define BIT_INFLIGHT 12

/* Every kind of request, including compare-and-write and non-repeatable commands. */
static void send_all_kinds(struct fixture *f, char *data)
{
	const struct vscsi_command test_unit_ready = {
		.size = sizeof(test_unit_ready), .cdb_len = 6, .retries = 8};
	char *zeros = data + (size_t)DEPTH * 512;
	unsigned i;

	prepare_writes(f, f->queue, data, DEPTH - 4);
	write_raw(f, f->queue, data + 512 * (DEPTH - 4), DEPTH - 4, DEPTH - 4);
	fill(data, DEPTH * 512, 7);
	memset(zeros, 0, 512);
	i = DEPTH - 3;
	assert_int_equal(
		vscsi_compare_and_write(f->queue, f->lun, zeros, data + 512 * i, i, 1, 0, i), 0);
	i++;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &test_unit_ready, i), 0);
	i++;
	assert_int_equal(vscsi_flush(f->queue, f->lun, i), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
}

/* Those of send_all_kinds() that must not be executed twice. */
static bool is_once_only(unsigned i)
{
	return i >= DEPTH - 4 && i < DEPTH - 1;
}

static void requests_outlive_the_target(void **state)
{
	static const char *const options[] = {"?recovery=exact", "?recovery=exact&indirect=off",
					      "?recovery=exact&event_idx=off",
					      "?recovery=exact&mem_slots=off",
					      "?recovery=exact&queues=1&status=off&reply_ack=off"};
	struct fixture *f = *state;
	int results[DEPTH];
	unsigned i;
	unsigned k;
	char *data;

	CONFORMS("R-VU-101", "R-VU-103");
	for (i = 0; i < ARRAY_LEN(options); i++) {
		start_file(f, options[i]);
		data = alloc_dma(f, (DEPTH + 1) * 512);
		target_freeze(&f->target);
		send_all_kinds(f, data);
		target_kill(&f->target);
		START(f, FILE_LUN);
		collect_results(f->queue, DEPTH, results);
		for (k = 0; k < DEPTH; k++)
			assert_int_equal(results[k], is_once_only(k) ? -ECONNRESET : 0);
		/* None of them was executed by either target. */
		memset(data + 512 * (DEPTH - 4), 0, 1024);
		assert_written(f, data, DEPTH - 2);
		assert_works(f);
		stop_all(f);
	}
}

/* Whether requests are completed in batches, each of which reaches the late crash points once. */
static bool in_batches(struct fixture *f)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	return info.negotiated & 1ull << VIRTIO_F_IN_ORDER;
}

/* It takes all of them when it continues, and dies. */
static void die_at(struct fixture *f, const char *point, unsigned count, char *data)
{
	unsigned i;

	target_command(&f->target, NULL, 0, "die %s %u", point, count);
	target_freeze(&f->target);
	prepare_writes(f, f->queue, data, DEPTH / 2);
	fill(data, DEPTH * 512, 7);
	for (i = DEPTH / 2; i < DEPTH; i++)
		write_raw(f, f->queue, data + (size_t)512 * i, (uint8_t)i, i);
	assert_int_equal(vscsi_submit(f->queue), 0);
	target_thaw(&f->target);
	target_await_crash(&f->target);
}

/* The second half may not be repeated: those whose outcome is unknown were executed or not. */
static void check_result(struct fixture *f, const char *data, unsigned i, int result)
{
	char block[512];

	assert_int_equal(vscsi_pread(f->lun, block, 512, (uint64_t)512 * i), 0);
	if (i >= DEPTH / 2 && result == -ECONNRESET && is_zero(block, 512))
		return;
	assert_true(!result || (i >= DEPTH / 2 && result == -ECONNRESET));
	assert_memory_equal(block, data + (size_t)512 * i, 512);
}

static void killed_at_every_point(void **state)
{
	static const char *const points[] = {"taken", "done", "linked", "shown", "cleared"};
	static const unsigned counts[] = {1, 5, DEPTH};
	struct fixture *f = *state;
	int results[DEPTH];
	unsigned i;
	unsigned k;
	unsigned n;
	char *data;

	CONFORMS("R-VU-101");
	for (i = 0; i < ARRAY_LEN(points); i++) {
		for (k = 0; k < ARRAY_LEN(counts); k++) {
			start_file(f, "?recovery=exact");
			data = alloc_dma(f, DEPTH * 512);
			die_at(f, points[i], i >= 2 && in_batches(f) ? 1 : counts[k], data);
			START(f, FILE_LUN);
			collect_results(f->queue, DEPTH, results);
			for (n = 0; n < DEPTH; n++)
				check_result(f, data, n, results[n]);
			assert_works(f);
			stop_all(f);
		}
	}
}

/* Polling for events advances the reconnect, during which this target dies. */
static void get_back_until_crash(struct fixture *f)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct vscsi_event event;

	while (!target_has_ended(&f->target)) {
		assert_true(now_ms() < limit);
		assert_true(vscsi_dev_poll_events(f->dev, &event, 1) >= 0);
	}
	target_await_crash(&f->target);
}

/* The next targets die too, while LUNs are revalidated or remaining requests are executed. */
static void killed_during_replay(void **state)
{
	struct fixture *f = *state;
	unsigned count;
	char *data;

	CONFORMS("R-VU-101");
	start_file(f, "?recovery=exact");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	for (count = 1; count < 8; count++) {
		START(f, FILE_LUN);
		target_command(&f->target, NULL, 0, "die done %u", count);
		get_back_until_crash(f);
	}
	START(f, FILE_LUN);
	collect_all(f->queue, DEPTH, 0, true);
	assert_written(f, data, DEPTH);
	assert_works(f);
}

static void assert_untouched(const char *name, size_t len)
{
	char *found = malloc(len);
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && found);
	assert_int_equal(read(fd, found, len), len);
	assert_true(is_zero(found, len));
	close(fd);
	free(found);
}

/*
 * After the restart LUN 0:0 is a different disk. Requests for the first one must not be executed on
 * it, as they would be if the target continued before the LUN is revalidated; LUN 0:1 is unchanged.
 */
static void replaced_disk(void **state)
{
	static const char *const options[] = {"?queues=2", "?queues=2&recovery=exact"};
	struct fixture *f = *state;
	struct vscsi_lun *other;
	int results[DEPTH];
	unsigned i;
	unsigned k;
	char *data;

	for (k = 0; k < ARRAY_LEN(options); k++) {
		make_file("disk.img", MIB);
		make_file("other.img", MIB);
		make_file("unknown.img", MIB);
		START(f, "--lun=0:0,file=disk.img,serial=A", "--lun=0:1,file=other.img");
		open_default(f, options[k]);
		assert_int_equal(vscsi_lun_open(f->dev, 0, 1, NULL, &other), 0);
		data = alloc_dma(f, DEPTH * 512);
		target_freeze(&f->target);
		prepare_writes(f, f->queue, data, DEPTH / 2);
		for (i = DEPTH / 2; i < DEPTH; i++)
			assert_int_equal(vscsi_write(f->queue, other, data, i, 1, 0, i), 0);
		assert_int_equal(vscsi_submit(f->queue), 0);
		target_kill(&f->target);
		START(f, "--lun=0:0,file=unknown.img,serial=B", "--lun=0:1,file=other.img");
		collect_results(f->queue, DEPTH, results);
		for (i = 0; i < DEPTH; i++)
			assert_int_equal(results[i], i < DEPTH / 2 ? -ENODEV : 0);
		assert_int_equal(vscsi_write(f->queue, f->lun, data, 0, 1, 0, 0), -ENODEV);
		assert_untouched("unknown.img", MIB);
		assert_int_equal(vscsi_pread(other, data + 512, 512, DEPTH / 2 * 512), 0);
		assert_memory_equal(data, data + 512, 512);
		assert_int_equal(vscsi_lun_close(other), 0);
		stop_all(f);
	}
	unlink("other.img");
	unlink("unknown.img");
}

/* A larger disk is accepted; a smaller one is a different disk. */
static void resized_while_reconnecting(void **state)
{
	struct vscsi_event event = {.type = 0};
	struct fixture *f = *state;
	uint64_t limit = now_ms() + TIMEOUT_MS;
	char *data;

	start_file(f, "?recovery=exact");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	assert_int_equal(truncate("disk.img", 32 * MIB), 0);
	START(f, FILE_LUN);
	collect_all(f->queue, DEPTH, 0, false);
	assert_written(f, data, DEPTH);
	while (event.type != VSCSI_EVENT_RESIZED) {
		assert_true(now_ms() < limit);
		assert_true(vscsi_dev_poll_events(f->dev, &event, 1) >= 0);
	}
	assert_int_equal(vscsi_lun_refresh(f->lun), 0);
	assert_works(f);
	die_with_writes(f, f->queue, data, DEPTH);
	assert_int_equal(truncate("disk.img", 8 * MIB), 0);
	START(f, FILE_LUN);
	collect_all(f->queue, DEPTH, -ENODEV, false);
}

/* Then requests in flight are replayed, unless the policy is exact. */
static void tracking_lost(void **state)
{
	struct fixture *f = *state;
	char *data;

	make_file("disk.img", 16 * MIB);
	START(f, FILE_LUN);
	open_default(f, "");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	START(f, FILE_LUN, NO_INFLIGHT);
	collect_all(f->queue, DEPTH, 0, true);
	assert_written(f, data, DEPTH);
	assert_works(f);
	stop_all(f);
	start_file(f, "?recovery=exact&recovery_ms=4294967295");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	START(f, FILE_LUN, NO_INFLIGHT);
	collect_all(f->queue, DEPTH, -ENOTCONN, true);
	assert_int_equal(vscsi_sync_flush(f->lun), -ENOTCONN);
	assert_error_text("lacks what is in use");
	assert_error_text("INFLIGHT");
}

/* The area was made for features that the next target lacks; replayed requests don't need it. */
static void changed_features(void **state)
{
	struct fixture *f = *state;
	char *data;

	CONFORMS("R-VU-100");
	make_file("disk.img", 16 * MIB);
	START(f, FILE_LUN);
	open_default(f, "");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	START(f, FILE_LUN, "--off=event_idx,hotplug,change,mem_slots,status,config,reply_ack");
	collect_all(f->queue, DEPTH, 0, true);
	assert_written(f, data, DEPTH);
	assert_works(f);
}

static void assert_tracking(struct fixture *f, const char *options, bool tracked)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	open_default(f, options);
	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	assert_int_equal(info.protocol_features >> BIT_INFLIGHT & 1, tracked);
	assert_works(f);
	close_all(f);
}

static void tracking_is_requested_if_needed(void **state)
{
	struct fixture *f = *state;
	char address[128];

	CONFORMS("R-VU-92");
	make_file("disk.img", 16 * MIB);
	START(f, FILE_LUN);
	assert_tracking(f, "", false);
	assert_tracking(f, "?recovery=exact", true);
	assert_tracking(f, "?recovery=replay", false);
	assert_tracking(f, "?recovery=report", false);
	assert_tracking(f, "?recovery=off", false);
	assert_true(target_stop(&f->target));
	START(f, FILE_LUN, NO_INFLIGHT);
	assert_tracking(f, "", false);
	snprintf(address, sizeof(address), "%s?recovery=exact", f->target.address);
	assert_int_equal(vscsi_dev_open(address, NULL, &f->dev), -EOPNOTSUPP);
	assert_error_text("INFLIGHT");
	f->dev = NULL;
}

int main(void)
{
	static const struct CMUnitTest exact[] = {
		TEST(requests_outlive_the_target),
		TEST(killed_at_every_point),
		TEST(killed_during_replay),
		TEST(replaced_disk),
		TEST(resized_while_reconnecting),
		TEST(tracking_lost),
		TEST(changed_features),
		TEST(tracking_is_requested_if_needed),
	};

	return RUN_TESTS(exact);
}
