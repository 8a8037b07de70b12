/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GET LBA STATUS: holes of a file, as far as the file system of the build folder has any.
 */
#include "target.h"

#include <fcntl.h>
#include <unistd.h>

#include "../src/util/bits.h"

#define FILE_BYTES (1u << 20)
#define BLOCKS     (FILE_BYTES / BLOCK)
#define REPLY      2048

/* Returns the number of descriptors that were received whole. */
static unsigned status(struct lun *lun, uint64_t lba, uint32_t alloc, uint8_t *reply)
{
	uint8_t cdb[16] = {0x9e, 0x12};
	struct scsi_task t;

	put_be64(cdb + 2, lba);
	put_be32(cdb + 10, alloc);
	t = command(lun, cdb, reply, REPLY);
	expect_sense(&t, 0, 0);
	assert_true(t.in_done <= alloc);
	return t.in_done < 8 ? 0 : (unsigned)(t.in_done - 8) / 16;
}

static void write_at(const char *path, off_t at, size_t len)
{
	static const uint8_t data[65536] = {1};
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, at), len);
	close(fd);
}

/* The runs adjoin, cover the LUN, and have no neighbours with the same status. */
static void holes_of_a_file(void **state)
{
	struct lun_table luns = {0};
	uint8_t reply[REPLY];
	uint64_t next = 0;
	unsigned count, i;
	struct lun *lun;

	(void)state;
	make_file("disk.img", FILE_BYTES);
	write_at("disk.img", 131072, 65536);
	write_at("disk.img", FILE_BYTES - 65536, 65536);
	lun = get_lun(&luns, "0:0,file=disk.img,thin");
	count = status(lun, 0, REPLY, reply);
	assert_int_equal(get_be32(reply), 4 + 16 * count);
	for (i = 0; i < count; i++) {
		assert_int_equal(get_be64(reply + 8 + 16 * i), next);
		next += get_be32(reply + 16 + 16 * i);
		assert_true(reply[20 + 16 * i] <= 1);
		if (i)
			assert_int_not_equal(reply[20 + 16 * i], reply[4 + 16 * i]);
	}
	assert_int_equal(next, BLOCKS);
	/* The last block has data; where there are holes at all, the first is in one. */
	assert_int_equal(reply[20 + 16 * (count - 1)], 0);
	if (count > 1) {
		assert_int_equal(count, 4);
		assert_int_equal(reply[20], 1);
		assert_int_equal(get_be32(reply + 16), 256);
	}
	lun_table_close(&luns);
}

static void starts_and_lengths(void **state)
{
	struct lun_table luns = {0};
	uint8_t cdb[16] = {0x9e, 0x12};
	uint8_t reply[REPLY];
	struct scsi_task t;
	struct lun *lun;

	(void)state;
	make_file("disk.img", FILE_BYTES);
	lun = get_lun(&luns, "0:0,file=disk.img,thin");
	assert_int_equal(status(lun, BLOCKS - 1, REPLY, reply), 1);
	assert_int_equal(get_be64(reply + 8), BLOCKS - 1);
	assert_int_equal(get_be32(reply + 16), 1);
	assert_int_equal(status(lun, 0, 24, reply), 1);
	assert_int_equal(status(lun, 0, 23, reply), 0);
	assert_int_equal(status(lun, 0, 0, reply), 0);
	put_be64(cdb + 2, BLOCKS);
	put_be32(cdb + 10, REPLY);
	t = command(lun, cdb, reply, REPLY);
	expect_sense(&t, KEY_ILLEGAL_REQUEST, ASC_LBA_OUT_OF_RANGE);
	lun_table_close(&luns);
}

/* A thick LUN, and memory, which has no holes that it knows of. */
static void all_is_mapped(void **state)
{
	static const char *const specs[] = {"0:0,file=disk.img", "0:0,ram=1M,thin"};
	uint8_t reply[REPLY];
	unsigned i;

	(void)state;
	make_file("disk.img", FILE_BYTES);
	for (i = 0; i < 2; i++) {
		struct lun_table luns = {0};
		struct lun *lun = get_lun(&luns, specs[i]);

		assert_int_equal(status(lun, 7, REPLY, reply), 1);
		assert_int_equal(get_be64(reply + 8), 7);
		assert_int_equal(get_be32(reply + 16), BLOCKS - 7);
		assert_int_equal(reply[20], 0);
		lun_table_close(&luns);
	}
}

int lba_status_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_of_a_file),
		cmocka_unit_test(starts_and_lengths),
		cmocka_unit_test(all_is_mapped),
	};

	return cmocka_run_group_tests_name("target lba status", tests, NULL, NULL);
}
