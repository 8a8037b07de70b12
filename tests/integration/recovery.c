/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target is killed and restarted: what happens to requests in flight with each policy, and that
 * everything else continues normally.
 */
#include "loss.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#define DEPTH      16
#define FILE_LUN_2 "--lun=0:2,file=disk.img"

static void policy_replay(void **state)
{
	static const char *const options[] = {"?recovery=replay", "?recovery=replay&indirect=off",
					      "?recovery=replay&event_idx=off",
					      "?recovery=replay&mem_slots=off",
					      "?recovery=replay&queues=1&status=off"};
	struct fixture *f = *state;
	unsigned i;
	char *data;

	CONFORMS("R-VU-98", "R-VU-99");
	for (i = 0; i < ARRAY_LEN(options); i++) {
		start_file(f, options[i]);
		data = alloc_dma(f, DEPTH * 512);
		die_with_writes(f, f->queue, data, DEPTH);
		START(f, FILE_LUN);
		collect_all(f->queue, DEPTH, 0, i & 1);
		assert_written(f, data, DEPTH);
		assert_works(f);
		close_all(f);
		assert_true(target_stop(&f->target));
	}
}

static void submit_while_reconnecting(void **state)
{
	check_submit_while_lost(*state, "?recovery=replay");
}

static void policy_report(void **state)
{
	struct fixture *f = *state;
	char *data;

	CONFORMS("R-VU-102");
	start_file(f, "?recovery=report");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	/* They complete at once, without a target. */
	collect_all(f->queue, DEPTH, -ECONNRESET, false);
	await_loss(f);
	START(f, FILE_LUN);
	assert_works(f);
	await_reconnect(f);
}

/* Of a compare-and-write, a raw command and a repeatable raw command, only the last is replayed. */
static void replay_only_repeatable(void **state)
{
	struct vscsi_command command = {.size = sizeof(command), .cdb_len = 6};
	struct vscsi_completion done[3];
	uint64_t limit = now_ms() + TIMEOUT_MS;
	int results[3] = {1, 1, 1};
	struct fixture *f = *state;
	int seen = 0;
	int got;
	char *data;

	start_file(f, "?recovery=replay");
	data = alloc_dma(f, 1024);
	target_freeze(&f->target);
	assert_int_equal(vscsi_compare_and_write(f->queue, f->lun, data, data + 512, 0, 1, 0, 0),
			 0);
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 1), 0);
	command.flags = VSCSI_COMMAND_REPEATABLE;
	command.retries = 8;
	assert_int_equal(vscsi_prepare_command(f->queue, f->lun, &command, 2), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
	target_kill(&f->target);
	START(f, FILE_LUN);
	while (seen < 3) {
		assert_true(now_ms() < limit);
		got = vscsi_poll(f->queue, done, 1);
		assert_in_range(got, 0, 1);
		if (!got)
			continue;
		assert_int_equal(results[done[0].user_data], 1);
		results[done[0].user_data] = done[0].result;
		seen++;
	}
	assert_int_equal(results[0], -ECONNRESET);
	assert_int_equal(results[1], -ECONNRESET);
	assert_int_equal(results[2], 0);
	assert_works(f);
}

static void recovery_time_expires(void **state)
{
	struct fixture *f = *state;
	struct vscsi_event event;
	uint64_t begin;
	char *data;

	CONFORMS("R-VU-106");
	start_file(f, "?recovery=replay&recovery_ms=200");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	await_loss(f);
	begin = now_ms();
	collect_all(f->queue, DEPTH, -ENOTCONN, true);
	assert_true(now_ms() - begin < TIMEOUT_MS);
	assert_int_equal(state_of(f), VSCSI_DEV_FAILED);
	assert_int_equal(vscsi_dev_poll_events(f->dev, &event, 1), -ENOTCONN);
	assert_error_text("200 ms");
	assert_int_equal(vscsi_pread(f->lun, data, 512, 0), -ENOTCONN);
}

