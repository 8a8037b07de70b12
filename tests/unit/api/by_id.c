/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening a LUN by its identity, wherever it is, and listing its identities. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "api.h"

static void expect_address(struct vscsi_lun *lun, unsigned target, unsigned number)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_lun_get_info(lun, &info), 0);
	assert_int_equal(info.target, target);
	assert_int_equal(info.lun, number);
	assert_int_equal(vscsi_lun_close(lun), 0);
}

/* The disk that is open moves: its handle stays at the address, and opening finds it. */
static void test_renumbered(void **state)
{
	struct vscsi_event events[8];
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->present[0][0] = false;
	driver_open(&d, "id=serial.SN42");
	assert_int_equal(vscsi_lun_open_by_id(d.dev, "serial.SN42", NULL, &lun), 0);
	expect_address(lun, 1, 2);
	d.m->present[1][2] = false;
	d.m->present[2][3] = true;
	assert_int_equal(vscsi_lun_open_by_id(d.dev, NULL, NULL, &lun), 0);
	expect_address(lun, 2, 3);
	assert_int_equal(vscsi_pread(d.lun, d.buf, 512, 0), -ENODEV);
	while (vscsi_dev_poll_events(d.dev, events, 8) > 0)
		continue;
	assert_int_equal(vscsi_lun_open_by_id(d.dev, "serial.SN43", NULL, &lun), -ENODEV);
	expect_error_text("vscsi_lun_open_by_id: ");
	expect_error_text("no LUN of the device has the identity \"serial.SN43\"");
	driver_close(&d);
}

static void test_refusals(void **state)
{
	const struct vscsi_lun_opts wrong = {.size = sizeof(wrong), .flags = 8};
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	/* Both disks of the model have the same serial number. */
	assert_int_equal(vscsi_lun_open_by_id(d.dev, "serial.SN42", NULL, &lun), -ENOTUNIQ);
	expect_error_text("LUN 0:0 and LUN 1:2 have the same identity");
	assert_int_equal(vscsi_lun_open_by_id(d.dev, NULL, NULL, &lun), -ENOENT);
	expect_error_text("no id=");
	assert_int_equal(vscsi_lun_open_by_id(d.dev, "", NULL, &lun), -EINVAL);
	expect_error_text("identity is empty");
	assert_int_equal(vscsi_lun_open_by_id(d.dev, "serial.SN42", &wrong, &lun), -EINVAL);
	driver_close(&d);
}

/* A handle for raw commands alone is of that disk as well: it is asked before the first command. */
static void test_raw_commands_reach_no_other_disk(void **state)
{
	const struct vscsi_lun_opts raw = {.size = sizeof(raw), .flags = VSCSI_LUN_NO_PROBE};
	static const struct vscsi_command ready = {.size = sizeof(ready), .cdb_len = 6};
	struct vscsi_lun *lun;
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->present[0][0] = false;
	assert_int_equal(vscsi_lun_open_by_id(d.dev, "serial.SN42", &raw, &lun), 0);
	assert_int_equal(vscsi_sync_command(lun, &ready, NULL), 0);
	expect_address(lun, 1, 2);
	assert_int_equal(vscsi_lun_open_by_id(d.dev, "serial.SN42", &raw, &lun), 0);
	d.m->serial = "SN43";
	assert_int_equal(vscsi_sync_command(lun, &ready, NULL), -ENODEV);
	expect_address(lun, 1, 2);
	d.m->serial = "SN42";
	driver_close(&d);
}

/*
 * The disk is exchanged after @left more commands. Whenever that is, the handle is not for another
 * one than the one that was asked for.
 */
static unsigned left;

static void exchange(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = ctx;

	if (call == FAKE_NOTIFY && m->commands >= left)
		m->serial = "SN43";
	model_hook(ctx, call, queue);
}

static void test_exchanged(void **state)
{
	unsigned opened = 0;
	char text[88];
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < 30; i++) {
		struct vscsi_lun *lun;
		int err;

		driver_init(&d);
		d.m->present[0][0] = false;
		driver_open(&d, "");
		left = d.m->commands + i;
		d.m->fake.hook = exchange;
		err = vscsi_lun_open_by_id(d.dev, "serial.SN42", NULL, &lun);
		if (err) {
			assert_int_equal(err, -ENODEV);
		} else {
			assert_int_equal(vscsi_lun_get_id(lun, 0, text, sizeof(text)), 0);
			assert_string_equal(text, "serial.SN42");
			assert_int_equal(vscsi_lun_close(lun), 0);
			opened++;
		}
		driver_close(&d);
	}
	assert_in_range(opened, 5, 25);
}

static void test_list(void **state)
{
	char text[88];
	struct driver d;

	(void)state;
	driver_start(&d, "");
	assert_int_equal(vscsi_lun_get_id(d.lun, 0, text, sizeof(text)), 0);
	assert_string_equal(text, "serial.SN42");
	assert_int_equal(vscsi_lun_get_id(d.lun, 0, text, 12), 0);
	assert_int_equal(vscsi_lun_get_id(d.lun, 0, text, 11), -ENOSPC);
	assert_int_equal(vscsi_lun_get_id(d.lun, 1, text, sizeof(text)), -ENOENT);
	driver_close(&d);
}

int by_id_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_renumbered),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_raw_commands_reach_no_other_disk),
		cmocka_unit_test(test_exchanged),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests_name("by_id", tests, NULL, NULL);
}
