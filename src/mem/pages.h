/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that can be shared with a device: one sealed memfd, mapped once, with every page present.
 */
#ifndef MEM_PAGES_H
#define MEM_PAGES_H

#include <stdint.h>

/* Room for the longest error text of pages_create(). */
#define PAGES_WHY 384

/**
 * struct pages_want - What to allocate
 * @bytes: size, a multiple of @huge and of 2 MiB
 * @huge: bytes of a hugepage; 0 for ordinary pages
 * @numa: see struct vscsi_mem_opts
 */
struct pages_want {
	uint64_t bytes;
	uint64_t huge;
	uint32_t numa;
};

/**
 * struct pages - Allocated pages
 * @addr: where they are mapped, aligned to at least 2 MiB and to the page size
 * @bytes: size
 * @page_size: bytes of a page
 * @fd: the file, whose offset 0 is at @addr
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
 * pages_create - Allocate memory
 * @want: size and kind
 * @pages: receives the memory: pages_destroy()
 * @why: receives the error text, at most PAGES_WHY bytes
 *
 * The pages are zeroed and present, so that neither the library nor the device can hit a missing
 * page later. A child of fork() does not inherit the mapping. Slow.
 *
 * Does not set the thread's error text, because the caller may have a fallback.
 *
 * Return: 0; -ENOMEM if there are too few pages or the kernel has none of that size; or the errno
 * of the call that failed.
 */
int pages_create(const struct pages_want *want, struct pages *pages, char *why);

/**
 * pages_destroy - Free the memory
 * @pages: from pages_create()
 */
void pages_destroy(struct pages *pages);

#endif
