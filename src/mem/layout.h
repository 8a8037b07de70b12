/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Chooses the size and number of hugepages for the options of vscsi_mem_create(). Pure arithmetic:
 * it does not check which pages the machine has.
 */
#ifndef MEM_LAYOUT_H
#define MEM_LAYOUT_H

#include <stdint.h>

#include <vscsi/mem.h>

/* Pools start and end at a multiple of this: some back-ends map regions in 2 MiB steps. */
#define LAYOUT_STEP (UINT64_C(2) << 20)

/**
 * struct layout - Pages for a pool
 * @page_size: bytes of a hugepage
 * @pages: number of hugepages
 * @ordinary: bytes to allocate if ordinary pages are used instead, a multiple of LAYOUT_STEP
 */
struct layout {
	uint64_t page_size;
	uint32_t pages;
	uint64_t ordinary;
};

/**
 * layout_choose - Choose the pages for a pool
 * @opts: the options, copied with options_copy()
 * @layout: receives the choice
 *
 * Return: 0; -E2BIG if 8 pages are not enough; -EINVAL if the options contradict each other; with
 * the error text set.
 */
int layout_choose(const struct vscsi_mem_opts *opts, struct layout *layout);

#endif
