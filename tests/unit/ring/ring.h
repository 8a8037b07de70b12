/* SPDX-License-Identifier: BSD-3-Clause */
/* One function for each file of tests: runs its group, and returns the number that failed. */
#ifndef TESTS_UNIT_RING_RING_H
#define TESTS_UNIT_RING_RING_H

int layout_tests(void);
int order_tests(void);
int notify_tests(void);
int hostile_tests(void);
int sleep_tests(void);
int property_tests(void);
int packed_tests(void);
int distrust_tests(void);
int rules_tests(void);

#endif
