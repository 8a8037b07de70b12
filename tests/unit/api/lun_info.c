/* SPDX-License-Identifier: BSD-3-Clause */
/* What a LUN says of itself when it is opened or asked again, and what half of that makes. */
#include <errno.h>
#include <string.h>

#include <vscsi/error.h>

#include "api.h"
#include "scsi/cdb.h"

/* How the commands begin that are asked. */
#define STANDARD                   \
	{                          \
		SCSI_INQUIRY, 0, 0 \
	}
#define PAGE(number)                    \
	{                               \
		SCSI_INQUIRY, 1, number \
	}
#define CAPACITY_10                         \
	{                                   \
		SCSI_READ_CAPACITY_10, 0, 0 \
	}
#define CAPACITY_16                                             \
	{                                                       \
		SCSI_SERVICE_IN_16, SCSI_SA_READ_CAPACITY_16, 0 \
	}

#define NO_MEDIUM MODEL_SENSE(2, 0x3a)
#define UNKNOWN   MODEL_SENSE(5, 0x20)
#define BUSY                                               \
	{                                                  \
		.status = 0x08, .used_len = RESPONSE_BYTES \
	}

/* Opens the device with a disk that says so, and tells how opening the disk ends. */
static int open_saying_within(struct driver *d, const char *limit, const struct said *said,
			      unsigned count)
{
	d->m->said = said;
	d->m->nsaid = count;
	assert_int_equal(driver_open_device(d, limit), 0);
	return vscsi_lun_open(d->dev, 1, 2, NULL, &d->lun);
}

static int open_saying(struct driver *d, const struct said *said, unsigned count)
{
	return open_saying_within(d, "", said, count);
}

static struct vscsi_lun_info info_of(const struct driver *d)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_lun_get_info(d->lun, &info), 0);
	return info;
}

/* No medium is no error, whichever form of the command says so; one that came is a new disk. */
static void test_no_medium(void **state)
{
	static const struct said said[] = {{.cdb = CAPACITY_10, .end = NO_MEDIUM},
					   {.cdb = CAPACITY_16, .end = NO_MEDIUM},
					   {.cdb = CAPACITY_16, .end = UNKNOWN}};
	uint8_t block[512];
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < 2; i++) {
		driver_init(&d);
		/* The short form only is asked where the other one is not known. */
		assert_int_equal(open_saying(&d, i ? (struct said[]){said[0], said[2]} : said, 2),
				 0);
		assert_int_equal(info_of(&d).blocks, 0);
		assert_int_equal(info_of(&d).block_size, 0);
		assert_int_equal(info_of(&d).max_blocks, 0);
		assert_int_equal(vscsi_pread(d.lun, block, 512, 0), -EINVAL);
		expect_error_text("LUN 1:2 has no blocks");
		assert_int_equal(vscsi_lun_refresh(d.lun), 0);
		d.m->nsaid = 0;
		assert_int_equal(vscsi_lun_refresh(d.lun), -EPROTO);
		expect_error_text("now has blocks of 512 bytes instead of 0; open it again");
		assert_int_equal(info_of(&d).blocks, 0);
		driver_close(&d);
	}
}

/* A medium that went is none, and the same one again is as before. */
static void test_a_medium_that_goes(void **state)
{
	static const struct said said = {.cdb = CAPACITY_16, .end = NO_MEDIUM};
	struct driver d;

	(void)state;
	driver_start(&d, "");
	d.m->said = &said;
	d.m->nsaid = 1;
	assert_int_equal(vscsi_lun_refresh(d.lun), 0);
	assert_int_equal(info_of(&d).blocks, 0);
	d.m->nsaid = 0;
	assert_int_equal(vscsi_lun_refresh(d.lun), 0);
	assert_int_equal(info_of(&d).blocks, MODEL_BLOCKS);
	driver_close(&d);
}

static void test_old_disks(void **state)
{
	static const uint8_t too_large[8] = {0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0};
	static const struct said said[] = {
		{.cdb = CAPACITY_16, .end = UNKNOWN},
		{.cdb = CAPACITY_10, .data = too_large, .len = sizeof(too_large)}};
	struct driver d;

	(void)state;
	driver_init(&d);
	assert_int_equal(open_saying(&d, said, 1), 0);
	assert_int_equal(info_of(&d).blocks, MODEL_BLOCKS);
	/* More than the short form can say, and the long one is not known. */
	d.m->nsaid = 2;
	assert_int_equal(vscsi_lun_refresh(d.lun), -EPROTO);
	expect_error_text("an unsupported capacity");
	assert_int_equal(info_of(&d).blocks, MODEL_BLOCKS);
	driver_close(&d);
}

