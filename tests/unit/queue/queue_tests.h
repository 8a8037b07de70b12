/* SPDX-License-Identifier: BSD-3-Clause */
/* One function for each file of tests; each returns how many of its tests failed. */
#ifndef TESTS_UNIT_QUEUE_QUEUE_TESTS_H
#define TESTS_UNIT_QUEUE_QUEUE_TESTS_H

#include "harness/harness.h"

int bytes_tests(void);
int answer_tests(void);
int length_tests(void);
int retry_tests(void);
int limit_tests(void);
int handle_tests(void);
int share_tests(void);
int wakeup_tests(void);
int late_tests(void);
int layouts_tests(void);
int overdue_tests(void);
int abort_tests(void);
int sleep_tests(void);
int recover_tests(void);
int relapse_tests(void);
int packed_tests(void);
int quiet_tests(void);
int replay_tests(void);
int shrink_tests(void);
int stats_tests(void);

#endif
