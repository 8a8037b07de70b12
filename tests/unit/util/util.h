/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the files of this program: CMocka with the headers that it needs, and one function per
 * file, which runs its group of tests and returns the number of failures.
 */
#ifndef TESTS_UNIT_UTIL_H
#define TESTS_UNIT_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int abi_tests(void);
int bits_tests(void);
int error_tests(void);
int lock_tests(void);
int log_tests(void);
int options_tests(void);
int version_tests(void);

#endif