/* Handles that share a ring, one of them opened during the reconnect. */
static void shared_handles(void **state)
{
	const struct vscsi_queue_opts opts = {.size = sizeof(opts), .flags = VSCSI_QUEUE_SHARED};
	struct fixture *f = *state;
	struct vscsi_queue *first;
	struct vscsi_queue *second;
	char *data;

	start_file(f, "?recovery=replay&queues=1");
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &first), 0);
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, first, data, DEPTH);
	await_loss(f);
	assert_int_equal(vscsi_queue_open(f->dev, &opts, &second), 0);
	assert_int_equal(vscsi_write(second, f->lun, data, 0, 1, 0, 0), 0);
	START(f, FILE_LUN);
	collect_all(second, 1, 0, false);
	collect_all(first, DEPTH, 0, false);
	assert_written(f, data, DEPTH);
	assert_works(f);
	assert_int_equal(vscsi_queue_close(first), 0);
	assert_int_equal(vscsi_queue_close(second), 0);
}

/* Features missing in the next target are no longer used, unless requests are laid out for them. */
static void changed_features(void **state)
{
	struct fixture *f = *state;
	char *data;

	CONFORMS("R-VU-100");
	start_file(f, "?recovery=replay");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	START(f, FILE_LUN, "--off=event_idx,hotplug,change,mem_slots,status,config,reply_ack");
	collect_all(f->queue, DEPTH, 0, false);
	assert_written(f, data, DEPTH);
	assert_works(f);
	target_kill(&f->target);
	START(f, FILE_LUN);
	assert_works(f);
}

static bool uses(struct fixture *f, unsigned bit)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	return info.negotiated & UINT64_C(1) << bit;
}

/* The device fails as soon as this is known, before recovery_ms expires, with an error text. */
static void required_features_missing(void **state)
{
	static const struct {
		const char *less;
		const char *error_text;
		unsigned bit;
	} cases[] = {
		{"--off=indirect", "INDIRECT_DESC (bit 28)", VIRTIO_RING_F_INDIRECT_DESC},
		{"--off=packed", "RING_PACKED (bit 34)", VIRTIO_F_RING_PACKED},
		{"--off=in_order", "IN_ORDER (bit 35)", VIRTIO_F_IN_ORDER},
		{"--queues=1", "1 request queues, and 2 are in use", VIRTIO_F_VERSION_1},
	};
	struct fixture *f = *state;
	uint64_t begin;
	unsigned i;
	char *data;

	CONFORMS("R-VU-100");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		start_file(f, "?recovery=replay&recovery_ms=4294967295&queues=2");
		data = alloc_dma(f, DEPTH * 512);
		if (uses(f, cases[i].bit)) {
			die_with_writes(f, f->queue, data, DEPTH);
			START(f, FILE_LUN, cases[i].less);
			begin = now_ms();
			collect_all(f->queue, DEPTH, -ENOTCONN, i & 1);
			assert_true(now_ms() - begin < TIMEOUT_MS / 2);
			assert_int_equal(vscsi_sync_flush(f->lun), -ENOTCONN);
			assert_error_text("lacks what is in use");
			assert_error_text(cases[i].error_text);
		}
		stop_all(f);
	}
}

static uint32_t queues_of(struct fixture *f)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	return info.queues;
}

static void restart_with_queues(struct fixture *f, char *data, const char *option)
{
	die_with_writes(f, f->queue, data, DEPTH);
	START(f, FILE_LUN, option);
	collect_all(f->queue, DEPTH, 0, false);
	assert_written(f, data, DEPTH);
	assert_works(f);
}

/* Unused queues may be missing, and may come back later. */
static void fewer_queues(void **state)
{
	static const char *const options[] = {"?recovery=replay&queues=4",
					      "?recovery=exact&queues=4"};
	struct vscsi_queue_info info = {.size = sizeof(info)};
	struct fixture *f = *state;
	struct vscsi_queue *second;
	unsigned i;
	char *data;

	for (i = 0; i < ARRAY_LEN(options); i++) {
		start_file(f, options[i]);
		data = alloc_dma(f, DEPTH * 512);
		restart_with_queues(f, data, "--queues=2");
		assert_int_equal(queues_of(f), 2);
		assert_int_equal(vscsi_queue_open(f->dev, NULL, &second), 0);
		assert_int_equal(vscsi_queue_get_info(second, &info), 0);
		assert_int_equal(info.exclusive, 0);
		assert_int_equal(vscsi_queue_close(second), 0);
		restart_with_queues(f, data, "--queues=4");
		assert_int_equal(queues_of(f), 4);
		assert_int_equal(vscsi_queue_open(f->dev, NULL, &second), 0);
		assert_int_equal(vscsi_queue_get_info(second, &info), 0);
		assert_int_equal(info.exclusive, 1);
		assert_int_equal(vscsi_queue_close(second), 0);
		close_all(f);
		assert_true(target_stop(&f->target));
	}
}

