/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target that keeps account of what it has in flight is killed and started again: all of it stays
 * outstanding and completes once, whatever it is and wherever the target died. And what becomes of
 * it where that can't be, as with another disk, or a target that keeps no account any more.
 */
#include "loss.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <unistd.h>

#define DEPTH        16u
#define NO_INFLIGHT  "--off=inflight"
#define BIT_INFLIGHT 12

/* Every kind of request, a compare-and-write and commands that may not be repeated among them. */
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
	assert_int_equal(vscsi_command(f->queue, f->lun, &test_unit_ready, i), 0);
	i++;
	assert_int_equal(vscsi_flush(f->queue, f->lun, i), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
}

static void all_stays_outstanding(void **state)
{
	static const char *const options[] = {"?recovery=exact", "?recovery=exact&indirect=off",
					      "?recovery=exact&event_idx=off",
					      "?recovery=exact&mem_slots=off",
					      "?recovery=exact&queues=1&status=off&reply_ack=off"};
	struct fixture *f = *state;
	unsigned i;
	char *data;

	CONFORMS("R-VU-101", "R-VU-103");
	for (i = 0; i < ARRAY_LEN(options); i++) {
		start_file(f, options[i]);
		data = take(f, (DEPTH + 1) * 512);
		target_freeze(&f->target);
		send_all_kinds(f, data);
		target_kill(&f->target);
		START(f, FILE_LUN);
		collect_all(f->queue, DEPTH, 0, i & 1);
		assert_written(f, data, DEPTH - 2);
		assert_works(f);
		stop_all(f);
	}
}

/* Whether requests are completed in batches, each of which passes the late points once. */
static bool in_batches(struct fixture *f)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	return info.negotiated & 1ull << VIRTIO_F_IN_ORDER;
}

/* It takes them all when it goes on, and dies by itself. */
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

static void killed_at_every_point(void **state)
{
	static const char *const points[] = {"taken", "done", "linked", "shown", "cleared"};
	static const unsigned counts[] = {1, 5, DEPTH};
	struct fixture *f = *state;
	unsigned i;
	unsigned k;
	char *data;

	CONFORMS("R-VU-101");
	for (i = 0; i < ARRAY_LEN(points); i++) {
		for (k = 0; k < ARRAY_LEN(counts); k++) {
			start_file(f, "?recovery=exact");
			data = take(f, DEPTH * 512);
			die_at(f, points[i], i >= 2 && in_batches(f) ? 1 : counts[k], data);
			START(f, FILE_LUN);
			collect_all(f->queue, DEPTH, 0, k & 1);
			assert_written(f, data, DEPTH);
			assert_works(f);
			stop_all(f);
		}
	}
}

/* Whoever asks for events takes the steps of the way back, which this target doesn't survive. */
static void get_back_until_crash(struct fixture *f)
{
	uint64_t limit = now_ms() + PATIENCE_MS;
	struct vscsi_event event;

	while (!target_has_ended(&f->target)) {
		assert_true(now_ms() < limit);
		assert_true(vscsi_dev_poll_events(f->dev, &event, 1) >= 0);
	}
	target_await_crash(&f->target);
}

/* The next ones die as well, while LUNs are asked who they are or what is left is carried out. */
static void killed_while_going_on(void **state)
{
	struct fixture *f = *state;
	unsigned count;
	char *data;

	CONFORMS("R-VU-101");
	start_file(f, "?recovery=exact");
	data = take(f, DEPTH * 512);
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
 * LUN 0:0 is another disk when the target is back. What was for the first must not get there, as it
 * would if the target went on with it before anybody looks; LUN 0:1 is still the same.
 */
static void no_stranger_is_written_to(void **state)
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
		make_file("stranger.img", MIB);
		START(f, "--lun=0:0,file=disk.img,serial=A", "--lun=0:1,file=other.img");
		open_default(f, options[k]);
		assert_int_equal(vscsi_lun_open(f->dev, 0, 1, NULL, &other), 0);
		data = take(f, DEPTH * 512);
		target_freeze(&f->target);
		prepare_writes(f, f->queue, data, DEPTH / 2);
		for (i = DEPTH / 2; i < DEPTH; i++)
			assert_int_equal(vscsi_write(f->queue, other, data, i, 1, 0, i), 0);
		assert_int_equal(vscsi_submit(f->queue), 0);
		target_kill(&f->target);
		START(f, "--lun=0:0,file=stranger.img,serial=B", "--lun=0:1,file=other.img");
		collect_results(f->queue, DEPTH, results);
		for (i = 0; i < DEPTH; i++)
			assert_int_equal(results[i], i < DEPTH / 2 ? -ENODEV : 0);
		assert_int_equal(vscsi_write(f->queue, f->lun, data, 0, 1, 0, 0), -ENODEV);
		assert_untouched("stranger.img", MIB);
		assert_int_equal(vscsi_pread(other, data + 512, 512, DEPTH / 2 * 512), 0);
		assert_memory_equal(data, data + 512, 512);
		assert_int_equal(vscsi_lun_close(other), 0);
		stop_all(f);
	}
	unlink("other.img");
	unlink("stranger.img");
}

