/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the tests of src/scsi/: copies that end where their data ends, so that a sanitizer
 * detects reads past it, and pseudo-random numbers.
 */
#ifndef UNIT_SCSI_TESTS_H
#define UNIT_SCSI_TESTS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "conforms.h"
#include "util/bits.h"

/* Iterations of a test with random bytes. */
#define RANDOM_ROUNDS 100000

/*
 * exact_copy - Copy bytes to a heap block of exactly this length
 *
 * Return: the copy, which the caller frees.
 */
uint8_t *exact_copy(const void *data, size_t len);

/* The next pseudo-random number; @state must not be 0. */
uint64_t next_random(uint64_t *state);

/* Fails unless @s is terminated within @size bytes and is printable ASCII. */
void assert_clean_string(const char *s, size_t size);

/* Each runs the tests of one file. Return: number of failures. */
int run_capacity_tests(void);
int run_cdb_tests(void);
int run_hostile_tests(void);
int run_lba_status_tests(void);
int run_identity_tests(void);
int run_inquiry_tests(void);
int run_lun_addr_tests(void);
int run_mode_tests(void);
int run_reserve_tests(void);
int run_report_luns_tests(void);
int run_response_tests(void);
int run_sense_tests(void);
int run_vpd_tests(void);

#endif
