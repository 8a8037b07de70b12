/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the files of this program: CMocka with the headers that it needs, and one function per
 * file, which runs its group of tests and returns the number of failures.
 */
#ifndef TESTS_UNIT_PERF_H
#define TESTS_UNIT_PERF_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int fit_tests(void);
int figures_tests(void);
int jobfile_tests(void);
int options_tests(void);
int pace_tests(void);
int pattern_tests(void);
int skew_tests(void);
int verify_tests(void);
int workload_tests(void);

#endif
