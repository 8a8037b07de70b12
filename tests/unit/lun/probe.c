/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of a probe, their order, and how their results are used. */
#include <errno.h>
#include <string.h>

#include "fixture.h"

#define NAA(last)                                        \
	{                                                \
		1, 3, 0, 8, 0x50, 1, 2, 3, 4, 5, 6, last \
	}

/* A command of the log: opcode, EVPD or service action, and page. */
struct asked {
	uint8_t opcode;
	uint8_t byte1;
	uint8_t page;
};

static void expect_asked(const struct fixture *f, const struct asked *asked, unsigned count)
{
	unsigned i;

	for (i = 0; i < count && i < f->logged; i++) {
		assert_int_equal(f->log[i].cdb[0], asked[i].opcode);
		assert_int_equal(f->log[i].cdb[1], asked[i].byte1);
		assert_int_equal(f->log[i].cdb[2], asked[i].page);
	}
	assert_int_equal(f->logged, count);
}

static void test_order(void **state)
{
	static const uint8_t names[] = NAA(7);
	static const struct asked asked[] = {
		{SCSI_INQUIRY, 0, 0},    {SCSI_INQUIRY, 1, 0x00},       {SCSI_INQUIRY, 1, 0x80},
		{SCSI_INQUIRY, 1, 0x83}, {SCSI_SERVICE_IN_16, 0x10, 0}, {SCSI_INQUIRY, 1, 0xb0},
		{SCSI_INQUIRY, 1, 0xb2}, {SCSI_MODE_SENSE_6, 8, 0x08},
	};
	struct fixture *f = fixture_new();
	struct vscsi_lun_info info;
	struct vscsi_lun *lun;

	(void)state;
	f->disks[0][0].names = names;
	f->disks[0][0].names_len = sizeof(names);
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	expect_asked(f, asked, ARRAY_LEN(asked));
	lun_get_info(lun, &info);
	assert_int_equal(info.target, 0);
	assert_int_equal(info.blocks, FIXTURE_BLOCKS);
	assert_int_equal(info.block_size, 512);
	assert_int_equal(info.max_blocks, 1024);
	assert_int_equal(info.max_caw_blocks, 4);
	assert_int_equal(info.max_unmap_ranges, 8);
	assert_int_equal(info.flags, VSCSI_LUN_THIN | VSCSI_LUN_UNMAP | VSCSI_LUN_ZERO_UNMAP |
					     VSCSI_LUN_FAST_ZEROES | VSCSI_LUN_CAW |
					     VSCSI_LUN_WRITE_CACHE);
	assert_string_equal(info.serial, "SN42");
	assert_string_equal(info.wwid, "naa.5001020304050607");
	assert_string_equal(info.product, "MODEL DISK");
	assert_int_equal(lun->io.max_blocks, 1024);
	assert_int_equal(lun->io.fast_blocks[0], 1024);
	assert_true(lun->io.unmap && lun->io.unmap_zeroes);
	assert_false(lun->io.wide || lun->io.write_error || lun->io.fua);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* Old disks support other forms of a command, or none. */
static void test_fallbacks(void **state)
{
	static const struct {
		uint8_t refuses;
		struct asked asked[9];
		unsigned count;
	} table[] = {
		{SCSI_SERVICE_IN_16,
		 {{SCSI_INQUIRY, 0, 0},
		  {SCSI_INQUIRY, 1, 0},
		  {SCSI_SERVICE_IN_16, 0x10, 0},
		  {SCSI_READ_CAPACITY_10, 0, 0},
		  {SCSI_MODE_SENSE_6, 8, 0x08}},
		 5},
		{SCSI_MODE_SENSE_6,
		 {{SCSI_INQUIRY, 0, 0},
		  {SCSI_INQUIRY, 1, 0},
		  {SCSI_SERVICE_IN_16, 0x10, 0},
		  {SCSI_MODE_SENSE_6, 8, 0x08},
		  {SCSI_MODE_SENSE_6, 8, 0x3f},
		  {SCSI_MODE_SENSE_10, 8, 0x08},
		  {SCSI_MODE_SENSE_10, 8, 0x3f}},
		 7},
	};
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct fixture *f = fixture_new();
		struct vscsi_lun *lun;

		f->disks[0][0].no_pages = true;
		f->disks[0][0].refuses = table[i].refuses;
		assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
		expect_asked(f, table[i].asked, table[i].count);
		assert_int_equal(lun->io.block_size, 512);
		assert_int_equal(lun->info.blocks, FIXTURE_BLOCKS);
		assert_int_equal(lun_close(lun), 0);
		fixture_free(f);
	}
}