/* Larger is no obstacle; smaller is another disk. */
static void resized_while_away(void **state)
{
	struct vscsi_event event = {.type = 0};
	struct fixture *f = *state;
	uint64_t limit = now_ms() + PATIENCE_MS;
	char *data;

	start_file(f, "?recovery=exact");
	data = take(f, DEPTH * 512);
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

/* What is in flight is sent again then, unless the application insists. */
static void no_account_any_more(void **state)
{
	struct fixture *f = *state;
	char *data;

	make_file("disk.img", 16 * MIB);
	START(f, FILE_LUN);
	open_default(f, "");
	data = take(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	START(f, FILE_LUN, NO_INFLIGHT);
	collect_all(f->queue, DEPTH, 0, true);
	assert_written(f, data, DEPTH);
	assert_works(f);
	stop_all(f);
	start_file(f, "?recovery=exact&recovery_ms=4294967295");
	data = take(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	START(f, FILE_LUN, NO_INFLIGHT);
	collect_all(f->queue, DEPTH, -ENOTCONN, true);
	assert_int_equal(vscsi_sync_flush(f->lun), -ENOTCONN);
	assert_sentence("lacks what is in use");
	assert_sentence("INFLIGHT");
}

/* The account is made for features that the next target lacks; what is sent again needs none. */
static void other_features(void **state)
{
	struct fixture *f = *state;
	char *data;

	CONFORMS("R-VU-100");
	make_file("disk.img", 16 * MIB);
	START(f, FILE_LUN);
	open_default(f, "?recovery_ms=2000");
	data = take(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	START(f, FILE_LUN, "--off=event_idx,hotplug,change,mem_slots,status,config,reply_ack");
	collect_all(f->queue, DEPTH, 0, true);
	assert_written(f, data, DEPTH);
	assert_works(f);
}

static void assert_tracked(struct fixture *f, const char *options, bool tracked)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	open_default(f, options);
	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	assert_int_equal(info.protocol_features >> BIT_INFLIGHT & 1, tracked);
	assert_works(f);
	close_all(f);
}

static void asked_for_where_it_is_wanted(void **state)
{
	struct fixture *f = *state;
	char address[128];

	CONFORMS("R-VU-92");
	make_file("disk.img", 16 * MIB);
	START(f, FILE_LUN);
	assert_tracked(f, "", true);
	assert_tracked(f, "?recovery=exact", true);
	assert_tracked(f, "?recovery=replay", false);
	assert_tracked(f, "?recovery=report", false);
	assert_tracked(f, "?recovery=off", false);
	assert_true(target_stop(&f->target));
	START(f, FILE_LUN, NO_INFLIGHT);
	assert_tracked(f, "", false);
	snprintf(address, sizeof(address), "%s?recovery=exact", f->target.address);
	assert_int_equal(vscsi_dev_open(address, NULL, &f->dev), -ENOTSUP);
	assert_sentence("INFLIGHT");
	f->dev = NULL;
}

int main(void)
{
	static const struct CMUnitTest exact[] = {
		TEST(all_stays_outstanding), TEST(killed_at_every_point),
		TEST(killed_while_going_on), TEST(no_stranger_is_written_to),
		TEST(resized_while_away),    TEST(no_account_any_more),
		TEST(other_features),        TEST(asked_for_where_it_is_wanted),
	};

	return RUN_TESTS(exact);
}
