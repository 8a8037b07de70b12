/* SPDX-License-Identifier: BSD-3-Clause */
/* One function for each file: it runs the file's tests and returns the number that failed. */
#ifndef TESTS_UNIT_API_API_H
#define TESTS_UNIT_API_API_H

#include "harness/harness.h"

int address_tests(void);
int by_id_tests(void);
int drain_tests(void);
int lun_info_tests(void);
int no_probe_tests(void);
int options_tests(void);
int owner_tests(void);
int reserve_tests(void);
int shutdown_tests(void);
int sync_tests(void);
int sync_parts_tests(void);
int timeout_tests(void);
int wait_tests(void);
int watch_tests(void);

#endif
