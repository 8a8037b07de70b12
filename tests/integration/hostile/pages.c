/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lies in what a LUN says of itself while it is scanned and opened: lengths, counts and sizes. Each
 * gives an error or something usable; a disk that can be opened can be read.
 */
#include "liar.h"

#include <errno.h>

/**
 * struct page_lie - One command answered with bytes of the liar's choice
 * @op: its operation code; @page: VPD page, 0 for none
 * @data, @len: the answer; @fill: bytes of this value after it, up to the room there is
 * @opens: what vscsi_lun_open() returns
 * @found: what vscsi_dev_scan() returns
 */
struct page_lie {
	const char *name;
	uint8_t op;
	uint8_t page;
	uint8_t data[64];
	uint32_t len;
	bool fill;
	uint8_t with;
	int opens;
	int found;
};

#define CAPACITY .op = 0x9e, .len = 32
#define LIST     .op = 0xa0, .fill = true
#define ALL_ONES 0xff, 0xff, 0xff, 0xff

static const struct page_lie lies[] = {
	{"INQUIRY of 0 bytes", .op = 0x12, .len = 0, .opens = -EPROTO, .found = 0},
	{"INQUIRY of 4 bytes", .op = 0x12, .len = 4, .opens = -EPROTO, .found = 0},
	{"INQUIRY of 5 bytes that claims 255 more", .op = 0x12, .data = {0, 0, 6, 2, 0xff},
	 .len = 5, .opens = 0, .found = 1},
	{"INQUIRY all ones", .op = 0x12, .fill = true, .with = 0xff, .opens = -ENODEV, .found = 0},
	{"list of pages with length 65535", .op = 0x12, .page = 0xff, .data = {0, 0, 0xff, 0xff},
	 .len = 4, .opens = 0, .found = 1},
	{"list with all pages, each a list of pages", .op = 0x12, .page = 0xff,
	 .data = {0, 0, 0, 5, 0, 0x80, 0x83, 0xb0, 0xb2}, .len = 9, .opens = 0, .found = 1},
	{"limits page that says it is 65535 long", .op = 0x12, .page = 0xb0,
	 .data = {0, 0xb0, 0xff, 0xff}, .len = 4, .opens = 0, .found = 1},
	{"limits page all ones", .op = 0x12, .page = 0xb0, .data = {0, 0xb0, 0, 60, ALL_ONES},
	 .len = 8, .fill = true, .with = 0xff, .opens = 0, .found = 1},
	{"last address 2^64 - 1: no blocks", CAPACITY, .data = {ALL_ONES, ALL_ONES, 0, 0, 2, 0},
	 .opens = -EPROTO, .found = 1},
	{"last address 2^64 - 2", CAPACITY, .data = {ALL_ONES, 0xff, 0xff, 0xff, 0xfe, 0, 0, 2, 0},
	 .opens = -EPROTO, .found = 1},
	{"block size 0", CAPACITY, .data = {0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0}, .opens = -EPROTO,
	 .found = 1},
	{"block size 520", CAPACITY, .data = {0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 2, 8}, .opens = -EPROTO,
	 .found = 1},
	{"block size 3", CAPACITY, .data = {0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 3}, .opens = -EPROTO,
	 .found = 1},
	{"block size 2^32 - 1", CAPACITY, .data = {0, 0, 0, 0, 0, 0, 0, 9, ALL_ONES},
	 .opens = -EPROTO, .found = 1},
	{"block size 2^31", CAPACITY, .data = {0, 0, 0, 0, 0, 0, 0, 9, 0x80, 0, 0, 0},
	 .opens = -EPROTO, .found = 1},
	{"capacity of 11 bytes", .op = 0x9e, .data = {0}, .len = 11, .opens = -EPROTO, .found = 1},
	{"one block, physical blocks of 2^15", CAPACITY,
	 .data = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0x0f}, .opens = 0, .found = 1},
	{"mode parameters that say 255, descriptors 255", .op = 0x1a, .data = {0xff, 0, 0, 0xff},
	 .len = 4, .opens = 0, .found = 1},
	{"mode parameters of 1 byte", .op = 0x1a, .data = {0xff}, .len = 1, .opens = 0, .found = 1},
	{"REPORT LUNS with length 2^32 - 8", LIST, .data = {0xff, 0xff, 0xff, 0xf8}, .len = 8,
	 .opens = 0, .found = 1},
	{"REPORT LUNS with length 2^32 - 1, all ones", LIST, .with = 0xff, .opens = 0, .found = 0},
	{"REPORT LUNS with length 7", LIST, .data = {0, 0, 0, 7}, .len = 8, .opens = 0, .found = 0},
	{"REPORT LUNS of 3 bytes", .op = 0xa0, .data = {0}, .len = 3, .opens = 0, .found = 0},
	{"REPORT LUNS with LUN 16383 ten thousand times", LIST, .data = {0, 1, 0x38, 0x80},
	 .len = 8, .with = 0x7f, .opens = 0, .found = 0},
};