/* The long form is answered with too little, or with nonsense: the short one counts. */
static void test_capacities_that_cannot_be(void **state)
{
	static const uint8_t odd[32] = {[7] = 99, [10] = 2, [11] = 1};
	static const uint8_t endless[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					    0xff, 0xff, 0,    0,    2,    0};
	static const uint8_t odd_10[8] = {[3] = 99, [6] = 2, [7] = 1};
	static const struct said rows[][2] = {
		{{.cdb = CAPACITY_16, .data = odd, .len = 8}},
		{{.cdb = CAPACITY_16, .data = odd, .len = sizeof(odd)}},
		{{.cdb = CAPACITY_16, .data = endless, .len = sizeof(endless)}},
		{{.cdb = CAPACITY_16, .data = odd, .len = sizeof(odd)},
		 {.cdb = CAPACITY_10, .data = odd_10, .len = sizeof(odd_10)}},
		{{.cdb = CAPACITY_16, .end = UNKNOWN},
		 {.cdb = CAPACITY_10, .end = MODEL_SENSE(3, 0x11)}},
	};
	static const int results[] = {0, 0, 0, -EPROTO, -EIO};
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(rows); i++) {
		driver_init(&d);
		assert_int_equal(open_saying(&d, rows[i], results[i] ? 2 : 1), results[i]);
		if (!results[i])
			assert_int_equal(info_of(&d).blocks, MODEL_BLOCKS);
		else
			expect_error_text(results[i] == -EIO ? "3/11/00"
							     : "an unsupported capacity");
		driver_close(&d);
	}
}

/* Other types: no blocks at all, blocks that are not written, and zones. */
static void test_types(void **state)
{
	struct vscsi_completion c;
	struct chain chain;
	unsigned before;
	struct driver d;

	(void)state;
	driver_init(&d);
	d.m->type = VSCSI_TYPE_TAPE;
	driver_open(&d, "");
	before = d.m->commands;
	assert_int_equal(info_of(&d).type, VSCSI_TYPE_TAPE);
	assert_int_equal(vscsi_lun_refresh(d.lun), 0);
	assert_int_equal(vscsi_pread(d.lun, d.buf, 512, 0), -EINVAL);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), -EINVAL);
	assert_int_equal(d.m->commands, before);
	driver_close(&d);

	driver_init(&d);
	d.m->type = VSCSI_TYPE_CDROM;
	driver_open(&d, "");
	assert_true(info_of(&d).flags & VSCSI_LUN_READ_ONLY);
	assert_int_equal(vscsi_pread(d.lun, d.buf, 512, 0), 0);
	assert_int_equal(vscsi_pwrite(d.lun, d.buf, 512, 0, 0), -EROFS);
	assert_int_equal(vscsi_sync_unmap(d.lun, &(struct vscsi_range){.blocks = 1}, 1), -EROFS);
	assert_int_equal(vscsi_sync_write_zeroes(d.lun, 512, 0, 0), -EROFS);
	assert_int_equal(vscsi_sync_compare_and_write(d.lun, d.buf, d.buf, 512, 0), -EROFS);
	driver_close(&d);

	/* Zoned disks know the long forms only (ZBC), however small they are. */
	driver_init(&d);
	d.m->type = VSCSI_TYPE_ZBC;
	driver_open(&d, "");
	driver_hold(&d);
	assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 0, 1, 0, 1), 0);
	assert_int_equal(vscsi_flush(d.queue, d.lun, 2), 0);
	assert_int_equal(vscsi_submit(d.queue), 0);
	chain = driver_take(&d);
	assert_int_equal(*chain_cdb(&chain), SCSI_READ_16);
	model_serve_chain(d.m, &chain);
	chain = driver_take(&d);
	assert_int_equal(*chain_cdb(&chain), SCSI_SYNC_CACHE_16);
	model_serve_chain(d.m, &chain);
	assert_int_equal(vscsi_poll(d.queue, &c, 1), 1);
	assert_int_equal(driver_poll(&d).result, 0);
	driver_close(&d);
}

/* Pages that are listed; of those that don't come as they should nothing is taken over. */
static void test_what_pages_say(void **state)
{
	static const uint8_t removable[] = {0, 0x80, 6, 2, 91};
	static const uint8_t list[] = {0, 0, 0, 4, 0x00, 0xb0, 0xb1, 0xb2};
	static const uint8_t disk[] = {0, 0xb1, 0, 2, 0x1c, 0x20};
	static const uint8_t flash[] = {0, 0xb1, 0, 2, 0, 1};
	static const uint8_t other[] = {0, 0xb2, 0, 2, 0x1c, 0x20};
	static const uint8_t no_limits[64] = {0, 0xb0, 0, 0x3c};
	static const struct {
		struct said medium;
		uint32_t flags;
	} table[] = {
		{{.cdb = PAGE(0xb1), .data = disk, .len = sizeof(disk)}, VSCSI_LUN_ROTATIONAL},
		{{.cdb = PAGE(0xb1), .data = flash, .len = sizeof(flash)}, 0},
		{{.cdb = PAGE(0xb1), .data = other, .len = sizeof(other)}, 0},
		{{.cdb = PAGE(0xb1), .end = UNKNOWN}, 0},
	};
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		const struct said said[] = {
			{.cdb = STANDARD, .data = removable, .len = sizeof(removable)},
			{.cdb = PAGE(0), .data = list, .len = sizeof(list)},
			{.cdb = PAGE(0xb0), .data = no_limits, .len = sizeof(no_limits)},
			table[i].medium,
		};
		const uint32_t asked = VSCSI_LUN_REMOVABLE | VSCSI_LUN_ROTATIONAL |
				       VSCSI_LUN_UNMAP | VSCSI_LUN_CAW;

		driver_init(&d);
		assert_int_equal(open_saying(&d, said, ARRAY_LEN(said)), 0);
		/* The page of provisioning speaks of UNMAP, but none may be as long as anything. */
		assert_int_equal(info_of(&d).flags & asked, VSCSI_LUN_REMOVABLE | table[i].flags);
		assert_string_equal(info_of(&d).serial, "");
		assert_int_equal(vscsi_sync_unmap(d.lun, &(struct vscsi_range){.blocks = 1}, 1),
				 -EOPNOTSUPP);
		driver_close(&d);
	}
}

