/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shows memory regions to the back-end: one by one where it has slots, else as one table that is
 * sent whole each time; a connection never uses both ways, as back-ends keep two lists or confuse
 * them. Gives each region its guest address. Who may use which memory is known elsewhere.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "transport/vhost_user/session.h"
#include "util/bits.h"
#include "util/error.h"

/* Some back-ends round regions to 2 MiB units, so that no two may share one. */
#define GUEST_ALIGN (UINT64_C(2) << 20)

/* Ends don't wrap: check_region() and place() have seen to it for every region that is kept. */
static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* Some address of [addr, addr + len) is taken: the place behind the taker; else @addr. */
static uint64_t behind(const struct vu *vu, uint64_t addr, uint64_t len)
{
	unsigned i;

	for (i = 0; i < vu->count; i++) {
		const struct vu_region *r = &vu->regions[i];

		if (overlap(addr, len, r->guest, r->size))
			return align_up(r->guest + r->size, GUEST_ALIGN);
	}
	return addr;
}

/* First fit. The search moves upwards only, so it ends; no sum wraps, as all ends are checked. */
static int place(const struct vu *vu, uint64_t len, uint64_t *guest)
{
	uint64_t addr = vu->guest_base;
	uint64_t next;

	for (;;) {
		if (addr > UINT64_MAX - GUEST_ALIGN - len)
			return error_set(-ENOSPC,
					 "no room for %" PRIu64
					 " bytes above guest address 0x%" PRIx64,
					 len, vu->guest_base);
		next = behind(vu, addr, len);
		if (next == addr)
			break;
		addr = next;
	}
	*guest = addr;
	return 0;
}

/*
 * A back-end that comes back may take fewer regions than the one before, by one method or by the
 * other; @slots is only valid with CONFIGURE_MEM_SLOTS.
 */
static int check_count(const struct vu *vu, unsigned count)
{
	unsigned limit = vu_has(vu, VU_PROTOCOL_CONFIGURE_MEM_SLOTS) ? vu->slots : VU_TABLE_REGIONS;

	if (count > limit)
		return error_set(-ENOSPC,
				 "the back-end takes at most %u memory regions, %u are needed",
				 limit, count);
	return 0;
}

/*
 * Active regions overlap neither for us nor for the device (vhost-user, "Memory region"): ring
 * addresses are looked up by the one, addresses in descriptors by the other. The back-end maps the
 * file, so memory without one can't be shown.
 */
static int check_region(const struct vu *vu, const struct dma_region *region)
{
	unsigned i;

	if (region->fd < 0)
		return error_set(
			-EINVAL,
			"a vhost-user back-end reaches memory through its file; register it with "
			"the file descriptor");
	if (!region->len || region->len > UINT64_MAX - 2 * GUEST_ALIGN - region->addr)
		return error_set(-EINVAL,
				 "a region of %" PRIu64 " bytes at 0x%" PRIx64 " is impossible",
				 region->len, region->addr);
	for (i = 0; i < vu->count; i++) {
		if (overlap(region->addr, region->len, vu->regions[i].user, vu->regions[i].size))
			return error_set(-EEXIST, "the memory at 0x%" PRIx64 " is mapped already",
					 region->addr);
	}
	return check_count(vu, vu->count + 1);
}

/*
 * A table replaces the one before it, so all regions are in it, and their files in the same order
 * (vhost-user, SET_MEM_TABLE). If the back-end refuses it, we don't know which table it has: it
 * stays stale and is sent again before the next ring starts.
 */
static int send_table(struct vu *vu)
{
	struct vu_table table = {.count = vu->count};
	struct vu_message message = {
		.request = VU_SET_MEM_TABLE,
		.size = (uint32_t)(8 + vu->count * sizeof(struct vu_region)),
		.payload = &table,
		.fds = vu->fds,
		.nfds = vu->count,
	};
	int ret;

	ret = check_count(vu, vu->count);
	if (ret)
		return ret;
	/* An empty table is not legal. What the back-end still has goes with the next one. */
	vu->table_stale = true;
	if (vu->count == 0)
		return vu_quiet(vu);
	memcpy(table.regions, vu->regions, vu->count * sizeof(struct vu_region));
	ret = vu_set(vu, &message);
	if (ret)
		return ret;
	vu->table_stale = false;
	return vu_sync(vu);
}

/*
 * A region is named by all of its numbers, at removal too, when no file goes with it (vhost-user,
 * REM_MEM_REG). The layer above may use new memory, or free the old, when this returns: so it waits
 * until the back-end has done its part.
 */
