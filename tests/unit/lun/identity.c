/* SPDX-License-Identifier: BSD-3-Clause */
/* Comparing the identities of disks. */
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "lun/find.h"
#include "util/error.h"

/* Designators of VPD page 83h. */
#define NAA(last)    1, 3, 0, 8, 0x50, 1, 2, 3, 4, 5, 6, last
#define NAA_16       1, 3, 0, 16, 0x60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#define EUI(last)    1, 2, 0, 8, 0, 1, 2, 3, 4, 5, 6, last
#define EUI_ZERO     1, 2, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0
#define T10(last)    2, 1, 0, 9, 'V', 'E', 'N', 'D', 'O', 'R', ' ', ' ', last
#define VENDOR(last) 2, 0, 0, 3, 'd', 'r', last
#define NAME(last)   3, 8, 0, 5, 'i', 'q', 'n', '.', last
#define UUID(last)   1, 10, 0, 18, 0x10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, last
#define NOT_UUID     1, 10, 0, 18, 0x20, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
#define PORT(last)   1, 0x13, 0, 8, 0x50, 1, 2, 3, 4, 5, 6, last

struct reading {
	const char *serial;
	uint8_t names[96];
	unsigned len;
};

#define READ(serial, ...)                                               \
	{                                                               \
		serial, {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}) \
	}
#define ONLY(serial)           \
	{                      \
		serial, {0}, 0 \
	}

static void read_serial(struct scsi_identity *identity, const char *serial)
{
	uint8_t page[256] = {0, SCSI_VPD_SERIAL};
	size_t len = strlen(serial);

	put_be16(page + 2, (uint16_t)len);
	memcpy(page + 4, serial, len);
	assert_int_equal(scsi_identity_add_serial(identity, page, 4 + len), 0);
}

static void read_names(struct scsi_identity *identity, const uint8_t *names, size_t len)
{
	uint8_t page[2048] = {0, SCSI_VPD_IDENTITY};

	put_be16(page + 2, (uint16_t)len);
	memcpy(page + 4, names, len);
	assert_int_equal(scsi_identity_set_names(identity, page, 4 + len), 0);
}

static struct scsi_identity identity_of(const struct reading *reading)
{
	struct scsi_identity identity = {0};

	if (reading->serial)
		read_serial(&identity, reading->serial);
	if (reading->len)
		read_names(&identity, reading->names, reading->len);
	return identity;
}