static void application_reset(void **state)
{
	struct vscsi_event events[2];
	struct fixture *f = *state;
	unsigned i;
	char *data;

	start_file(f, "?recovery=replay");
	data = alloc_dma(f, DEPTH * 512);
	fill(data, DEPTH * 512, 7);
	for (i = 0; i < DEPTH; i++)
		assert_int_equal(vscsi_write(f->queue, f->lun, data + 512 * i, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
	assert_int_equal(vscsi_dev_reset(f->dev), 0);
	assert_int_equal(vscsi_dev_poll_events(f->dev, events, 2), 2);
	assert_int_equal(events[0].type, VSCSI_EVENT_LOST);
	assert_int_equal(events[1].type, VSCSI_EVENT_BACK);
	collect_all(f->queue, DEPTH, 0, false);
	assert_written(f, data, DEPTH);
	assert_works(f);
	close_all(f);
	open_disk(f, "");
	assert_int_equal(vscsi_dev_reset(f->dev), -EOPNOTSUPP);
	assert_works(f);
}

/* Three disks, one of which is the same afterwards. Each has a write in flight; more follow. */
static void lose_disks(struct fixture *f, const char *first, const char *second)
{
	struct vscsi_completion done[3];
	struct vscsi_lun *luns[3];
	uint64_t limit = now_ms() + TIMEOUT_MS;
	char *data;
	int seen = 0;
	int got;
	unsigned i;

	make_file("disk.img", 16 * MIB);
	START(f, "--lun=0:0,ram=1M,serial=A", "--lun=0:1,ram=1M", FILE_LUN_2);
	open_dev(f, "?recovery=replay&recovery_ms=2000");
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &f->queue), 0);
	data = alloc_dma(f, 512);
	for (i = 0; i < 3; i++)
		assert_int_equal(vscsi_lun_open(f->dev, 0, i, NULL, &luns[i]), 0);
	target_freeze(&f->target);
	for (i = 0; i < 3; i++)
		assert_int_equal(vscsi_write(f->queue, luns[i], data, 0, 1, 0, i), 0);
	vscsi_submit(f->queue);
	target_kill(&f->target);
	START(f, FILE_LUN_2, first, second);
	while (seen < 3) {
		assert_true(now_ms() < limit);
		got = vscsi_poll(f->queue, &done[seen], 1);
		assert_in_range(got, 0, 1);
		seen += got;
	}
	for (i = 0; i < 3; i++)
		assert_int_equal(done[i].result, done[i].user_data == 2 ? 0 : -ENODEV);
	for (i = 0; i < 2; i++)
		assert_int_equal(vscsi_write(f->queue, luns[i], data, 0, 1, 0, i), -ENODEV);
	assert_int_equal(vscsi_write(f->queue, luns[2], data, 0, 1, 0, 2), 0);
	assert_int_equal(submit_one(f->queue), 0);
	for (i = 0; i < 3; i++)
		assert_int_equal(vscsi_lun_close(luns[i]), 0);
	close_all(f);
	assert_true(target_stop(&f->target));
}

static void replaced_disks(void **state)
{
	struct fixture *f = *state;

	/* Another name, another size, another block size; two that are missing. */
	lose_disks(f, "--lun=0:0,ram=1M,serial=B", "--lun=0:1,ram=512K");
	lose_disks(f, "--lun=0:0,ram=1M,serial=A,block=4096", "--lun=0:3,ram=1M");
	lose_disks(f, "--lun=0:4,ram=1M", "--lun=0:3,ram=1M");
}

/* A restart with another spelling of the path is the same disk; a copy at the same path is not. */
static void one_file_by_any_path(void **state)
{
	static const char *const spellings[] = {"--lun=0:0,file=./disk.img",
						"--lun=0:0,file=inner/../disk.img",
						"--lun=0:0,file=inner/link", FILE_LUN};
	struct fixture *f = *state;
	unsigned i;
	char *data;

	assert_int_equal(mkdir("inner", 0700), 0);
	start_file(f, "?recovery=replay");
	assert_int_equal(link("disk.img", "inner/link"), 0);
	data = alloc_dma(f, DEPTH * 512);
	for (i = 0; i < ARRAY_LEN(spellings); i++) {
		die_with_writes(f, f->queue, data, DEPTH);
		START(f, spellings[i]);
		collect_all(f->queue, DEPTH, 0, false);
		assert_written(f, data, DEPTH);
		assert_works(f);
	}
	make_file("copy.img", 16 * MIB);
	die_with_writes(f, f->queue, data, DEPTH);
	assert_int_equal(rename("copy.img", "disk.img"), 0);
	START(f, FILE_LUN);
	collect_all(f->queue, DEPTH, -ENODEV, false);
	stop_all(f);
}

