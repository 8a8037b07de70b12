/* SPDX-License-Identifier: BSD-3-Clause */
/* PERSISTENT RESERVE IN and OUT (SPC-4), as far as tests need them. */
#include <endian.h>
#include <string.h>

#include "device/disk.h"
#include "device/reserve.h"

#define LIST_BYTES 24u

static uint64_t get_key(const uint8_t *at)
{
	uint64_t key;

	memcpy(&key, at, sizeof(key));
	return be64toh(key);
}

static void put_key(uint8_t *at, uint64_t key)
{
	key = htobe64(key);
	memcpy(at, &key, sizeof(key));
}

struct disk_end disk_conflict(void)
{
	return (struct disk_end){.status = 0x18};
}

static struct disk_end reply(const uint8_t *data, uint32_t len, const uint8_t *cdb,
			     const struct disk_io *io)
{
	const uint32_t alloc = (uint32_t)cdb[7] << 8 | cdb[8];
	const struct iovec all = {(void *)(uintptr_t)data, len < alloc ? len : alloc};

	return disk_reply(&all, io->in, io->nin);
}

static struct disk_end persist_in(const struct disk_pr *pr, const uint8_t *cdb,
				  const struct disk_io *io)
{
	static const uint8_t capabilities[8] = {0, 8, 1, 0x80, 0xea, 0x01};
	uint8_t data[8 + 8 * (DISK_OTHER_KEYS + 1)] = {0};
	uint32_t len = 8;
	unsigned i;

	data[3] = (uint8_t)pr->generation;
	switch (cdb[1] & 0x1f) {
	case 0:
		for (i = 0; i <= DISK_OTHER_KEYS; i++) {
			uint64_t key = i ? pr->others[i - 1] : pr->own;

			if (key) {
				put_key(data + len, key);
				len += 8;
			}
		}
		break;
	case 1:
		if (pr->type) {
			put_key(data + 8, pr->holder);
			data[21] = pr->type;
			len = 24;
		}
		break;
	case 2:
		return reply(capabilities, sizeof(capabilities), cdb, io);
	default:
		return disk_refuse(5, 0x24, 0);
	}
	data[7] = (uint8_t)(len - 8);
	return reply(data, len, cdb, io);
}

static void preempt(struct disk_pr *pr, uint64_t victim, uint8_t type)
{
	unsigned i;

	for (i = 0; i < DISK_OTHER_KEYS; i++) {
		if (pr->others[i] == victim)
			pr->others[i] = 0;
	}
	if (pr->type && pr->holder == victim) {
		pr->holder = pr->own;
		pr->type = type;
	}
}

static void set_own(struct disk_pr *pr, uint64_t key, bool persist)
{
	if (!key && pr->holder == pr->own)
		pr->type = 0;
	if (pr->type && pr->holder == pr->own)
		pr->holder = key;
	pr->own = key;
	pr->persist = persist;
}

struct disk_end disk_persist(struct disk_pr *pr, const uint8_t *cdb, const struct disk_io *io)
{
	const uint8_t action = cdb[1] & 0x1f;
	const uint8_t type = cdb[2];
	const uint8_t *list;
	uint64_t key;

	if (cdb[0] == 0x5e)
		return persist_in(pr, cdb, io);
	memcpy(pr->cdb, cdb, sizeof(pr->cdb));
	if (cdb[8] != LIST_BYTES || io->nout != 1 || io->out[0].iov_len != LIST_BYTES)
		return disk_refuse(5, 0x1a, 0);
	list = io->out[0].iov_base;
	key = get_key(list);
	if (action != 6 && (key != pr->own || (action && !pr->own)))
		return disk_conflict();
	switch (action) {
	case 0:
	case 6:
		set_own(pr, get_key(list + 8), list[20] & 1);
		break;
	case 1:
		if (pr->type && (pr->holder != pr->own || pr->type != type))
			return disk_conflict();
		pr->holder = pr->own;
		pr->type = type;
		return (struct disk_end){0};
	case 2:
		if (pr->holder == pr->own && pr->type == type)
			pr->type = 0;
		return (struct disk_end){0};
	case 3:
		*pr = (struct disk_pr){.generation = pr->generation};
		memcpy(pr->cdb, cdb, sizeof(pr->cdb));
		break;
	default:
		preempt(pr, get_key(list + 8), type);
	}
	pr->generation++;
	return (struct disk_end){.moved = LIST_BYTES};
}

bool disk_conflicts(const struct disk_pr *pr, const uint8_t *cdb)
{
	const bool writes = cdb[0] == 0x2a || cdb[0] == 0x8a || cdb[0] == 0x42 || cdb[0] == 0x93;
	const bool registrants = pr->type >= 5;

	return writes && pr->type && pr->holder != pr->own && !(registrants && pr->own);
}
