/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bitmap of used units that finds the first free run of a given length. All memory is private and
 * allocated once. What a unit is, is up to the caller.
 */
#ifndef MEM_RUNS_H
#define MEM_RUNS_H

#include <stdbool.h>
#include <stdint.h>

struct runs;

/* Most units: half of the 32-bit range, so that the sum of two counts can't overflow. */
#define RUNS_MAX (UINT32_C(1) << 31)

/**
 * runs_create - Create a bitmap with all units free
 * @units: how many, 1 to RUNS_MAX
 *
 * Return: the bitmap: runs_destroy(); NULL if out of memory.
 */
struct runs *runs_create(uint32_t units);

/**
 * runs_destroy - Free a bitmap
 * @runs: NULL is allowed
 */
void runs_destroy(struct runs *runs);

/**
 * runs_find - Find the first free run that is long enough
 * @from: ignore units before this one
 * @want: number of units, at least 1
 * @first: receives the first unit of the run
 *
 * O(log units).
 *
 * Return: whether there is one.
 */
bool runs_find(const struct runs *runs, uint32_t from, uint32_t want, uint32_t *first);

/**
 * runs_set - Mark units as used or free
 * @first: first unit
 * @count: how many, at least 1; all exist, and all are in the opposite state
 * @used: the new state
 *
 * O(log units + count / 64).
 */
void runs_set(struct runs *runs, uint32_t first, uint32_t count, bool used);

/**
 * runs_longest - Length of the longest free run in units; 0 if there is none
 *
 * O(1).
 */
uint32_t runs_longest(const struct runs *runs);

#endif