static int send_slot(struct vu *vu, uint32_t request, const struct vu_region *region, const int *fd)
{
	struct vu_slot slot = {.region = *region};
	struct vu_message message = {
		.request = request,
		.size = sizeof(slot),
		.payload = &slot,
		.fds = fd,
		.nfds = fd ? 1 : 0,
	};
	int ret;

	ret = vu_set(vu, &message);
	return ret ? ret : vu_sync(vu);
}

bool vu_mem_map_live(struct transport *t)
{
	return vu_has(vu_of(t), VU_PROTOCOL_CONFIGURE_MEM_SLOTS);
}

/* A new table unmaps and maps what running rings use; it has corrupted memory in the past. */
static int check_idle(struct vu *vu)
{
	if (vu->running && !vu_mem_map_live(&vu->t))
		return error_set(
			-EBUSY,
			"this back-end takes memory only while all queues are stopped, %u run",
			vu->running);
	return 0;
}

/*
 * Sorted by guest address: back-ends built on rust-vmm close the connection over a table that isn't
 * sorted. Files and regions go side by side. Returns the place.
 */
static unsigned insert(struct vu *vu, const struct vu_region *region, int fd)
{
	unsigned at = vu->count;

	while (at > 0 && vu->regions[at - 1].guest > region->guest) {
		vu->regions[at] = vu->regions[at - 1];
		vu->fds[at] = vu->fds[at - 1];
		at--;
	}
	vu->regions[at] = *region;
	vu->fds[at] = fd;
	vu->count++;
	return at;
}

static void take_out(struct vu *vu, unsigned at)
{
	unsigned rest = vu->count - at - 1;

	memmove(&vu->regions[at], &vu->regions[at + 1], rest * sizeof(vu->regions[0]));
	memmove(&vu->fds[at], &vu->fds[at + 1], rest * sizeof(vu->fds[0]));
	vu->count--;
}

int vu_mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova)
{
	struct vu *vu = vu_of(t);
	struct vu_region new = {region->addr, region->len, region->addr, region->fd_offset};
	unsigned at;
	int ret;

	/* A lost connection has no limit to compare with. */
	ret = vu_quiet(vu);
	if (ret)
		return ret;
	ret = check_idle(vu);
	if (ret)
		return ret;
	ret = check_region(vu, region);
	if (ret)
		return ret;
	if (vu->guest_base) {
		ret = place(vu, region->len, &new.guest);
		if (ret)
			return ret;
	}
	/* Only lent: the pool keeps the file open for as long as the region is mapped. */
	at = insert(vu, &new, region->fd);
	ret = vu_mem_map_live(t) ? send_slot(vu, VU_ADD_MEM_REG, &new, &region->fd)
				 : send_table(vu);
	if (ret)
		take_out(vu, at);
	else
		*iova = new.guest;
	return ret;
}

int vu_mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova)
{
	struct vu *vu = vu_of(t);
	struct vu_region old;
	unsigned at = 0;
	int fd;
	int ret;

	while (at < vu->count &&
	       (vu->regions[at].user != region->addr || vu->regions[at].size != region->len ||
		vu->regions[at].guest != iova))
		at++;
	if (at == vu->count)
		return error_set(-ENOENT, "the memory at 0x%" PRIx64 " is not mapped",
				 region->addr);
	ret = check_idle(vu);
	if (ret)
		return ret;
	/* Taken out first, since a table is made of what is left. */
	old = vu->regions[at];
	fd = vu->fds[at];
	take_out(vu, at);
	ret = vu_mem_map_live(t) ? send_slot(vu, VU_REM_MEM_REG, &old, NULL) : send_table(vu);
	if (ret)
		insert(vu, &old, fd);
	return ret;
}

/* What a new connection has to be shown slot by slot. */
static int send_slots(struct vu *vu)
{
	unsigned i;
	int ret;

	ret = check_count(vu, vu->count);
	for (i = 0; i < vu->count && !ret; i++)
		ret = send_slot(vu, VU_ADD_MEM_REG, &vu->regions[i], &vu->fds[i]);
	vu->table_stale = ret != 0;
	return ret;
}

int vu_mem_refresh(struct vu *vu)
{
	if (!vu->table_stale || !vu->count)
		return 0;
	return vu_mem_map_live(&vu->t) ? send_slots(vu) : send_table(vu);
}

bool vu_mem_covers(const struct vu *vu, const void *addr, uint64_t len)
{
	unsigned i;

	for (i = 0; i < vu->count; i++) {
		if (range_inside((uint64_t)(uintptr_t)addr, len, vu->regions[i].user,
				 vu->regions[i].size))
			return true;
	}
	return false;
}
