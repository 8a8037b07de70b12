/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends memory regions to the back-end: one by one with CONFIGURE_MEM_SLOTS, otherwise as one table
 * that is sent as a whole each time. A connection never uses both, because back-ends keep separate
 * lists or mix them up. Chooses the guest address of each region.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "transport/vhost_user/session.h"
#include "util/bits.h"
#include "util/error.h"

/* Some back-ends round regions to 2 MiB, so no two regions may share such a unit. */
#define GUEST_ALIGN (UINT64_C(2) << 20)

/* Ends don't wrap: check_region() and place() ensure that for every region that is kept. */
static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* If a region overlaps [addr, addr + len), returns its aligned end; otherwise @addr. */
static uint64_t end_of_taker(const struct vu *vu, uint64_t addr, uint64_t len)
{
	unsigned i;

	for (i = 0; i < vu->count; i++) {
		const struct vu_region *r = &vu->regions[i];

		if (overlap(addr, len, r->guest, r->size))
			return align_up(r->guest + r->size, GUEST_ALIGN);
	}
	return addr;
}

/* First fit. Terminates because the search only moves upwards; all sums are checked. */
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
		next = end_of_taker(vu, addr, len);
		if (next == addr)
			break;
		addr = next;
	}
	*guest = addr;
	return 0;
}

/*
 * A back-end that comes back may accept fewer regions than the one before, and may use the other
 * method; @slots is valid only with CONFIGURE_MEM_SLOTS.
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
 * Regions must not overlap, neither in user nor in guest addresses (vhost-user, "Memory region"):
 * the back-end looks up ring addresses by the former and descriptor addresses by the latter. It
 * maps the file, so memory without one can't be used.
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

/* A region to add or to remove, and its file. */
struct change {
	struct vu_region region;
	int fd;
	bool comes;
};

bool vu_mem_map_live(struct transport *t)
{
	return vu_has(vu_of(t), VU_PROTOCOL_CONFIGURE_MEM_SLOTS);
}

/*
 * Inserts in the order of guest addresses: back-ends built on rust-vmm close the connection if a
 * table isn't sorted. @fds is kept parallel to @regions.
 */
static void insert(struct vu_region *regions, int *fds, unsigned count, const struct change *new)
{
	while (count > 0 && regions[count - 1].guest > new->region.guest) {
		regions[count] = regions[count - 1];
		fds[count] = fds[count - 1];
		count--;
	}
	regions[count] = new->region;
	fds[count] = new->fd;
}

static void take_out(struct vu_region *regions, int *fds, unsigned count, uint64_t guest)
{
	unsigned at = 0;

	while (regions[at].guest != guest)
		at++;
	memmove(&regions[at], &regions[at + 1], (count - at - 1) * sizeof(*regions));
	memmove(&fds[at], &fds[at + 1], (count - at - 1) * sizeof(*fds));
}

/* Applies a change to a copy of the regions in use. @regions and @fds have room for one more. */
static unsigned with_change(const struct vu *vu, const struct change *change,
			    struct vu_region *regions, int *fds)
{
	memcpy(regions, vu->regions, vu->count * sizeof(*regions));
	memcpy(fds, vu->fds, vu->count * sizeof(*fds));
	if (!change)
		return vu->count;
	if (change->comes) {
		insert(regions, fds, vu->count, change);
		return vu->count + 1;
	}
	take_out(regions, fds, vu->count, change->region.guest);
	return vu->count - 1;
}

/*
 * A table replaces the one before, so it contains all regions, and their files in the same order
 * (vhost-user, SET_MEM_TABLE). If the back-end refuses it, it is unknown which table it has: it is
 * sent again before the next ring starts.
 */
static int set_table(struct vu *vu, const struct change *change)
{
	struct vu_region regions[DMA_MAX_REGIONS + 1];
	int fds[DMA_MAX_REGIONS + 1];
	unsigned count = with_change(vu, change, regions, fds);
	struct vu_table table = {.count = count};
	struct vu_message message = {
		.request = VU_SET_MEM_TABLE,
		.size = (uint32_t)(8 + count * sizeof(struct vu_region)),
		.payload = &table,
		.fds = fds,
		.nfds = count,
	};
	int ret;

	ret = check_count(vu, count);
	if (ret)
		return ret;
	/* An empty table is not legal. The next table replaces what the back-end has. */
	vu->table_stale = true;
	if (count == 0)
		return vu_quiet(vu, NULL);
	memcpy(table.regions, regions, count * sizeof(*regions));
	ret = vu_set(vu, &message);
	if (!ret)
		vu->table_stale = false;
	return ret;
}

