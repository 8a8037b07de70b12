/* SPDX-License-Identifier: BSD-3-Clause */
/* The version of the library at run time and in its headers. */
#include <stdio.h>

#include <vscsi/version.h>

#include "util.h"

static void test_version_matches_the_headers(void **state)
{
	char wanted[32];

	(void)state;
	snprintf(wanted, sizeof(wanted), "%d.%d.%d", VSCSI_VERSION_MAJOR, VSCSI_VERSION_MINOR,
		 VSCSI_VERSION_PATCH);
	assert_string_equal(vscsi_version(), wanted);
}

int version_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_matches_the_headers),
	};

	return cmocka_run_group_tests_name("version", tests, NULL, NULL);
}
