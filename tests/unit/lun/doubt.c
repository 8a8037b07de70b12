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

int doubt_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opening_finds_another_disk),
		cmocka_unit_test(test_twin_of_another_disk),
	};

	return cmocka_run_group_tests_name("lun/doubt", tests, NULL, NULL);
}
