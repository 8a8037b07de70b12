/* SPDX-License-Identifier: BSD-3-Clause */
/* Include it after <cmocka.h>. */
#ifndef TESTS_ERROR_TEXT_H
#define TESTS_ERROR_TEXT_H

#include <string.h>

#include <vscsi/error.h>

/* Expects that this thread's last error text contains these words. */
static inline void expect_error_text(const char *words)
{
	if (!strstr(vscsi_last_error(), words))
		fail_msg("\"%s\" doesn't say \"%s\"", vscsi_last_error(), words);
}

#endif
