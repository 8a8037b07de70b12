/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of many equal units are free, and where a run of free ones is. All of it lies in private
 * memory that is allocated once; nothing here knows what a unit stands for.
 */
#ifndef MEM_RUNS_H
#define MEM_RUNS_H

#include <stdbool.h>
#include <stdint.h>

struct runs;

/* Most units that can be kept: half of what 32 bits count, so that no sum of two can overflow. */
#define RUNS_MAX (UINT32_C(1) << 31)

/**
 * runs_create - Begin with units that are all free
 * @units: how many, 1 to RUNS_MAX
 *
 * Return: the owner's: runs_destroy(); NULL when there is no memory.
 */
struct runs *runs_create(uint32_t units);

/**
 * runs_destroy - Free it
 * @runs: NULL is allowed
 */
void runs_destroy(struct runs *runs);

/**
 * runs_find - Look for the first run that is long enough
 * @from: units before this one do not count
 * @want: units, at least 1
 * @first: receives its first unit
 *
 * O(log units).
 *
 * Return: whether there is one.
 */
bool runs_find(const struct runs *runs, uint32_t from, uint32_t want, uint32_t *first);

/**
 * runs_set - Take units, or give them back
 * @first: first unit
 * @count: how many, at least 1; all inside, and all of the opposite kind so far
 * @used: true: take them
 *
 * O(log units + count / 64).
 */
void runs_set(struct runs *runs, uint32_t first, uint32_t count, bool used);

/**
 * runs_longest - Tell the length of the longest run, in units; 0 when nothing is free
 *
 * O(1).
 */
uint32_t runs_longest(const struct runs *runs);

#endif
