/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the tests of src/scsi/ share: images that end where they should end, so that a sanitizer
 * sees a read beyond, and numbers that look random and repeat.
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

/* Rounds of a test with random bytes. */
#define RANDOM_ROUNDS 100000

/**
 * exact_copy - Copy bytes to a heap block that ends with them
 *
 * Return: the copy, which the caller frees.
 */
uint8_t *exact_copy(const void *data, size_t len);

/* The next number of a sequence; @state begins with anything but 0. */
uint64_t next_random(uint64_t *state);

/* Fails unless @s ends within @size bytes and is printable ASCII. */
void assert_clean_string(const char *s, size_t size);

/* Each runs the tests of one file. Return: number of failures. */
int run_capacity_tests(void);
int run_cdb_tests(void);
int run_hostile_tests(void);
int run_identity_tests(void);
int run_inquiry_tests(void);
int run_lun_addr_tests(void);
int run_mode_tests(void);
int run_report_luns_tests(void);
int run_response_tests(void);
int run_sense_tests(void);
int run_vpd_tests(void);

#endif
