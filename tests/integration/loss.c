/* SPDX-License-Identifier: BSD-3-Clause */
/* Helpers of the tests about recovery. */
#include "loss.h"

#include <errno.h>

/* Maximum for collect_results(), and completions per poll. */
#define MOST 64u
#define SOME 3u

void start_file(struct fixture *f, const char *options)
{
	make_file("disk.img", 16 * MIB);
	START(f, FILE_LUN);
	open_disk(f, options);
}

void open_default(struct fixture *f, const char *options)
{
	char address[128];

	snprintf(address, sizeof(address), "%s%s", f->target.address, options);
	assert_int_equal(open_address(address, NULL, &f->dev), 0);
	assert_int_equal(vscsi_lun_open(f->dev, 0, 0, NULL, &f->lun), 0);
	assert_int_equal(vscsi_queue_open(f->dev, NULL, &f->queue), 0);
	f->info.size = sizeof(f->info);
	assert_int_equal(vscsi_lun_get_info(f->lun, &f->info), 0);
}

void stop_all(struct fixture *f)
{
	close_all(f);
	assert_true(target_stop(&f->target));
}

uint32_t state_of(struct fixture *f)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(f->dev, &info), 0);
	return info.state;
}

void await_loss(struct fixture *f)
{
	struct vscsi_event event;
	uint64_t limit = now_ms() + TIMEOUT_MS;
	int got;

	while (!(got = vscsi_dev_poll_events(f->dev, &event, 1)))
		assert_true(now_ms() < limit);
	assert_int_equal(got, 1);
	assert_int_equal(event.type, VSCSI_EVENT_LOST);
}

void await_reconnect(struct fixture *f)
{
	struct vscsi_event event = {.type = 0};
	uint64_t limit = now_ms() + TIMEOUT_MS;

	while (event.type != VSCSI_EVENT_BACK) {
		assert_true(now_ms() < limit);
		assert_true(vscsi_dev_poll_events(f->dev, &event, 1) >= 0);
	}
}

void prepare_writes(struct fixture *f, struct vscsi_queue *queue, char *data, unsigned count)
{
	unsigned i;

	fill(data, (size_t)count * 512, 7);
	for (i = 0; i < count; i++)
		assert_int_equal(vscsi_write(queue, f->lun, data + (size_t)512 * i, i, 1, 0, i), 0);
	assert_int_equal(vscsi_submit(queue), 0);
}

void die_with_writes(struct fixture *f, struct vscsi_queue *queue, char *data, unsigned count)
{
	target_freeze(&f->target);
	prepare_writes(f, queue, data, count);
	target_kill(&f->target);
}

void write_raw(struct fixture *f, struct vscsi_queue *queue, char *data, uint8_t lba,
	       uint64_t user_data)
{
	const struct iovec out = {data, 512};
	const struct vscsi_command command = {
		.size = sizeof(command),
		.cdb_len = 10,
		.cdb = {0x2a, 0, 0, 0, 0, lba, 0, 0, 1},
		.out = &out,
		.out_count = 1,
		.retries = 8,
	};

	assert_int_equal(vscsi_prepare_command(queue, f->lun, &command, user_data), 0);
}

static void collect_by_id(struct vscsi_queue *queue, unsigned count, int *results, bool sleep)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct vscsi_completion done[SOME];
	bool seen[MOST] = {false};
	unsigned have = 0;
	int got;
	int i;

	assert_true(count <= MOST);
	while (have < count) {
		assert_true(now_ms() < limit);
		if (sleep)
			assert_int_equal(vscsi_wait(queue, TIMEOUT_MS), 1);
		got = vscsi_poll(queue, done, SOME);
		assert_true(got >= 0);
		for (i = 0; i < got; i++) {
			assert_in_range(done[i].user_data, 0, count - 1);
			assert_false(seen[done[i].user_data]);
			seen[done[i].user_data] = true;
			results[done[i].user_data] = done[i].result;
			have++;
		}
	}
	got = vscsi_poll(queue, done, SOME);
	assert_true(!got || got == -ENOTCONN);
}

void collect_results(struct vscsi_queue *queue, unsigned count, int *results)
{
	collect_by_id(queue, count, results, false);
}

void collect_all(struct vscsi_queue *queue, unsigned count, int result, bool sleep)
{
	struct vscsi_completion done;
	int results[MOST];
	unsigned i;

	collect_by_id(queue, count, results, sleep);
	for (i = 0; i < count; i++)
		assert_int_equal(results[i], result);
	assert_int_equal(vscsi_poll(queue, &done, 1), result == -ENOTCONN ? -ENOTCONN : 0);
}

void assert_written(struct fixture *f, const char *data, unsigned count)
{
	char *back = alloc_dma(f, (size_t)count * 512);

	assert_int_equal(vscsi_pread(f->lun, back, (size_t)count * 512, 0), 0);
	assert_memory_equal(back, data, (size_t)count * 512);
	assert_int_equal(vscsi_mem_free(vscsi_dev_mem(f->dev), back), 0);
}

void check_submit_while_lost(struct fixture *f, const char *options)
{
	const unsigned depth = 16;
	char *data;

	start_file(f, options);
	data = alloc_dma(f, (depth + 1) * 512);
	die_with_writes(f, f->queue, data, depth);
	await_loss(f);
	assert_int_equal(state_of(f), VSCSI_DEV_RECONNECTING);
	assert_int_equal(vscsi_read(f->queue, f->lun, data + depth * 512, 0, 1, 0, depth), 0);
	assert_int_equal(vscsi_submit(f->queue), 0);
	assert_int_equal(vscsi_wait(f->queue, 1), 0);
	START(f, FILE_LUN);
	collect_all(f->queue, depth + 1, 0, true);
	await_reconnect(f);
	assert_int_equal(state_of(f), VSCSI_DEV_RUNNING);
	assert_written(f, data, depth);
	assert_works(f);
}
