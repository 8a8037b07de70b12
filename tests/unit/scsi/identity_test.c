/* SPDX-License-Identifier: BSD-3-Clause */
/* VPD page 83h: which designator is chosen, and its format. */
#include <errno.h>
#include <stdlib.h>

#include "tests.h"

#include "scsi/text.h"
#include "scsi/vpd.h"

/* A page under construction. */
struct page {
	uint8_t bytes[512];
	size_t len;
};

static void begin(struct page *p)
{
	memset(p, 0, sizeof(*p));
	p->bytes[1] = 0x83;
	p->len = 4;
}

/* @set: 1 binary, 2 ASCII, 3 UTF-8. @type: association and designator type. */
static void add(struct page *p, uint8_t set, uint8_t type, const void *data, size_t len)
{
	uint8_t *d = p->bytes + p->len;

	d[0] = set;
	d[1] = type;
	d[3] = (uint8_t)len;
	memcpy(d + 4, data, len);
	p->len += 4 + len;
	put_be16(p->bytes + 2, (uint16_t)(p->len - 4));
}

static void expect(const struct page *p, const char *want)
{
	char name[SCSI_WWID_SIZE];
	uint8_t *copy = exact_copy(p->bytes, p->len);

	memset(name, 'x', sizeof(name));
	assert_int_equal(scsi_vpd_parse_identity(copy, p->len, name), 0);
	assert_string_equal(name, want);
	free(copy);
}

#define NAA6 "\x60\x01\x40\x5a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0\x01"
#define NAA5 "\x50\x01\x43\x80\x12\x34\x56\x78"
#define EUI  "\x00\x25\x38\x5a\x91\xb0\x12\x34"

/* In increasing preference: each added designator replaces the previous ones. */
static void prefers_the_best_designator(void **state)
{
	struct page p;

	(void)state;
	begin(&p);
	expect(&p, "");
	add(&p, 2, 0, "drive-0 ", 8);
	expect(&p, "vendor.drive-0");
	add(&p, 2, 1, "LIO-ORG disk0:5abcdef0", 22);
	expect(&p, "t10.LIO-ORG disk0:5abcdef0");
	add(&p, 3, 8, "iqn.2003-01.org.example:disk\0\0\0\0", 32);
	expect(&p, "iqn.2003-01.org.example:disk");
	add(&p, 1, 2, EUI, 8);
	expect(&p, "eui.0025385a91b01234");
	add(&p, 1, 3, NAA5, 8);
	expect(&p, "naa.5001438012345678");
	add(&p, 1, 3, NAA6, 16);
	expect(&p, "naa.6001405abcdef0123456789abcdef001");
	add(&p, 1, 3, NAA5, 8);
	add(&p, 1, 2, EUI, 8);
	add(&p, 2, 1, "LATER", 5);
	expect(&p, "naa.6001405abcdef0123456789abcdef001");
}

/* As sent by an array: designators of the port and of the target come first. */
static void ignores_ports_and_targets(void **state)
{
	struct page p;

	(void)state;
	begin(&p);
	add(&p, 0x61, 0x93, NAA5, 8);
	add(&p, 1, 0x14, "\0\0\0\1", 4);
	add(&p, 3, 0xa8, "iqn.2003-01.org.example:target", 30);
	expect(&p, "");
	add(&p, 2, 0x01, "ACME    serial", 14);
	expect(&p, "t10.ACME    serial");
}

static void ignores_malformed_designators(void **state)
{
	struct page p;

	(void)state;
	begin(&p);
	add(&p, 1, 3, NAA6, 8);               /* NAA 6 has 16 bytes */
	add(&p, 1, 3, NAA5 NAA5, 16);         /* NAA 5 has 8 */
	add(&p, 1, 3, "\0\0\0\0\0\0\0\0", 8); /* no NAA format 0 */
	add(&p, 1, 3, "", 0);                 /* nothing */
	add(&p, 2, 3, NAA5, 8);               /* NAA is binary */
	add(&p, 1, 2, "\0\0\0\0\0\0\0\0", 8); /* no EUI-64 */
	add(&p, 1, 2, EUI, 7);                /* EUI-64 has 8, 12 or 16 */
	add(&p, 1, 8, "iqn", 3);              /* names are text */
	add(&p, 2, 1, "        ", 8);         /* only blanks */
	add(&p, 2, 0, "", 0);
	add(&p, 1, 15, NAA6, 16); /* unknown type */
	expect(&p, "");
}

