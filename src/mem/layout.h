/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From the options of vscsi_mem_create() to the pages that a pool is made of. Arithmetic alone: it
 * does not know which pages the machine has.
 */
#ifndef MEM_LAYOUT_H
#define MEM_LAYOUT_H

#include <stdint.h>

#include <vscsi/mem.h>

/* Every pool begins and ends at a multiple of this: some back-ends map regions in 2 MiB steps. */
#define LAYOUT_STEP (UINT64_C(2) << 20)

/**
 * struct layout - Pages for a pool
 * @page_size: bytes of a hugepage
 * @pages: how many of them
 * @ordinary: bytes to take where ordinary pages must do, a multiple of LAYOUT_STEP
 */
struct layout {
	uint64_t page_size;
	uint32_t pages;
	uint64_t ordinary;
};

/**
 * layout_choose - Find the pages that the options ask for
 * @opts: the options, whole (util/options.h)
 * @layout: receives them
 *
 * Return: 0; -E2BIG for more than 8 pages can hold; -EINVAL for options that contradict each other;
 * with the sentence set.
 */
int layout_choose(const struct vscsi_mem_opts *opts, struct layout *layout);

#endif