/* Tapes have no blocks, CDs are read-only, zoned disks need 16-byte CDBs. */
static void test_types(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	f->m->type = VSCSI_TYPE_TAPE;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(f->logged, 3);
	assert_int_equal(fixture_refresh(f, lun), 0);
	assert_int_equal(f->logged, 3);
	assert_int_equal(lun_close(lun), 0);
	f->m->type = VSCSI_TYPE_CDROM;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(fixture_count(f, 0, 0, SCSI_MODE_SENSE_6, 0), 0);
	assert_true(lun->info.flags & VSCSI_LUN_READ_ONLY);
	assert_int_equal(lun->io.write_error, -EROFS);
	assert_int_equal(lun->io.fast_blocks[1], 0);
	assert_int_equal(lun_close(lun), 0);
	f->m->type = VSCSI_TYPE_ZBC;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_true(lun->io.wide && lun->io.sync_cache_16);
	assert_int_equal(lun->io.short_lbas, 0);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* Errors that opening fails with. */
static void test_failures(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	assert_int_equal(fixture_open(f, 256, 0, &lun), -EINVAL);
	expect_error_text("targets go up to 255");
	assert_int_equal(fixture_open(f, 3, 0, &lun), -ENODEV);
	expect_error_text("command on LUN 3:0: no such target");
	assert_int_equal(fixture_open(f, 0, 5, &lun), -ENODEV);
	expect_error_text("(5/25/00)");
	f->disks[0][0].not_ready = true;
	assert_int_equal(fixture_open(f, 0, 0, &lun), -EIO);
	expect_error_text("(2/04/02)");
	f->disks[0][0].not_ready = false;
	f->m->block_size = 500;
	assert_int_equal(fixture_open(f, 0, 0, &lun), -EPROTO);
	expect_error_text("LUN 0:0 reports an unsupported capacity");
	fixture_free(f);
}

static unsigned silent_from;

static void fall_silent(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	(void)cdb;
	disk->silent = f->logged >= silent_from;
}

static void test_silence(void **state)
{
	unsigned whole = 7;

	(void)state;
	for (silent_from = 1; silent_from <= whole; silent_from++) {
		struct fixture *f = fixture_new();
		struct vscsi_lun *lun;

		f->before = fall_silent;
		f->table.timeout_ms = 5;
		assert_int_equal(fixture_open(f, 0, 0, &lun), -ETIMEDOUT);
		expect_error_text("command on LUN 0:0: no answer in 5 ms");
		assert_int_equal(f->logged, silent_from);
		/* The call was abandoned, and is freed by its completion. */
		assert_int_equal(f->kept_count, 1);
		fixture_free(f);
	}
}

/* Names that exceed a one-byte allocation length are read again as a whole. */
static void test_long_names(void **state)
{
	static uint8_t names[3000];
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		uint8_t *at = names + i * 204u;

		memset(at, 'a' + (int)i, 204);
		at[0] = 3;
		at[1] = 8;
		at[3] = 200;
	}
	f->disks[0][0].names = names;
	f->disks[0][0].names_len = 10 * 204;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(f->log[3].cdb[2], 0x83);
	assert_int_equal(get_be16(f->log[3].cdb + 3), 252);
	assert_int_equal(f->log[4].cdb[2], 0x83);
	assert_int_equal(get_be16(f->log[4].cdb + 3), 2044);
	/* All ten, and the serial number. */
	assert_int_equal(lun->identity.len, 10 * 202 + 6);
	assert_int_equal(lun_close(lun), 0);
	f->disks[0][0].names_len = sizeof(names);
	f->logged = 0;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(get_be16(f->log[4].cdb + 3), SCSI_IDENTITY_BYTES);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

static unsigned swap_at;

/* The disk is swapped before this command; a unit attention reports it. */
static void swap(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	(void)cdb;
	if (f->logged != swap_at)
		return;
	disk->serial = "OTHER";
	disk->blocks = 4096;
	disk->attention = 0x3f03;
	/* The new disk has no serial number and no READ CAPACITY(16). */
	if (swap_at < 7)
		return;
	disk->serial = NULL;
	disk->refuses = SCSI_SERVICE_IN_16;
}

/* All results come from one disk, whenever it is swapped. */
static void test_swapped_between_answers(void **state)
{
	(void)state;
	/* READ CAPACITY, the fourth command, gets the unit attention. */
	for (swap_at = 1; swap_at <= 4; swap_at++) {
		struct fixture *f = fixture_new();
		struct vscsi_lun *lun;

		f->before = swap;
		assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
		assert_string_equal(lun->info.serial, "OTHER");
		assert_int_equal(lun->info.blocks, 4096);
		/* It is retried, and sent again in the second walk. */
		assert_int_equal(fixture_count(f, 0, 0, SCSI_SERVICE_IN_16, 0), 3);
		assert_int_equal(lun_close(lun), 0);
		fixture_free(f);
	}
	for (swap_at = 5; swap_at <= 7; swap_at++) {
		struct fixture *f = fixture_new();
		struct vscsi_lun *lun;

		f->before = swap;
		assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
		assert_string_equal(lun->info.serial, swap_at < 7 ? "OTHER" : "");
		assert_int_equal(lun->identity.len != 0, swap_at < 7);
		assert_int_equal(lun->info.blocks, 4096);
		assert_int_equal(lun_close(lun), 0);
		fixture_free(f);
	}
}

static const struct said attention = {{SCSI_INQUIRY, 0, 0}, NULL, 0, MODEL_SENSE(6, 0x29)};

static void attend_first(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	(void)disk;
	(void)cdb;
	f->m->said = &attention;
	f->m->nsaid = f->logged == 1;
}

/* A unit attention before the first answer does not restart the walk. */
static void test_attention_at_first(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	f->before = attend_first;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(f->logged, 8);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* LBAs that exceed 32 bits. */
static void test_large_disk(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	f->disks[0][0].blocks = UINT64_C(1) << 32;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_true(lun->io.wide);
	assert_int_equal(lun->io.short_lbas, 0);
	assert_int_equal(lun_close(lun), 0);
	f->disks[0][0].blocks--;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_false(lun->io.wide);
	assert_int_equal(lun->io.short_lbas, UINT32_MAX - UINT16_MAX);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

/* A disk that reports a unit attention in each walk can be opened. */
static void complain(struct fixture *f, struct disk *disk, const uint8_t *cdb)
{
	(void)f;
	if (cdb[0] == SCSI_INQUIRY && !(cdb[1] & 1))
		disk->attention = 0x2900;
}

static void test_always_attention(void **state)
{
	struct fixture *f = fixture_new();
	struct vscsi_lun *lun;

	(void)state;
	f->before = complain;
	assert_int_equal(fixture_open(f, 0, 0, &lun), 0);
	assert_int_equal(fixture_count(f, 0, 0, SCSI_MODE_SENSE_6, 0), 4);
	assert_int_equal(lun->info.blocks, FIXTURE_BLOCKS);
	assert_int_equal(lun_close(lun), 0);
	fixture_free(f);
}

int probe_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_swapped_between_answers),
		cmocka_unit_test(test_always_attention),
		cmocka_unit_test(test_attention_at_first),
		cmocka_unit_test(test_large_disk),
	};

	return cmocka_run_group_tests_name("lun/probe", tests, NULL, NULL);
}
