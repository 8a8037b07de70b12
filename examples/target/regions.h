/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's memory: its regions, mapped here, and their two address spaces (vhost-user, "Memory
 * access").
 */
#ifndef TARGET_REGIONS_H
#define TARGET_REGIONS_H

#include <stddef.h>
#include <stdint.h>

#define TABLE_REGIONS 8  /* maximum with SET_MEM_TABLE */
#define MEMORY_SLOTS  32 /* maximum with ADD_MEM_REG */

struct region {
	uint64_t guest; /* start address in descriptors */
	uint64_t user;  /* start address in SET_VRING_ADDR */
	uint64_t size;
	char *host; /* where the region's first byte is mapped */
	void *map;  /* the whole mapping, page-aligned */
	size_t map_len;
};

struct memory {
	struct region regions[MEMORY_SLOTS];
	unsigned int count;
};

/*
 * region_map - map a part of a file.
 * @size, @offset: which part; @fd still belongs to the caller
 * Fails if the part exceeds the file. Leaves the addresses 0. Returns 0, or a negative errno with
 * the error text set and @r unchanged.
 */
int region_map(struct region *r, uint64_t size, uint64_t offset, int fd);

/* region_unmap - unmap it. */
void region_unmap(struct region *r);

/*
 * memory_add - map a region.
 * @fd: the file; still belongs to the caller
 * @offset: offset of the region in the file
 * Fails if the region exceeds the file, wraps, or overlaps another one in either address space.
 * Returns 0 or a negative errno with the error text set.
 */
int memory_add(struct memory *m, uint64_t guest, uint64_t user, uint64_t size, uint64_t offset,
	       int fd);

/* memory_remove - unmap the region with exactly these values. Returns 0 or -ENOENT. */
int memory_remove(struct memory *m, uint64_t guest, uint64_t user, uint64_t size);

/* memory_clear - unmap all regions. */
void memory_clear(struct memory *m);

/*
 * memory_guest - translate a guest address.
 * @hint: where to look first; receives where it was. 0 at first
 * @room: receives the bytes up to the end of the region
 * Returns NULL if the address is in no region.
 */
void *memory_guest(const struct memory *m, unsigned int *hint, uint64_t guest, uint64_t *room);

/* memory_user - translate @len bytes at a user address; NULL if they are not in one region. */
void *memory_user(const struct memory *m, uint64_t user, uint64_t len);

#endif
