/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs all tests of src/scsi/, and defines their helpers. */
#include <stdlib.h>

#include "tests.h"

uint8_t *exact_copy(const void *data, size_t len)
{
	uint8_t *copy = malloc(len);

	if (len) {
		assert_non_null(copy);
		memcpy(copy, data, len);
	}
	return copy;
}

uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

void assert_clean_string(const char *s, size_t size)
{
	size_t i;

	assert_non_null(memchr(s, '\0', size));
	for (i = 0; s[i]; i++)
		assert_in_range((uint8_t)s[i], 0x20, 0x7e);
}

int main(void)
{
	int failures = 0;

	failures += run_cdb_tests();
	failures += run_lba_status_tests();
	failures += run_lun_addr_tests();
	failures += run_inquiry_tests();
	failures += run_vpd_tests();
	failures += run_identity_tests();
	failures += run_capacity_tests();
	failures += run_report_luns_tests();
	failures += run_reserve_tests();
	failures += run_mode_tests();
	failures += run_sense_tests();
	failures += run_response_tests();
	failures += run_hostile_tests();
	return failures != 0;
}
