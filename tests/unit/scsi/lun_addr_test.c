/* SPDX-License-Identifier: BSD-3-Clause */
/* Encoding and decoding LUN fields. */
#include "tests.h"

#include "scsi/lun_addr.h"

static void encodes_flat_form(void **state)
{
	static const struct {
		unsigned target;
		unsigned lun;
		uint8_t want[8];
	} cases[] = {
		{0, 0, {1, 0, 0x40, 0}},
		{5, 3, {1, 5, 0x40, 3}},
		{255, 255, {1, 0xff, 0x40, 0xff}},
		{1, 256, {1, 1, 0x41, 0}},
		{255, 16383, {1, 0xff, 0x7f, 0xff}},
	};
	size_t i;

	(void)state;
	CONFORMS("R-SCSI-31", "R-SCSI-34");
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t out[8];

		assert_true(scsi_lun_encode(out, cases[i].target, cases[i].lun));
		assert_memory_equal(out, cases[i].want, sizeof(out));
	}
}

static void rejects_numbers_out_of_range(void **state)
{
	static const uint8_t untouched[8] = {9, 9, 9, 9, 9, 9, 9, 9};
	uint8_t out[8] = {9, 9, 9, 9, 9, 9, 9, 9};

	(void)state;
	CONFORMS("R-SCSI-33");
	assert_false(scsi_lun_encode(out, 256, 0));
	assert_false(scsi_lun_encode(out, UINT32_MAX, 0));
	assert_false(scsi_lun_encode(out, 0, 16384));
	assert_false(scsi_lun_encode(out, 0, UINT32_MAX));
	assert_memory_equal(out, untouched, sizeof(out));
}

static void decodes_what_it_encodes(void **state)
{
	unsigned target;
	unsigned lun;
	unsigned t = 0;
	unsigned l = 0;

	(void)state;
	CONFORMS("R-SCSI-34", "R-SCSI-97");
	for (target = 0; target <= SCSI_MAX_TARGET; target += 5) {
		for (lun = 0; lun <= SCSI_MAX_LUN; lun++) {
			uint8_t bytes[8];

			assert_true(scsi_lun_encode(bytes, target, lun));
			assert_true(scsi_lun_decode(bytes, &t, &l));
			assert_int_equal(t, target);
			assert_int_equal(l, lun);
		}
	}
}

static void decodes_peripheral_form(void **state)
{
	unsigned target;
	unsigned lun;
	unsigned i;

	(void)state;
	CONFORMS("R-SCSI-34", "R-SCSI-97");
	for (i = 0; i < 256; i++) {
		uint8_t bytes[8] = {1, (uint8_t)(255 - i), 0, (uint8_t)i};

		assert_true(scsi_lun_decode(bytes, &target, &lun));
		assert_int_equal(target, 255 - i);
		assert_int_equal(lun, i);
	}
}

static void rejects_other_addresses(void **state)
{
	unsigned target = 77;
	unsigned lun = 88;
	unsigned i;

	(void)state;
	for (i = 0; i < 256; i++) {
		uint8_t first[8] = {(uint8_t)i, 2, 0x40, 3};
		uint8_t method[8] = {1, 2, (uint8_t)i, 3};

		if (i != 1)
			assert_false(scsi_lun_decode(first, &target, &lun));
		/* Buses other than 0, logical unit addressing, extended and well-known units. */
		if (i != 0 && (i < 0x40 || i > 0x7f))
			assert_false(scsi_lun_decode(method, &target, &lun));
	}
	for (i = 4; i < 8; i++) {
		uint8_t tail[8] = {1, 2, 0x40, 3};

		tail[i] = 1;
		assert_false(scsi_lun_decode(tail, &target, &lun));
		tail[i] = 0x80;
		assert_false(scsi_lun_decode(tail, &target, &lun));
	}
	assert_int_equal(target, 77);
	assert_int_equal(lun, 88);
}

int run_lun_addr_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodes_flat_form),
		cmocka_unit_test(rejects_numbers_out_of_range),
		cmocka_unit_test(decodes_what_it_encodes),
		cmocka_unit_test(decodes_peripheral_form),
		cmocka_unit_test(rejects_other_addresses),
	};

	return cmocka_run_group_tests_name("lun_addr", tests, NULL, NULL);
}
