/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was acknowledged as flushed is on the disk: once flushing a file has failed, its LUN never
 * reports a successful flush again. fdatasync() is the linker's (--wrap).
 */
#include "target.h"

#include <errno.h>

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);

static int next_error; /* of the next fdatasync(); 0: it succeeds */
unsigned flushes;

/* As the kernel does: an error is reported once. */
int __wrap_fdatasync(int fd)
{
	int error = next_error;

	next_error = 0;
	flushes++;
	if (!error)
		return __real_fdatasync(fd);
	errno = error;
	return -1;
}

/* Every command that makes data durable. */
static const uint8_t flushing[][16] = {
	{0x35},                                                 /* SYNCHRONIZE CACHE(10) */
	{0x91},                                                 /* SYNCHRONIZE CACHE(16) */
	{0x2a, 0x08, 0, 0, 0, 0, 0, 0, 1},                      /* WRITE(10) with FUA */
	{0xaa, 0x08, 0, 0, 0, 0, 0, 0, 0, 1},                   /* WRITE(12) */
	{0x8a, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},       /* WRITE(16) */
	{0x89, 0x08, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}, /* COMPARE AND WRITE */
	{0x1b},                                                 /* START STOP UNIT: stop */
};
#define FLUSHING (sizeof(flushing) / sizeof(flushing[0]))

static struct scsi_task flush(struct lun *lun, unsigned i)
{
	static uint8_t data[2 * BLOCK];
	struct scsi_task t = command(lun, flushing[i], data, sizeof(data));

	/* The others need a started unit. */
	lun->stopped = false;
	return t;
}

static void an_error_is_sticky(void **state)
{
	static const uint8_t write10[16] = {0x2a, 0, 0, 0, 0, 0, 0, 0, 1};
	static const int errors[] = {EIO, ENOSPC, EDQUOT};
	struct lun_table luns = {0};
	uint8_t data[BLOCK] = {0};
	struct scsi_task t;
	struct lun *lun;
	unsigned e, i, j;

	(void)state;
	make_file("disk.img", 1 << 20);
	for (e = 0; e < 3; e++) {
		for (i = 0; i < FLUSHING; i++) {
			lun = get_lun(&luns, "0:0,file=disk.img");
			t = flush(lun, i);
			expect_sense(&t, 0, 0);
			next_error = errors[e];
			t = flush(lun, i);
			assert_int_equal(t.status, STATUS_CHECK_CONDITION);
			/* Written data is lost, whatever wants to make it durable. */
			for (j = 0; j < FLUSHING; j++) {
				t = flush(lun, j);
				assert_int_equal(t.status, STATUS_CHECK_CONDITION);
			}
			/* The page cache still works. */
			t = command(lun, write10, data, sizeof(data));
			expect_sense(&t, 0, 0);
			assert_int_equal(lun_remove(&luns, 0, 0), 0);
		}
	}
	lun = get_lun(&luns, "0:0,file=disk.img");
	for (i = 0; i < FLUSHING; i++) {
		t = flush(lun, i);
		expect_sense(&t, 0, 0);
	}
	lun_table_close(&luns);
}

static void an_interrupted_flush_is_repeated(void **state)
{
	struct lun_table luns = {0};
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	make_file("disk.img", 1 << 20);
	lun = get_lun(&luns, "0:0,file=disk.img");
	next_error = EINTR;
	flushes = 0;
	t = flush(lun, 0);
	expect_sense(&t, 0, 0);
	assert_int_equal(flushes, 2);
	lun_table_close(&luns);
}

/* One LUN's error is not another's. */
static void other_luns_are_not_affected(void **state)
{
	struct lun_table luns = {0};
	struct lun *first, *second;
	struct scsi_task t;

	(void)state;
	make_file("disk.img", 1 << 20);
	make_file("other.img", 1 << 20);
	first = get_lun(&luns, "0:0,file=disk.img");
	second = get_lun(&luns, "0:1,file=other.img");
	next_error = EIO;
	t = flush(first, 0);
	expect_sense(&t, KEY_MEDIUM_ERROR, ASC_WRITE_ERROR);
	t = flush(second, 0);
	expect_sense(&t, 0, 0);
	t = flush(first, 0);
	expect_sense(&t, KEY_MEDIUM_ERROR, ASC_WRITE_ERROR);
	lun_table_close(&luns);
}

int flush_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_sticky),
		cmocka_unit_test(an_interrupted_flush_is_repeated),
		cmocka_unit_test(other_luns_are_not_affected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