static bool concerns(const struct page_lie *lie, const uint8_t *cdb)
{
	if (cdb[0] != lie->op)
		return false;
	if (cdb[0] != 0x12 || lie->page == 0xff)
		return cdb[0] != 0x12 || (cdb[1] & 1);
	return lie->page ? (cdb[1] & 1) && cdb[2] == lie->page : !(cdb[1] & 1);
}

/* The room is filled without an honest residual: that is a lie as well. */
static bool answer(struct liar *liar, unsigned queue, const struct rig_chain *chain,
		   const uint8_t *cdb)
{
	const struct page_lie *lie = liar->ctx;
	static char data[1 << 18];
	size_t room = rig_data_in_room(chain);

	if (!concerns(lie, cdb))
		return false;
	assert_true(room <= sizeof(data));
	memset(data, lie->with, room);
	memcpy(data, lie->data, lie->len < room ? lie->len : room);
	liar_data(liar, queue, chain, data, lie->fill ? room : lie->len);
	return true;
}

static void page_lies(void **state)
{
	struct liar *liar = *state;
	const struct page_lie *lie = liar->ctx;
	struct vscsi_lun_addr found[4];
	struct vscsi_lun *lun = NULL;
	uint64_t start = now_ms();
	char block[LIAR_BLOCK];

	CONFORMS("R-HARD-20", "R-HARD-28", "R-HARD-30");
	liar->lie = answer;
	assert_int_equal(liar_open(liar), 0);
	assert_int_equal(vscsi_dev_scan(liar->dev, found, 4), lie->found);
	assert_int_equal(vscsi_lun_open(liar->dev, 0, 0, NULL, &lun), lie->opens);
	if (lie->opens)
		assert_non_null(strstr(vscsi_last_error(), "LUN 0:0"));
	else
		assert_int_equal(vscsi_pread(lun, block, sizeof(block), 0), 0);
	assert_int_equal(vscsi_lun_close(lie->opens ? NULL : lun), 0);
	assert_true(now_ms() - start < 20000);
	told(lie->name, "scan finds %d, open: %s", lie->found, strerror(-lie->opens));
}

/* As many LUNs as an address can name, of which 512 are there. */
static bool report_all(struct liar *liar, unsigned queue, const struct rig_chain *chain,
		       const uint8_t *cdb)
{
	static uint8_t list[8 + 8 * 16384] = {0, 2, 0, 0};
	unsigned i;

	if (cdb[0] != 0xa0)
		return false;
	for (i = 0; i < 16384; i++) {
		list[8 + 8 * i] = (uint8_t)(0x40 | i >> 8);
		list[9 + 8 * i] = (uint8_t)i;
	}
	liar_data(liar, queue, chain, list, sizeof(list));
	return true;
}

static void sixteen_thousand_luns(void **state)
{
	struct liar *liar = *state;
	uint64_t start = now_ms();

	CONFORMS("R-HARD-20", "R-HARD-30");
	liar->lie = report_all;
	liar->luns = LIAR_LUNS;
	liar->opts.config.max_target = 0;
	liar->opts.config.max_lun = 16383;
	assert_int_equal(liar_open(liar), 0);
	assert_int_equal(vscsi_dev_scan(liar->dev, NULL, 0), LIAR_LUNS);
	assert_true(now_ms() - start < 50000);
	told("REPORT LUNS with 16384 LUNs", "%u found", LIAR_LUNS);
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(lies) + 1];
	unsigned i;

	for (i = 0; i < ARRAY_LEN(lies); i++)
		tests[i] = (struct CMUnitTest)LIAR_ROW(page_lies, &lies[i]);
	tests[i] = (struct CMUnitTest)LIAR_TEST(sixteen_thousand_luns);
	return _cmocka_run_group_tests("hostile pages", tests, ARRAY_LEN(tests), NULL, NULL);
}