static void test_table(void **state)
{
	static const struct {
		struct reading was;
		struct reading now;
		enum scsi_identity_match match;
	} table[] = {
		/* Every kind counts. */
		{READ(NULL, NAA(1)), READ(NULL, NAA(1)), SCSI_IDENTITY_SAME},
		{READ(NULL, NAA(1)), READ(NULL, NAA(2)), SCSI_IDENTITY_OTHER},
		{READ(NULL, EUI(1)), READ(NULL, EUI(2)), SCSI_IDENTITY_OTHER},
		{READ(NULL, T10('1')), READ(NULL, T10('2')), SCSI_IDENTITY_OTHER},
		{READ(NULL, NAME('1')), READ(NULL, NAME('2')), SCSI_IDENTITY_OTHER},
		{READ(NULL, UUID(1)), READ(NULL, UUID(1)), SCSI_IDENTITY_SAME},
		{READ(NULL, UUID(1)), READ(NULL, UUID(2)), SCSI_IDENTITY_OTHER},
		{READ(NULL, VENDOR('1')), READ(NULL, VENDOR('2')), SCSI_IDENTITY_OTHER},
		/* Malformed UUID designators are ignored. */
		{READ(NULL, UUID(1)), READ(NULL, 1, 10, 0, 4, 0x20, 0, 1, 2),
		 SCSI_IDENTITY_UNKNOWN},
		{READ(NULL, UUID(1)), READ(NULL, UUID(1), NOT_UUID), SCSI_IDENTITY_SAME},
		/* One kind is equal, another differs. */
		{READ(NULL, NAA(1), T10('1')), READ(NULL, NAA(1), T10('2')), SCSI_IDENTITY_OTHER},
		/* Vendor specific names, ports and zeros are ignored if there are others. */
		{READ(NULL, NAA(1), VENDOR('1')), READ(NULL, NAA(1), VENDOR('2')),
		 SCSI_IDENTITY_SAME},
		{READ(NULL, NAA(1), PORT(1)), READ(NULL, NAA(1), PORT(2)), SCSI_IDENTITY_SAME},
		{READ(NULL, NAA(1), EUI_ZERO), READ(NULL, NAA(1)), SCSI_IDENTITY_SAME},
		/* Order and duplicates do not matter; the set of each kind does. */
		{READ(NULL, NAA(1), NAA_16, T10('1')), READ(NULL, T10('1'), NAA_16, NAA(1), NAA(1)),
		 SCSI_IDENTITY_SAME},
		{READ(NULL, NAA(1), NAA_16), READ(NULL, NAA(1)), SCSI_IDENTITY_OTHER},
		{READ(NULL, NAA(1)), READ(NULL, NAA(1), NAA_16), SCSI_IDENTITY_OTHER},
		/* One common kind is enough. */
		{READ(NULL, NAA(1)), READ(NULL, NAA(1), NAME('1')), SCSI_IDENTITY_SAME},
		{READ(NULL, NAA(1), NAME('1')), READ(NULL, NAA(1)), SCSI_IDENTITY_SAME},
		{READ(NULL, NAA(1)), READ(NULL, NAME('1')), SCSI_IDENTITY_OTHER},
		{READ(NULL, NAA(1)), READ(NULL, VENDOR('1')), SCSI_IDENTITY_OTHER},
		/* The serial number. */
		{ONLY("A"), ONLY("A"), SCSI_IDENTITY_SAME},
		{ONLY("A"), ONLY("B"), SCSI_IDENTITY_OTHER},
		{READ("A", NAA(1)), READ("A", NAA(1)), SCSI_IDENTITY_SAME},
		{READ("A", NAA(1)), READ("B", NAA(1)), SCSI_IDENTITY_OTHER},
		{READ("A", NAA(1)), READ("A", NAA(2)), SCSI_IDENTITY_OTHER},
		{ONLY("A"), READ("A", NAA(1)), SCSI_IDENTITY_SAME},
		{READ(NULL, NAA(1)), READ("A", NAA(1)), SCSI_IDENTITY_SAME},
		/* Names that are missing. */
		{READ("A", NAA(1)), READ(NULL, NAA(1)), SCSI_IDENTITY_UNKNOWN},
		{READ("A", NAA(1)), ONLY("A"), SCSI_IDENTITY_UNKNOWN},
		{READ("A", NAA(1)), ONLY("B"), SCSI_IDENTITY_OTHER},
		{ONLY("A"), READ(NULL, NAA(1)), SCSI_IDENTITY_UNKNOWN},
		{READ(NULL, NAA(1)), ONLY(NULL), SCSI_IDENTITY_UNKNOWN},
		/* Without names any disk is the same. */
		{ONLY(NULL), READ("A", NAA(1)), SCSI_IDENTITY_SAME},
		{ONLY(NULL), ONLY(NULL), SCSI_IDENTITY_SAME},
	};
	unsigned i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		struct scsi_identity was = identity_of(&table[i].was);
		struct scsi_identity now = identity_of(&table[i].now);

		if (scsi_identity_compare(&was, &now) != table[i].match)
			fail_msg("row %u", i);
	}
}

/* A name of 223 characters, the maximum of iSCSI, that differs in any one of them. */
static void test_every_character_counts(void **state)
{
	uint8_t name[4 + 223] = {3, 8, 0, 223};
	struct scsi_identity was = {0};
	struct scsi_identity now;
	unsigned i;

	(void)state;
	memset(name + 4, 'x', 223);
	read_names(&was, name, sizeof(name));
	for (i = 4; i < sizeof(name); i++) {
		name[i] = 'y';
		memset(&now, 0, sizeof(now));
		read_names(&now, name, sizeof(name));
		assert_int_equal(scsi_identity_compare(&was, &now), SCSI_IDENTITY_OTHER);
		name[i] = 'x';
	}
	/* Or in its length. */
	name[3] = 222;
	memset(&now, 0, sizeof(now));
	read_names(&now, name, sizeof(name) - 1);
	assert_int_equal(scsi_identity_compare(&was, &now), SCSI_IDENTITY_OTHER);
	assert_int_equal(scsi_identity_compare(&now, &was), SCSI_IDENTITY_OTHER);
}

