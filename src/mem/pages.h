/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory from the kernel, fit to be shared with a device: one sealed file in memory, one mapping of
 * it, every page present. What the memory is used for is not known here.
 */
#ifndef MEM_PAGES_H
#define MEM_PAGES_H

#include <stddef.h>
#include <stdint.h>

/* Room for the longest sentence that pages_create() writes. */
#define PAGES_WHY 384

/**
 * struct pages_want - What to get
 * @bytes: how much, a multiple of @huge and of 2 MiB
 * @huge: bytes of a hugepage; 0 for ordinary pages
 * @numa: as in struct vscsi_mem_opts
 */
struct pages_want {
	uint64_t bytes;
	uint64_t huge;
	uint32_t numa;
};

/**
 * struct pages - What was got
 * @addr: where it is mapped, aligned to 2 MiB at least and to the size of a page
 * @bytes: how much
 * @page_size: bytes of a page
 * @fd: the file, which begins at @addr
 * @node: NUMA node of the first page
 */
struct pages {
	void *addr;
	uint64_t bytes;
	uint64_t page_size;
	int fd;
	uint32_t node;
};

/**
 * pages_create - Get memory
 * @want: how much and of what
 * @pages: receives it, the caller's: pages_destroy()
 * @why: receives the sentence of a failure, of at most PAGES_WHY bytes
 *
 * Zeroed and present, so that neither we nor the device can meet a missing page later. A child of
 * fork() does not have the mapping. Slow.
 *
 * The sentence is not set for the thread, since the caller may have another way.
 *
 * Return: 0; -ENOMEM when the pages are not there or the kernel has none of that size; or the errno
 * of the call that failed.
 */
int pages_create(const struct pages_want *want, struct pages *pages, char *why);

/**
 * pages_destroy - Give memory back
 * @pages: from pages_create()
 */
void pages_destroy(struct pages *pages);

#endif
