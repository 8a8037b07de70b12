/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client's memory: the regions it handed over, mapped here, and the two address spaces that
 * name places in them (vhost-user, "Memory access").
 */
#ifndef TARGET_REGIONS_H
#define TARGET_REGIONS_H

#include <stddef.h>
#include <stdint.h>

#define TABLE_REGIONS 8  /* the most that SET_MEM_TABLE can carry */
#define MEMORY_SLOTS  32 /* the most with ADD_MEM_REG */

struct region {
	uint64_t guest; /* first address as descriptors name it */
	uint64_t user;  /* first address as ring addresses name it */
	uint64_t size;
	char *host; /* where the region's first byte is mapped here */
	void *map;  /* the whole mapping, which page alignment may make larger */
	size_t map_len;
};

struct memory {
	struct region regions[MEMORY_SLOTS];
	unsigned int count;
	unsigned int last_hit; /* where the last translation succeeded */
};

/*
 * region_map - map a part of a file.
 * @size, @offset: which part; the file @fd stays the caller's
 * Refuses what the file does not hold in full. Addresses are left at 0. Returns 0 or a negative
 * errno with a sentence; then @r is unchanged.
 */
int region_map(struct region *r, uint64_t size, uint64_t offset, int fd);

/* region_unmap - end that. */
void region_unmap(struct region *r);

/*
 * memory_add - map a region.
 * @fd: the file it lies in; stays the caller's
 * @offset: where in the file it begins
 * Refuses a region that the file does not hold in full, that wraps, or that overlaps another one
 * in either address space. Returns 0 or a negative errno with a sentence.
 */
int memory_add(struct memory *m, uint64_t guest, uint64_t user, uint64_t size, uint64_t offset,
	       int fd);

/* memory_remove - unmap the region that is exactly this one. Returns 0 or -ENOENT. */
int memory_remove(struct memory *m, uint64_t guest, uint64_t user, uint64_t size);

/* memory_clear - unmap everything. */
void memory_clear(struct memory *m);

/*
 * memory_guest - where a guest address is mapped.
 * @room: set to the bytes from there to the region's end
 * Returns NULL if no region holds the address.
 */
void *memory_guest(struct memory *m, uint64_t guest, uint64_t *room);

/* memory_user - where @len bytes at a user address are, all in one region; NULL if they are not. */
void *memory_user(const struct memory *m, uint64_t user, uint64_t len);

#endif