static void other_lengths_of_eui(void **state)
{
	struct page p;

	(void)state;
	begin(&p);
	add(&p, 1, 2, EUI "\1\2\3\4", 12);
	expect(&p, "eui.0025385a91b0123401020304");
	add(&p, 1, 2, EUI EUI, 16);
	expect(&p, "eui.0025385a91b012340025385a91b01234");
}

static void sanitizes_and_truncates_text(void **state)
{
	uint8_t text[255];
	struct page p;
	char name[SCSI_WWID_SIZE];

	(void)state;
	begin(&p);
	add(&p, 2, 1, "AC\x1bME\xff\n1", 8);
	expect(&p, "t10.AC?ME??1");
	memset(text, 'a', sizeof(text));
	begin(&p);
	add(&p, 2, 1, text, sizeof(text));
	assert_int_equal(scsi_vpd_parse_identity(p.bytes, p.len, name), 0);
	assert_int_equal(strlen(name), SCSI_WWID_SIZE - 1);
	/* Only pairs of digits: 80 of them after the prefix. */
	begin(&p);
	add(&p, 1, 0, text, sizeof(text));
	assert_int_equal(scsi_vpd_parse_identity(p.bytes, p.len, name), 0);
	assert_int_equal(strlen(name), strlen("vendor.") + 80);
}

/* Each string is the longest that fits its buffer; hex digits come in pairs. */
static void strings_fit_their_buffers(void **state)
{
	static const uint8_t bytes[] = {0xab, 0xcd, 0xef};
	size_t size;

	(void)state;
	for (size = 1; size <= 8; size++) {
		char *s = (char *)exact_copy("\0\0\0\0\0\0\0", size);

		scsi_text_put_hex(s, size, (struct span){bytes, sizeof(bytes)});
		assert_int_equal(strlen(s), size < 7 ? (size - 1) / 2 * 2 : 6);
		s[0] = '\0';
		scsi_text_put(s, size, (struct span){(const uint8_t *)"abcd  ", 6});
		assert_int_equal(strlen(s), size < 5 ? size - 1 : 4);
		free(s);
	}
}

static void stops_at_the_end_of_data(void **state)
{
	char name[SCSI_WWID_SIZE];
	struct page p;
	size_t len;

	(void)state;
	CONFORMS("R-HARD-20");
	begin(&p);
	add(&p, 1, 3, NAA5, 8);
	add(&p, 1, 3, NAA6, 16);
	for (len = 0; len <= p.len; len++) {
		uint8_t *copy = exact_copy(p.bytes, len);
		int err = scsi_vpd_parse_identity(copy, len, name);

		assert_int_equal(err, len < 4 ? -EPROTO : 0);
		assert_int_equal(strlen(name), len < 16 ? 0 : len < 36 ? 20 : 36);
		free(copy);
	}
	/* A descriptor that exceeds its page. */
	p.bytes[16 + 3] = 17;
	expect(&p, "naa.5001438012345678");
	p.bytes[4 + 3] = 255;
	expect(&p, "");
	/* A page longer than the data, and a different page. */
	p.bytes[4 + 3] = 8;
	put_be16(p.bytes + 2, 0xffff);
	expect(&p, "naa.5001438012345678");
	p.bytes[1] = 0x80;
	assert_int_equal(scsi_vpd_parse_identity(p.bytes, p.len, name), -EPROTO);
	assert_string_equal(name, "");
}

int run_identity_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prefers_the_best_designator),
		cmocka_unit_test(ignores_ports_and_targets),
		cmocka_unit_test(ignores_malformed_designators),
		cmocka_unit_test(other_lengths_of_eui),
		cmocka_unit_test(sanitizes_and_truncates_text),
		cmocka_unit_test(strings_fit_their_buffers),
		cmocka_unit_test(stops_at_the_end_of_data),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