static void test_long_serials(void **state)
{
	char serial[201];
	struct scsi_identity was = {0};
	struct scsi_identity now = {0};

	(void)state;
	memset(serial, 's', 200);
	serial[200] = 0;
	read_serial(&was, serial);
	serial[199] = 't';
	read_serial(&now, serial);
	assert_int_equal(scsi_identity_compare(&was, &now), SCSI_IDENTITY_OTHER);
}

/* Storing the names again replaces them, but not the serial number. */
static void test_read_again(void **state)
{
	static const uint8_t one[] = {NAA(1)};
	static const uint8_t two[] = {NAA(2)};
	static const struct reading expected = READ("A", NAA(2));
	struct scsi_identity both = identity_of(&expected);
	struct scsi_identity identity = {0};
	uint8_t other[8] = {0, 0x80, 0, 4};

	(void)state;
	read_serial(&identity, "A");
	read_names(&identity, one, sizeof(one));
	read_names(&identity, two, sizeof(two));
	assert_memory_equal(&identity, &both, sizeof(both));
	/* A wrong page changes nothing. */
	assert_int_not_equal(scsi_identity_set_names(&identity, other, sizeof(other)), 0);
	assert_int_not_equal(scsi_identity_add_serial(&identity, other, 3), 0);
	assert_memory_equal(&identity, &both, sizeof(both));
}

/* Too many names, and names that are cut off. */
static void test_hostile_pages(void **state)
{
	static uint8_t names[65536];
	struct scsi_identity identity = {0};
	unsigned i;

	(void)state;
	put_be16(names + 2, UINT16_MAX);
	names[1] = SCSI_VPD_IDENTITY;
	for (i = 4; i + 12 <= sizeof(names); i += 12) {
		static const uint8_t naa[12] = {NAA(0)};

		memcpy(names + i, naa, sizeof(naa));
		put_be32(names + i + 8, i);
	}
	for (i = 0; i < 3000; i++) {
		assert_int_equal(scsi_identity_set_names(&identity, names, i) == 0, i >= 4);
		assert_true(identity.len <= SCSI_IDENTITY_BYTES);
	}
	assert_int_equal(identity.len, SCSI_IDENTITY_BYTES / 10 * 10);
}

/* The texts, and that each of them is found again. */
static void test_texts(void **state)
{
	static const struct {
		struct reading reading;
		const char *texts[3];
	} table[] = {
		{ONLY("S4X0  "), {"serial.S4X0"}},
		{READ(NULL, NAA(0xab)), {"naa.50010203040506ab"}},
		{READ("A", NAA_16, EUI(7)),
		 {"serial.A", "naa.600102030405060708090a0b0c0d0e0f", "eui.0001020304050607"}},
		{READ(NULL, T10('x')), {"t10.VENDOR  x"}},
		{READ(NULL, NAME('1')), {"iqn.1"}},
		{READ(NULL, UUID(0xff)), {"uuid.01020304-0506-0708-090a-0b0c0d0e0fff"}},
		{READ(NULL, VENDOR('1'), 1, 0, 0, 2, 0xab, 0xcd), {"vendor.dr1", "vendor.abcd"}},
		{READ(NULL, PORT(1), EUI_ZERO, NOT_UUID), {NULL}},
	};
	char upper[SCSI_WWID_SIZE];
	char text[SCSI_WWID_SIZE];
	unsigned i;
	unsigned k;
	char *c;

	(void)state;
	for (i = 0; i < ARRAY_LEN(table); i++) {
		const struct scsi_identity identity = identity_of(&table[i].reading);

		for (k = 0; k < 3 && table[i].texts[k]; k++) {
			assert_true(scsi_identity_text(&identity, k, text));
			assert_string_equal(text, table[i].texts[k]);
			assert_true(scsi_identity_has(&identity, text));
			/* Digits may be capitals; other texts are as they are. */
			strcpy(upper, text);
			for (c = upper; *c; c++)
				*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
			assert_int_equal(scsi_identity_has(&identity, upper),
					 !strncmp(text, "naa.", 4) || !strncmp(text, "eui.", 4) ||
						 !strncmp(text, "uuid.", 5) ||
						 !strcmp(text, "vendor.abcd"));
			text[strlen(text) - 1] = 0;
			assert_false(scsi_identity_has(&identity, text));
		}
		assert_false(scsi_identity_text(&identity, k, text));
		assert_false(scsi_identity_has(&identity, ""));
	}
}

