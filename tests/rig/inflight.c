/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The area in which a back-end tracks what it has in flight (vhost-user, "Inflight I/O tracking"),
 * as far as the front-end takes part: it asks for the file and sends it back, on no other
 * connection. The contents are for the back-end only, so there are none; the file is full of
 * garbage, which must not change.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig/internal.h"

/* Not from the start of the file: the front-end must honour the offset. */
#define OFFSET  4096u
#define GARBAGE 0xa5

/* As the message has it; 24 bytes, of which peers compare the number. */
struct payload {
	uint64_t size;
	uint64_t offset;
	uint16_t queues;
	uint16_t entries;
	uint32_t padding;
};

static struct payload payload_of(const struct message *m)
{
	struct payload p;

	memcpy(&p, m->payload, sizeof(p));
	return p;
}

static uint64_t size_of(const struct area *area)
{
	return 64ull * area->queues * (area->entries + 1u);
}

static void fill_area(const struct area *area)
{
	char line[64];
	uint64_t at;

	memset(line, GARBAGE, sizeof(line));
	if (ftruncate(area->fd, (off_t)(OFFSET + size_of(area))))
		return;
	for (at = 0; at < OFFSET + size_of(area); at += sizeof(line)) {
		if (pwrite(area->fd, line, sizeof(line), (off_t)at) < 0)
			return;
	}
}

static void check_untouched(struct rig *rig)
{
	const struct area *area = &rig->area;
	unsigned char line[64];
	unsigned i;
	uint64_t at;

	for (at = 0; area->fd >= 0 && at < OFFSET + size_of(area); at += sizeof(line)) {
		if (pread(area->fd, line, sizeof(line), (off_t)at) != sizeof(line))
			rig_violate(rig, "the in-flight area was cut");
		for (i = 0; i < sizeof(line); i++) {
			if (line[i] != GARBAGE)
				rig_violate(rig, "the in-flight area was written to");
		}
	}
}

void inflight_free(struct rig *rig)
{
	check_untouched(rig);
	if (rig->area.fd >= 0)
		close(rig->area.fd);
	rig->area.fd = -1;
}

void inflight_give(struct rig *rig, const struct message *m, struct answer *a)
{
	struct payload p = payload_of(m);
	struct area *area = &rig->area;

	if (p.size || p.offset || p.padding)
		rig_violate(rig, "GET_INFLIGHT_FD says what the answer is to say");
	if (!p.queues || !p.entries || p.queues > rig->opts.queues)
		rig_violate(rig, "GET_INFLIGHT_FD for %u rings of %u entries", p.queues, p.entries);
	inflight_free(rig);
	*area = (struct area){
		.fd = memfd_create("rig-inflight", MFD_CLOEXEC),
		.queues = p.queues,
		.entries = p.entries,
	};
	fill_area(area);
	p.size = size_of(area);
	p.offset = OFFSET;
	memcpy(a->payload, &p, sizeof(p));
	a->len = sizeof(p);
	a->nfds = 1;
	a->file = area->fd;
}

static bool is_ours(const struct area *area, int fd)
{
	struct stat ours;
	struct stat theirs;

	return area->fd >= 0 && !fstat(area->fd, &ours) && !fstat(fd, &theirs) &&
	       ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

/* A back-end built on DPDK knows only rings whose call it has seen. */
int inflight_take(struct rig *rig, const struct message *m)
{
	const struct payload p = payload_of(m);
	struct area *area = &rig->area;
	unsigned i;

	if (m->nfds != 1 || !is_ours(area, m->fds[0])) {
		rig_violate(rig, "SET_INFLIGHT_FD with another file than was given");
		return 1;
	}
	if (p.size != size_of(area) || p.offset != OFFSET || p.queues != area->queues ||
	    p.entries != area->entries || p.padding)
		rig_violate(rig, "SET_INFLIGHT_FD with other numbers than were given");
	if (area->stale)
		rig_violate(rig, "an in-flight area from before a reset or a loss");
	for (i = 0; i < area->queues && i < RIG_MAX_RINGS; i++) {
		if (rig->rings[i].call < 0)
			rig_violate(rig, "SET_INFLIGHT_FD before SET_VRING_CALL of ring %u", i);
	}
	check_untouched(rig);
	area->set = true;
	return 0;
}

/* A ring starts: it has to have a place. One of a connection without an area needs none. */
void inflight_ring(struct rig *rig, unsigned index)
{
	const struct area *area = &rig->area;

	if (area->set && (index >= area->queues || rig->rings[index].size > area->entries))
		rig_violate(rig, "ring %u of %u entries has no place in the in-flight area", index,
			    rig->rings[index].size);
	/* One built on DPDK counts the positions of a packed ring by the area. */
	if (area->set && (rig->features & RIG_F_PACKED) && rig->rings[index].size != area->entries)
		rig_violate(rig, "packed ring %u has %u entries, the in-flight area %u", index,
			    rig->rings[index].size, area->entries);
}

/* What was in flight is not any more (vhost-user, GET_INFLIGHT_FD). */
void inflight_reset(struct rig *rig)
{
	rig->area.stale |= rig->area.set;
	rig->area.set = false;
}

/* A back-end that died may have written anything into it. */
void inflight_hang_up(struct rig *rig)
{
	inflight_reset(rig);
}

bool rig_tracked(struct rig *rig)
{
	bool set;

	rig_lock(rig);
	set = rig->area.set;
	rig_unlock(rig);
	return set;
}
