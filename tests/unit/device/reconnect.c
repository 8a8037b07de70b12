/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that comes back and is lost again, many times: reconnects are tried less and less often,
 * for at most recovery_ms in all, until the device has proved stable. And what else ends them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "device_tests.h"
#include "harness/loss.h"

#define POISON 7u
#define AREA   (UINT64_C(64) << 10)

static uint32_t state_of(struct driver *d)
{
	struct vscsi_dev_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_dev_get_info(d->dev, &info), 0);
	return info.state;
}

/* How long it takes until the device is back, in steps; it is there all the time. */
static unsigned find_slowly(struct driver *d, unsigned step_ms)
{
	unsigned ms;

	for (ms = 0; ms < 60000; ms += step_ms) {
		driver_poll_nothing(d);
		if (state_of(d) == VSCSI_DEV_RUNNING)
			return ms;
		clock_skip(step_ms);
	}
	fail_msg("the device doesn't come back");
	return 0;
}

/*
 * The device takes the request that kills it, answers a newer one, and dies.
 */
static void die_of_poison(struct driver *d)
{
	struct vscsi_event event;
	struct chain chain;

	driver_poll_nothing(d);
	chain = driver_take(d);
	assert_int_equal(chain_cdb(&chain)[5], POISON);
	loss_read(d, 1);
	loss_serve(d, 1);
	loss_break(d);
	assert_int_equal(vscsi_dev_poll_events(d->dev, &event, 1), 1);
}

static void test_poison_ends_at_the_limit(void **state)
{
	struct vscsi_completion done;
	unsigned deaths = 0;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=1000");
	loss_read(&d, POISON);
	while (state_of(&d) == VSCSI_DEV_RUNNING && deaths < 100) {
		die_of_poison(&d);
		deaths++;
		if (state_of(&d) == VSCSI_DEV_RECONNECTING)
			find_slowly(&d, 10);
	}
	assert_in_range(deaths, 3, 20);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
	assert_int_equal(done.user_data, POISON);
	assert_int_equal(done.result, -ENOTCONN);
	assert_int_equal(vscsi_dev_reset(d.dev), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "1000 ms in total"));
	driver_close(&d);
}

/* Without a limit it is for ever, but not at full speed; what was answered ends that. */
static void test_poison_without_limit(void **state)
{
	unsigned ms = 0;
	struct driver d;
	unsigned i;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=4294967295");
	loss_read(&d, POISON);
	for (i = 0; i < 10; i++) {
		die_of_poison(&d);
		ms = find_slowly(&d, 10);
	}
	assert_in_range(ms, 900, 1100);
	driver_poll_nothing(&d);
	loss_serve(&d, POISON);
	loss_lose(&d);
	loss_away = false;
	assert_in_range(find_slowly(&d, 10), 0, 20);
	driver_close(&d);
}

/* Nothing in flight: then what counts is how long it is there. */
static void test_short_lives(void **state)
{
	unsigned ms = 0;
	struct driver d;
	unsigned i;

	(void)state;
	loss_open_stopped(&d, "");
	for (i = 0; i < 8; i++) {
		loss_lose(&d);
		loss_away = false;
		ms = find_slowly(&d, 10);
	}
	assert_in_range(ms, 400, 1100);
	clock_skip(1000);
	loss_lose(&d);
	loss_away = false;
	assert_in_range(find_slowly(&d, 10), 0, 20);
	driver_close(&d);
}

/* The application's resets are not counted against the device. */
static void test_resets_are_no_losses(void **state)
{
	struct driver d;
	unsigned i;

	(void)state;
	loss_open_stopped(&d, "");
	for (i = 0; i < 8; i++) {
		loss_lose(&d);
		loss_away = false;
		find_slowly(&d, 10);
	}
	assert_int_equal(vscsi_dev_reset(d.dev), 0);
	loss_lose(&d);
	loss_away = false;
	assert_in_range(find_slowly(&d, 10), 0, 50);
	driver_close(&d);
}