/* A thread in a synchronous call only notices the delay. */
static void *write_and_flush(void *arg)
{
	struct fixture *f = arg;
	char block[512];
	intptr_t bad = 0;
	unsigned i;

	for (i = 0; i < 400 && !bad; i++) {
		fill(block, sizeof(block), i);
		bad = vscsi_pwrite(f->lun, block, sizeof(block), 512 * (64 + i), 0);
		memset(block, 0, sizeof(block));
		if (!bad)
			bad = vscsi_pread(f->lun, block, sizeof(block), 512 * (64 + i));
		if (!bad && !holds(block, sizeof(block), i))
			bad = -EILSEQ;
	}
	return (void *)bad;
}

static void synchronous_calls(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[3];
	void *result;
	unsigned i;

	start_file(f, "?recovery=replay");
	for (i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_and_flush, f), 0);
	for (i = 0; i < 3; i++) {
		target_kill(&f->target);
		START(f, FILE_LUN);
	}
	for (i = 0; i < ARRAY_LEN(threads); i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_null(result);
	}
	assert_works(f);
}

/* There is no new target; closing does not wait for one. */
static void close_while_reconnecting(void **state)
{
	struct fixture *f = *state;
	char *data;

	CONFORMS("R-VU-106");
	start_file(f, "?recovery=report&recovery_ms=4294967295");
	data = alloc_dma(f, DEPTH * 512);
	die_with_writes(f, f->queue, data, DEPTH);
	collect_all(f->queue, DEPTH, -ECONNRESET, false);
	assert_int_equal(state_of(f), VSCSI_DEV_RECONNECTING);
	close_all(f);
}

/*
 * A target hangs and is reset, which it doesn't answer; meanwhile another process has taken its
 * place. It may go on, so its writes are not sent again; reads and flushes are.
 */
static void replaced_while_it_hangs(void **state)
{
	static const char *const same[] = {"--lun=0:0,ram=1M,serial=SAME", NULL};
	struct fixture *f = *state;
	int results[3] = {0};
	int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	char *data;

	if (self < 0) {
		print_message("no pidfd_open(), which valgrind doesn't have\n");
		skip();
	}
	close(self);
	target_start(&f->target, "first", same);
	open_disk(f, "?recovery=replay&timeout_ms=1000&recovery_ms=120000");
	data = alloc_dma(f, 2 * 512);
	target_start(&f->second, "second", same);
	assert_int_equal(rename(f->second.socket, f->target.socket), 0);
	target_freeze(&f->target);
	prepare_writes(f, f->queue, data, 1);
	assert_int_equal(vscsi_read(f->queue, f->lun, data + 512, 1, 1, 0, 1), 0);
	assert_int_equal(vscsi_flush(f->queue, f->lun, 2), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
	if (vscsi_dev_reset(f->dev))
		fail_msg("%s", vscsi_last_error());
	collect_results(f->queue, 3, results);
	assert_int_equal(results[0], -ECONNRESET);
	assert_int_equal(results[1], 0);
	assert_int_equal(results[2], 0);
	assert_works(f);
	/* The one that serves now is reset like any other. */
	prepare_writes(f, f->queue, data, 1);
	assert_int_equal(vscsi_dev_reset(f->dev), 0);
	collect_all(f->queue, 1, 0, false);
	close_all(f);
	target_thaw(&f->target);
	assert_true(target_stop(&f->target));
	assert_true(target_stop(&f->second));
}

int main(void)
{
	static const struct CMUnitTest recovery[] = {
		TEST(policy_replay),
		TEST(submit_while_reconnecting),
		TEST(policy_report),
		TEST(replay_only_repeatable),
		TEST(recovery_time_expires),
		TEST(shared_handles),
		TEST(changed_features),
		TEST(required_features_missing),
		TEST(fewer_queues),
		TEST(application_reset),
		TEST(replaced_disks),
		TEST(one_file_by_any_path),
		TEST(replaced_while_it_hangs),
		TEST(synchronous_calls),
		TEST(close_while_reconnecting),
	};

	return RUN_TESTS(recovery);
}
