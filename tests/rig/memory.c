/* SPDX-License-Identifier: BSD-3-Clause */
/* The front-end's memory as the rig maps it, and the rules for regions. */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/internal.h"

static bool meet(uint64_t a, uint64_t b, uint64_t a_len, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* Some back-ends map from offset 0 and some hand the offset to mmap(): both need whole pages. */
static void check_region(struct rig *rig, const struct region *r)
{
	unsigned i;

	if (r->size == 0 || r->size % 4096 || r->offset % 4096)
		rig_violate(rig, "a region has size 0x%llx and offset 0x%llx",
			    (unsigned long long)r->size, (unsigned long long)r->offset);
	for (i = 0; i < rig->nregions; i++) {
		if (meet(r->guest, rig->regions[i].guest, r->size, rig->regions[i].size))
			rig_violate(rig, "two regions overlap for guest addresses");
		if (meet(r->user, rig->regions[i].user, r->size, rig->regions[i].size))
			rig_violate(rig, "two regions overlap for user addresses");
	}
}

/*
 * Maps from the file's first byte, as some back-ends do; shared memory that can't be is a
 * violation.
 */
static int map_region(struct rig *rig, const uint64_t words[4], int fd)
{
	struct region *r = &rig->regions[rig->nregions];
	struct region new = {words[0], words[1], words[2], words[3], NULL};
	struct stat st;

	check_region(rig, &new);
	if (rig->nregions == MAX_REGIONS || fstat(fd, &st) ||
	    new.offset + new.size > (uint64_t)st.st_size) {
		rig_violate(rig, "a region is larger than its file, or one too many");
		return 1;
	}
	new.map = mmap(NULL, new.offset + new.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (new.map == MAP_FAILED) {
		rig_violate(rig, "a region could not be mapped as shared memory");
		return 1;
	}
	*r = new;
	rig->nregions++;
	return 0;
}

static void unmap_region(struct rig *rig, unsigned at)
{
	struct region *r = &rig->regions[at];

	munmap(r->map, r->offset + r->size);
	*r = rig->regions[--rig->nregions];
}

void memory_free(struct rig *rig)
{
	while (rig->nregions)
		unmap_region(rig, rig->nregions - 1);
	rig->used_table = false;
	rig->used_slots = false;
}

/* Rings have pointers into the mappings; those that run must not lose them. */
static void rings_must_rest(struct rig *rig)
{
	unsigned i;

	for (i = 0; i < RIG_MAX_RINGS; i++) {
		if (rig->rings[i].started)
			rig_violate(rig, "a memory table came while ring %u runs", i);
		vring_stop(&rig->rings[i]);
	}
}

int memory_table(struct rig *rig, struct message *m)
{
	uint32_t head[2];
	uint64_t words[4];
	unsigned i;

	memcpy(head, m->payload, sizeof(head));
	if (head[0] < 1 || head[0] > 8 || head[1] != 0 || m->head.size != 8 + 32 * head[0] ||
	    m->nfds != head[0]) {
		rig_violate(rig, "a table of %u regions, %u bytes, %u descriptors, padding %u",
			    head[0], m->head.size, m->nfds, head[1]);
		return 1;
	}
	if (rig->used_slots)
		rig_violate(rig, "SET_MEM_TABLE after ADD_MEM_REG");
	rings_must_rest(rig);
	memory_free(rig);
	rig->used_table = true;
	for (i = 0; i < head[0]; i++) {
		memcpy(words, m->payload + 8 + 32 * i, sizeof(words));
		/* Back-ends built on rust-vmm hang up over this. */
		if (i && words[0] < rig->regions[i - 1].guest)
			rig_violate(rig, "a memory table that is not sorted by guest address");
		if (map_region(rig, words, m->fds[i]))
			return 1;
	}
	return 0;
}

int memory_add(struct rig *rig, struct message *m)
{
	uint64_t words[5];

	memcpy(words, m->payload, sizeof(words));
	if (words[0] != 0)
		rig_violate(rig, "ADD_MEM_REG with padding that is not 0");
	if (rig->used_table)
		rig_violate(rig, "ADD_MEM_REG after SET_MEM_TABLE");
	if (rig->nregions >= rig->opts.slots)
		rig_violate(rig, "more regions than slots");
	rig->used_slots = true;
	return m->nfds == 1 ? map_region(rig, words + 1, m->fds[0]) : 1;
}

/* Named by all of its numbers (vhost-user, REM_MEM_REG); a file does not come along. */
int memory_remove(struct rig *rig, const struct message *m)
{
	uint64_t words[5];
	unsigned i;

	memcpy(words, m->payload, sizeof(words));
	for (i = 0; i < rig->nregions; i++) {
		const struct region *r = &rig->regions[i];

		if (r->guest == words[1] && r->size == words[2] && r->user == words[3]) {
			unmap_region(rig, i);
			return 0;
		}
	}
	rig_violate(rig, "REM_MEM_REG of a region that is not there");
	return 1;
}

/* All of the piece has to be in one region: regions that touch are still two mappings. */
static void *translate(struct rig *rig, uint64_t addr, uint64_t len, bool guest)
{
	void *found = NULL;
	unsigned i;

	rig_lock(rig);
	for (i = 0; i < rig->nregions; i++) {
		const struct region *r = &rig->regions[i];
		uint64_t start = guest ? r->guest : r->user;

		if (addr >= start && len <= r->size && addr - start <= r->size - len)
			found = r->map + r->offset + (addr - start);
	}
	rig_unlock(rig);
	return found;
}

void *rig_guest(struct rig *rig, uint64_t addr, uint64_t len)
{
	return translate(rig, addr, len, true);
}

void *rig_user(struct rig *rig, uint64_t addr, uint64_t len)
{
	return translate(rig, addr, len, false);
}

unsigned rig_regions(struct rig *rig)
{
	unsigned n;

	rig_lock(rig);
	n = rig->nregions;
	rig_unlock(rig);
	return n;
}