/* The transport knows that there is nothing to wait for. */
static void test_taken_away_while_looked_for(void **state)
{
	struct vscsi_completion done;
	struct driver d;

	(void)state;
	loss_open_stopped(&d, "recovery_ms=4294967295");
	loss_read(&d, 1);
	loss_lose(&d);
	driver_poll_nothing(&d);
	assert_int_equal(state_of(&d), VSCSI_DEV_RECONNECTING);
	loss_error = -ENODEV;
	clock_skip(1000);
	assert_int_equal(vscsi_poll(d.queue, &done, 1), 1);
	assert_int_equal(done.result, -ENOTCONN);
	assert_int_equal(vscsi_dev_reset(d.dev), -ENOTCONN);
	assert_non_null(strstr(vscsi_last_error(), "no way to the device"));
	driver_close(&d);
}

/* A protocol error over new memory means no reconnect; a closed connection means one. */
static void test_lost_over_memory(void **state)
{
	const int errors[] = {-EPROTO, -ENOTCONN};
	struct vscsi_completion done;
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		char *area =
			mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		assert_ptr_not_equal(area, MAP_FAILED);
		loss_open_stopped(&d, "");
		loss_read(&d, 1);
		loss_away = true;
		d.m->fake.fail = FAKE_MEM_MAP;
		d.m->fake.fail_skip = 0;
		d.m->fake.fail_err = errors[i];
		assert_int_equal(vscsi_mem_register(vscsi_dev_mem(d.dev), area, AREA, -1, 0),
				 errors[i]);
		assert_int_equal(state_of(&d), i ? VSCSI_DEV_RECONNECTING : VSCSI_DEV_FAILED);
		if (i)
			loss_find(&d);
		assert_int_equal(vscsi_poll(d.queue, &done, 1), !i);
		if (i)
			loss_serve(&d, 1);
		driver_close(&d);
		munmap(area, AREA);
	}
}

/* Keeps the line of the call that finds that the device can't be reached. */
static void keep_line(void *ctx, int level, const char *line)
{
	(void)level;
	if (!strncmp(line, "vscsi_", 6) && strstr(line, "no way to the device"))
		snprintf(ctx, 64, "%s", line);
}

/* A line that is logged on the data path has the name of the call that is in progress. */
static void test_log_names_the_call(void **state)
{
	static const char *const names[] = {
		"vscsi_poll: ", "vscsi_wait: ", "vscsi_next_timeout_ms: ", "vscsi_pread: "};
	struct vscsi_completion c;
	char line[64] = "";
	char block[512];
	struct driver d;
	unsigned i;

	(void)state;
	clock_stop(true);
	loss_open(&d, "timeout_ms=20&recovery_ms=4294967295");
	clock_stop(false);
	loss_lose(&d);
	assert_int_equal(vscsi_set_log(VSCSI_LOG_DEBUG, keep_line, line), 0);
	for (i = 0; i < ARRAY_LEN(names); i++) {
		line[0] = 0;
		while (!line[0]) {
			clock_skip(1000);
			if (i == 0)
				vscsi_poll(d.queue, &c, 1);
			else if (i == 1)
				vscsi_wait(d.queue, 1);
			else if (i == 2)
				vscsi_next_timeout_ms(d.queue);
			else
				vscsi_pread(d.lun, block, 512, 0);
		}
		assert_memory_equal(line, names[i], strlen(names[i]));
		/* A control call in between doesn't leave its name in the text. */
		assert_int_equal(vscsi_lun_close(NULL), 0);
	}
	assert_int_equal(vscsi_set_log(VSCSI_LOG_DEBUG, NULL, NULL), 0);
	loss_find(&d);
	driver_close(&d);
}

int reconnect_tests(void)
{
	const struct CMUnitTest loop[] = {
		cmocka_unit_test(test_poison_ends_at_the_limit),
		cmocka_unit_test(test_poison_without_limit),
		cmocka_unit_test(test_short_lives),
		cmocka_unit_test(test_resets_are_no_losses),
		cmocka_unit_test(test_taken_away_while_looked_for),
		cmocka_unit_test(test_lost_over_memory),
		cmocka_unit_test(test_log_names_the_call),
	};

	return cmocka_run_group_tests(loop, NULL, NULL);
}