/* Zeros by deallocation need WRITE SAME with that bit, and blocks that read as zeros then. */
static void test_fast_zeroes(void **state)
{
	static const struct {
		uint8_t bits; /* LBPU 80h, LBPWS 40h, LBPRZ 04h */
		uint32_t flags;
	} table[] = {
		{0xc4, VSCSI_LUN_ZERO_UNMAP | VSCSI_LUN_FAST_ZEROES},
		{0x84, VSCSI_LUN_ZERO_UNMAP},
		{0xc0, 0},
	};
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		const uint8_t page[] = {0, 0xb2, 0, 4, 0, table[i].bits, 2, 0};
		const struct said said = {.cdb = PAGE(0xb2), .data = page, .len = sizeof(page)};
		const uint32_t asked = VSCSI_LUN_ZERO_UNMAP | VSCSI_LUN_FAST_ZEROES;

		driver_init(&d);
		assert_int_equal(open_saying(&d, &said, 1), 0);
		assert_int_equal(info_of(&d).flags & asked, table[i].flags);
		driver_close(&d);
	}
}

/* Pages that are not listed are not asked for; a list that is none lists nothing. */
static void test_no_pages(void **state)
{
	static const uint8_t wrong[] = {0, 0x80, 0, 1, 0xb0};
	static const struct said said[] = {{.cdb = PAGE(0), .end = UNKNOWN},
					   {.cdb = PAGE(0), .data = wrong, .len = sizeof(wrong)}};
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(said); i++) {
		driver_init(&d);
		assert_int_equal(open_saying(&d, &said[i], 1), 0);
		/* INQUIRY twice, READ CAPACITY, MODE SENSE. */
		assert_int_equal(d.m->commands, 4);
		assert_int_equal(info_of(&d).blocks, MODEL_BLOCKS);
		assert_false(info_of(&d).flags & (VSCSI_LUN_UNMAP | VSCSI_LUN_CAW));
		driver_close(&d);
	}
}

/* One that is busy for ever can't be opened; nor one that says nothing, or is none. */
static void test_no_identity(void **state)
{
	static const uint8_t nobody[] = {0x7f, 0, 6, 2, 91};
	static const struct said said[] = {
		{.cdb = STANDARD, .end = BUSY},
		{.cdb = STANDARD, .data = nobody, .len = 3},
		{.cdb = STANDARD, .data = nobody, .len = sizeof(nobody)}};
	static const struct {
		int err;
		const char *says;
	} expected[] = {{-EBUSY, "BUSY"},
			{-EPROTO, "answers INQUIRY with only 3 bytes"},
			{-ENODEV, "nothing connected"}};
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(said); i++) {
		driver_init(&d);
		clock_stop(true);
		assert_int_equal(open_saying_within(&d, "io_timeout_ms=1000", &said[i], 1),
				 expected[i].err);
		expect_error_text(expected[i].says);
		driver_close(&d);
	}
}

/* No answer at all is not a LUN that can't tell: whatever was asked, opening it ends there. */
static void test_silence(void **state)
{
	struct driver d;
	unsigned whole;
	unsigned i;

	(void)state;
	driver_init(&d);
	assert_int_equal(open_saying(&d, NULL, 0), 0);
	whole = d.m->commands;
	driver_close(&d);
	assert_true(whole >= 7);
	for (i = 0; i < whole; i++) {
		driver_init(&d);
		d.m->unanswered = i + 1;
		clock_stop(true);
		assert_int_equal(driver_open_device(&d, "timeout_ms=5"), 0);
		assert_int_equal(vscsi_lun_open(d.dev, 1, 2, NULL, &d.lun), -ETIMEDOUT);
		expect_error_text("no answer in 5 ms");
		assert_int_equal(d.m->commands, i + 1);
		driver_close(&d);
	}
}

int lun_info_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_medium),
		cmocka_unit_test(test_a_medium_that_goes),
		cmocka_unit_test(test_old_disks),
		cmocka_unit_test(test_capacities_that_cannot_be),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_what_pages_say),
		cmocka_unit_test(test_fast_zeroes),
		cmocka_unit_test(test_no_pages),
		cmocka_unit_test(test_no_identity),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests_name("api/lun_info", tests, NULL, NULL);
}
