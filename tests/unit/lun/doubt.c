/* SPDX-License-Identifier: BSD-3-Clause */
/* What puts the other handles of an address in doubt, and what a connection says about the next. */
#include "fixture.h"

/* The probe of a second handle receives the unit attention that told of another disk. */
static void test_opening_finds_another_disk(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *old;
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &old), 0);
	f->disks[0][0].serial = "SN43";
	f->disks[0][0].attention = 0x2900;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(io_lun_state(&old->io), LUN_SUSPECT);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&old->io), LUN_GONE);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	assert_int_equal(lun_close(old), 0);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* A probe for one handle finds another disk: it is another one for all handles of the address. */
static void test_twin_of_another_disk(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;
	struct vscsi_lun *twin;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(fixture_open(f, 0, 0, &twin), 0);
	f->disks[0][0].serial = "SN43";
	io_lun_set_state(&lun->io, LUN_SUSPECT);
	lun_table_recount(&f->table);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_GONE);
	assert_int_equal(io_lun_state(&twin->io), LUN_GONE);
	assert_int_equal(lun_close(lun), 0);
	assert_int_equal(lun_close(twin), 0);
	fixture_free(f);
}

/* What a LUN was on one connection says nothing about the next, even within one loss. */
static void test_another_connection(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;
	unsigned losses;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	fixture_lose(f, INFLIGHT_REPLAY);
	fixture_return(f);
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	losses = f->table.losses;
	lun_table_suspect_again(&f->table);
	assert_int_equal(f->table.losses, losses);
	assert_int_equal(io_lun_state(&lun->io), LUN_SUSPECT);
	f->disks[0][0].serial = "SN43";
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_GONE);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* A query that was sent on the handle of another connection is not waited for. */
static void test_another_queue(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_completion done;
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	f->table.revalidate_queue = f->app;
	f->disks[0][0].silent = true;
	lun_table_suspect(&f->table, 0, 0);
	f->logged = 0;
	fixture_round(f, 0);
	fixture_pump(f);
	assert_int_equal(f->logged, 1);
	f->table.revalidate_queue = f->table.queue;
	f->disks[0][0].silent = false;
	assert_int_equal(fixture_revalidate(f), 0);
	assert_int_equal(io_lun_state(&lun->io), LUN_PRESENT);
	fixture_speak(f);
	assert_true(fixture_poll(f, &done));
	call_deliver_all(&done, 1);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

int doubt_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opening_finds_another_disk),
		cmocka_unit_test(test_twin_of_another_disk),
		cmocka_unit_test(test_another_connection),
		cmocka_unit_test(test_another_queue),
	};

	return cmocka_run_group_tests_name("lun/doubt", tests, NULL, NULL);
}