/*
 * A region is identified by all of its fields, also for removal, which has no file (vhost-user,
 * REM_MEM_REG).
 */
static int set_slot(struct vu *vu, const struct vu_region *region, const int *fd)
{
	struct vu_slot slot = {.region = *region};
	struct vu_message message = {
		.request = fd ? VU_ADD_MEM_REG : VU_REM_MEM_REG,
		.size = sizeof(slot),
		.payload = &slot,
		.fds = fd,
		.nfds = fd ? 1 : 0,
	};

	return vu_set(vu, &message);
}

/*
 * Each slot is an item of the step. After a refusal it is unknown which regions the back-end has.
 */
int vu_mem_refresh(struct vu *vu, void *arg)
{
	int ret;

	(void)arg;
	if (!vu->table_stale || !vu->count)
		return 0;
	if (!vu_mem_map_live(&vu->t))
		return set_table(vu, NULL);
	ret = check_count(vu, vu->count);
	for (; !ret && vu->item < vu->count; vu->item += !ret)
		ret = set_slot(vu, &vu->regions[vu->item], &vu->fds[vu->item]);
	if (!ret)
		vu->table_stale = false;
	return ret;
}

/* Fills the slots of a new connection; a table is always sent as a whole. */
static int refresh_slots(struct vu *vu, void *arg)
{
	return vu_mem_map_live(&vu->t) ? vu_mem_refresh(vu, arg) : 0;
}

static int tell(struct vu *vu, void *arg)
{
	const struct change *change = arg;

	if (!vu_mem_map_live(&vu->t))
		return set_table(vu, change);
	return set_slot(vu, &change->region, change->comes ? &change->fd : NULL);
}

/*
 * Ends when the back-end has applied the change, because the layer above then uses the new memory
 * or frees the old. Until then the list stays as it was.
 */
static int make_change(struct vu *vu, struct change *change)
{
	static vu_step *const steps[] = {refresh_slots, tell, vu_sync};
	int ret;

	ret = vu_run_steps(vu, steps, ARRAY_LEN(steps), change);
	if (ret)
		return ret;
	if (change->comes)
		insert(vu->regions, vu->fds, vu->count++, change);
	else
		take_out(vu->regions, vu->fds, vu->count--, change->region.guest);
	return 0;
}

/* A new table remaps memory that running rings use; some back-ends then corrupt memory. */
static int check_idle(struct vu *vu)
{
	if (vu->running && !vu_mem_map_live(&vu->t))
		return error_set(
			-EBUSY,
			"this back-end accepts new memory only while all queues are stopped, and "
			"%u are running",
			vu->running);
	return 0;
}

int vu_mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova)
{
	/* The pool owns the file, and keeps it open as long as the region is mapped. */
	struct change change = {
		{region->addr, region->len, region->addr, region->fd_offset}, region->fd, true};
	struct vu *vu = vu_of(t);
	int ret;

	/* Fails on a lost connection, whose limits are unknown. */
	if (vu->fd < 0)
		return vu_quiet(vu, NULL);
	ret = check_idle(vu);
	if (ret)
		return ret;
	ret = check_region(vu, region);
	if (ret)
		return ret;
	if (vu->guest_base) {
		ret = place(vu, region->len, &change.region.guest);
		if (ret)
			return ret;
	}
	ret = make_change(vu, &change);
	if (!ret)
		*iova = change.region.guest;
	return ret;
}

int vu_mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova)
{
	struct change change = {.comes = false};
	struct vu *vu = vu_of(t);
	unsigned at = 0;
	int ret;

	while (at < vu->count &&
	       (vu->regions[at].user != region->addr || vu->regions[at].size != region->len ||
		vu->regions[at].guest != iova))
		at++;
	if (at == vu->count)
		return error_set(-ENOENT, "the memory at 0x%" PRIx64 " is not mapped",
				 region->addr);
	change.region = vu->regions[at];
	/* The end of the connection has unmapped it; the next one won't map it. */
	if (vu->fd < 0) {
		take_out(vu->regions, vu->fds, vu->count--, iova);
		return 0;
	}
	ret = check_idle(vu);
	if (ret)
		return ret;
	return make_change(vu, &change);
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
