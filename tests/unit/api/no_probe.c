/* SPDX-License-Identifier: BSD-3-Clause */
/* VSCSI_LUN_NO_PROBE: raw commands reach a LUN that can't be opened as a disk. */
#include <errno.h>
#include <string.h>

#include "api.h"

static const struct vscsi_lun_opts no_probe = {
	.size = sizeof(no_probe),
	.flags = VSCSI_LUN_NO_PROBE,
};

/* A command with no data, to begin with: TEST UNIT READY. */
static const struct vscsi_command unit_ready = {.size = sizeof(unit_ready), .cdb_len = 6};

/* Becoming ready, for ever: to a read as to everything that opening asks. */
static const struct said not_ready[] = {
	{.cdb = {0x00}, .end = MODEL_SENSE(2, 4)},
	{.cdb = {0x12}, .end = MODEL_SENSE(2, 4)},
	{.cdb = {0x25}, .end = MODEL_SENSE(2, 4)},
	{.cdb = {0x9e}, .end = MODEL_SENSE(2, 4)},
};

static void check_info(struct vscsi_lun *lun)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	struct vscsi_lun_info only = {.size = sizeof(only), .target = 1, .lun = 2};

	assert_int_equal(vscsi_lun_get_info(lun, &info), 0);
	/* The limit of the device holds for it as for every LUN. */
	only.queue_limit = info.queue_limit;
	assert_memory_equal(&info, &only, sizeof(info));
	assert_int_equal(vscsi_lun_refresh(lun), -EINVAL);
}

static void check_block_calls(struct driver *d, struct vscsi_lun *lun)
{
	const struct vscsi_range range = {.lba = 0, .blocks = 1};
	struct iovec iov = {.iov_base = d->buf, .iov_len = MODEL_BLOCK};
	char block[MODEL_BLOCK];

	assert_int_equal(vscsi_read(d->queue, lun, d->buf, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_write(d->queue, lun, d->buf, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_readv(d->queue, lun, &iov, 1, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_writev(d->queue, lun, &iov, 1, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_flush(d->queue, lun, 0), -EINVAL);
	assert_int_equal(vscsi_unmap(d->queue, lun, &range, 1, 0), -EINVAL);
	assert_int_equal(vscsi_write_zeroes(d->queue, lun, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(vscsi_compare_and_write(d->queue, lun, d->buf, d->buf, 0, 1, 0, 0),
			 -EINVAL);
	assert_int_equal(vscsi_pread(lun, block, sizeof(block), 0), -EINVAL);
	assert_int_equal(vscsi_pwrite(lun, block, sizeof(block), 0, 0), -EINVAL);
	assert_int_equal(vscsi_sync_flush(lun), -EINVAL);
	assert_int_equal(vscsi_sync_unmap(lun, &range, 1), -EINVAL);
	assert_int_equal(vscsi_sync_write_zeroes(lun, MODEL_BLOCK, 0, 0), -EINVAL);
	assert_int_equal(vscsi_sync_compare_and_write(lun, block, block, MODEL_BLOCK, 0), -EINVAL);
}

/* Opening sends nothing, and what the unit says reaches the application as it is. */
static void test_not_ready(void **state)
{
	struct vscsi_completion c;
	struct vscsi_lun *lun;
	unsigned commands;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->said = not_ready;
	d.m->nsaid = ARRAY_LEN(not_ready);
	assert_int_not_equal(vscsi_lun_open(d.dev, 1, 2, NULL, &lun), 0);
	commands = d.m->commands;
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, &no_probe, &lun), 0);
	assert_int_equal(d.m->commands, commands);
	check_info(lun);
	check_block_calls(&d, lun);
	assert_int_equal(d.m->commands, commands);
	assert_int_equal(vscsi_sync_command(lun, &unit_ready, &c), -EIO);
	assert_int_equal(c.sense_key, 2);
	assert_int_equal(vscsi_prepare_command(d.queue, lun, &unit_ready, 9), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	c = driver_poll(&d);
	assert_int_equal(c.user_data, 9);
	assert_int_equal(c.sense_key, 2);
	assert_int_equal(vscsi_lun_close(lun), 0);
	d.m->nsaid = 0;
	driver_close(&d);
}

/* A block size that block calls don't support: a raw READ of one block of 520 bytes. */
static void test_odd_block_size(void **state)
{
	static const uint8_t block[520] = {0xab, [519] = 0xcd};
	static const uint8_t capacity[] = {[7] = 9, [10] = 2, 8, [31] = 0};
	static const uint8_t capacity_10[] = {[3] = 9, [6] = 2, 8};
	static const struct said said[] = {
		{.cdb = {0x9e, 0x10}, .data = capacity, .len = sizeof(capacity)},
		{.cdb = {0x25}, .data = capacity_10, .len = sizeof(capacity_10)},
		{.cdb = {0x28}, .data = block, .len = sizeof(block)},
	};
	char data[sizeof(block)];
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
	struct vscsi_command read = {.size = sizeof(read),
				     .cdb_len = 10,
				     .cdb = {0x28, [8] = 1},
				     .in = &iov,
				     .in_count = 1};
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->said = said;
	d.m->nsaid = ARRAY_LEN(said);
	assert_int_not_equal(vscsi_lun_open(d.dev, 1, 2, NULL, &lun), 0);
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, &no_probe, &lun), 0);
	assert_int_equal(vscsi_sync_command(lun, &read, NULL), 0);
	assert_memory_equal(data, block, sizeof(block));
	assert_int_equal(vscsi_lun_close(lun), 0);
	d.m->nsaid = 0;
	driver_close(&d);
}

/* A scan doesn't end a handle whose LUN no list has; what is there is for its commands to find. */
static void test_not_listed(void **state)
{
	const uint8_t addr[8] = {0};
	struct vscsi_event event;
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 3, 5, &no_probe, &lun), 0);
	assert_int_equal(vscsi_dev_scan(d.dev, NULL, 0), 2);
	assert_true(model_event(d.m, 0x80000000u, addr, 0));
	while (vscsi_dev_poll_events(d.dev, &event, 1) > 0)
		assert_int_not_equal(event.target, 3);
	d.m->present[3][5] = true;
	assert_int_equal(vscsi_sync_command(lun, &unit_ready, NULL), 0);
	assert_int_equal(vscsi_lun_close(lun), 0);
	driver_close(&d);
}

/* Whether anything is there is for the first command to find out. */
static void test_nothing_there(void **state)
{
	struct vscsi_lun_opts unknown = {.size = sizeof(unknown), .flags = 1u << 1};
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_lun_open(d.dev, 3, 5, &no_probe, &lun), 0);
	assert_int_equal(vscsi_sync_command(lun, &unit_ready, NULL), -ENODEV);
	assert_int_equal(vscsi_lun_close(lun), 0);
	assert_int_equal(vscsi_lun_open(d.dev, 1, 2, &unknown, &lun), -EINVAL);
	assert_int_equal(vscsi_lun_open(d.dev, 256, 0, &no_probe, &lun), -EINVAL);
	driver_close(&d);
}

int no_probe_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_ready),
		cmocka_unit_test(test_odd_block_size),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_not_listed),
	};

	return cmocka_run_group_tests_name("api/no_probe", tests, NULL, NULL);
}
