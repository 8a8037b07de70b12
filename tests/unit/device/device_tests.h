/* SPDX-License-Identifier: BSD-3-Clause */
/* One function for each file of tests; each returns how many of its tests failed. */
#ifndef TESTS_UNIT_DEVICE_DEVICE_TESTS_H
#define TESTS_UNIT_DEVICE_DEVICE_TESTS_H

#include "harness/harness.h"

int hostile_tests(void);
int event_tests(void);
int flood_tests(void);
int task_tests(void);
int memory_tests(void);
int reconnect_tests(void);
int identity_tests(void);
int swap_tests(void);
int open_tests(void);
int config_tests(void);
int event_list_tests(void);
int verify_tests(void);
int attempt_tests(void);
int small_tests(void);
int keep_tests(void);

#endif