/* Of a name that is too long for a text the beginning counts. */
static void test_long_text(void **state)
{
	struct scsi_identity identity = {0};
	uint8_t names[4 + 200] = {3, 8, 0, 200};
	char text[SCSI_WWID_SIZE];

	(void)state;
	memset(names + 4, 'a', 200);
	read_names(&identity, names, sizeof(names));
	assert_true(scsi_identity_text(&identity, 0, text));
	assert_int_equal(strlen(text), SCSI_WWID_SIZE - 1);
	assert_true(scsi_identity_has(&identity, text));
}

static int find(struct fixture *f, const char *id, struct vscsi_lun_addr *out)
{
	static const struct vscsi_lun_addr all[] = {
		{.target = 0, .lun = 0}, {.target = 0, .lun = 1}, {.target = 1, .lun = 2}};
	struct scsi_identity identity;
	struct lun_find *search;
	unsigned i;
	int err;

	assert_int_equal(lun_find_begin(&f->table, id, all, ARRAY_LEN(all), &search), 0);
	for (i = 0; i < 100; i++) {
		err = lun_find_step(search, out, &identity);
		if (err != -EINPROGRESS)
			break;
		fixture_pump(f);
		/* As many as it takes for one that does not answer. */
		if (f->kept_count)
			clock_skip(10000);
	}
	lun_find_end(search);
	if (!err)
		assert_true(scsi_identity_has(&identity, id));
	return err;
}

static void test_find(void **state)
{
	static const uint8_t first[] = {NAA(1)}, second[] = {NAA(2), T10('2')};
	struct fixture *f = fixture_new();
	struct vscsi_lun_addr addr = {0};

	(void)state;
	f->disks[0][0].names = first;
	f->disks[0][0].names_len = sizeof(first);
	f->disks[0][0].serial = "one";
	f->disks[1][2].names = second;
	f->disks[1][2].names_len = sizeof(second);
	/* 0:1 isn't there any more. */
	assert_int_equal(find(f, "t10.VENDOR  2", &addr), 0);
	assert_int_equal(addr.target, 1);
	assert_int_equal(addr.lun, 2);
	assert_int_equal(find(f, "NAA.5001020304050601", &addr), 0);
	assert_int_equal(addr.target, 0);
	assert_int_equal(find(f, "serial.one", &addr), 0);
	assert_int_equal(find(f, "naa.5001020304050603", &addr), -ENODEV);
	assert_non_null(strstr(error_last(), "no LUN of the device has the identity"));
	/* One that can't say what it is. */
	f->disks[0][0].refuses = SCSI_INQUIRY;
	assert_int_equal(find(f, "naa.5001020304050602", &addr), 0);
	assert_int_equal(addr.target, 1);
	f->disks[0][0].refuses = 0;
	/* Two of them. */
	f->disks[0][0].names = second;
	f->disks[0][0].names_len = sizeof(second);
	assert_int_equal(find(f, "naa.5001020304050602", &addr), -ENOTUNIQ);
	assert_non_null(strstr(error_last(), "LUN 0:0 and LUN 1:2 have the same identity"));
	f->disks[1][2].silent = true;
	assert_int_equal(find(f, "naa.5001020304050602", &addr), -ETIMEDOUT);
	fixture_free(f);
}

int identity_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),         cmocka_unit_test(test_every_character_counts),
		cmocka_unit_test(test_long_serials),  cmocka_unit_test(test_read_again),
		cmocka_unit_test(test_hostile_pages), cmocka_unit_test(test_texts),
		cmocka_unit_test(test_long_text),     cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests_name("lun/identity", tests, NULL, NULL);
}
