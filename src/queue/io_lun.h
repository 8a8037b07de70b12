/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A logical unit as the request queues see it: its address, its limits, and its state. The
 * application's handle embeds it (lun/lun.h), and so do the library's own probes.
 *
 *               removed, swapped, reset by others,
 *               device lost
 *   PRESENT -----------------------------------------> SUSPECT
 *      ^  |                                            |  |
 *      |  |    same identity, large enough             |  |
 *      +--|--------------------------------------------+  |
 *         |                                               | another disk, smaller,
 *         | the device reported its removal               | or missing for too long
 *         +--------------------> GONE <-------------------+
 *                                 |
 *                                 | something was plugged in at its address
 *                                 +-------> SUSPECT
 *
 * Requests to a SUSPECT unit are accepted and held back (request state BACKOFF); requests to a unit
 * that is GONE fail with -ENODEV. Only io_lun_set_state() changes the state; any thread may call
 * it. The fast path doesn't read the state: a unit that is not PRESENT has fast_blocks and
 * counted_blocks of 0, so its requests take the general path.
 */
#ifndef QUEUE_IO_LUN_H
#define QUEUE_IO_LUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/lock.h"

struct credits;
struct io_stats;
struct queue_set;

enum lun_state {
	LUN_PRESENT,
	LUN_SUSPECT,
	LUN_GONE,
};

/**
 * struct io_lun - A logical unit; the first cache line is all that a read or a write needs
 * @addr: its address as in every request header (virtio 1.4, 5.6.6.1)
 * @set: the queues of its device; queues of another device must not be used
 * @credits: counts its requests against the device's limit; NULL: the rings hold no more than that
 * @block_size: bytes of a logical block, 0 if it has no blocks
 * @max_blocks: most blocks of one request
 * @fast_blocks: most blocks of a read [0] and of a write [1] that may take the fast path: as many
 *	as its CDB can name; 0 where requests are counted, writes refused, or it is not PRESENT
 * @counted_blocks: the same where requests are counted; 0 where they are not
 * @short_lbas: addresses below this may take the fast path with a 10-byte CDB; 0 with @wide
 * @state: enum lun_state; @lock: taken to change it
 * @wide: it has blocks that need a 16-byte CDB, so all its reads and writes have one
 * @write_error: 0, or the errno of refused writes: -EROFS; -EBADE if a registration was lost
 * @fua: it supports FUA
 * @write_cache: it reports a volatile cache
 * @unmap: it supports UNMAP; @unmap_zeroes: WRITE SAME(16) may unmap, and unmapped blocks read as
 *	zeros
 * @sync_cache_16: it supports only SYNCHRONIZE CACHE(16) (ZBC)
 * @raw: only its address is known, and only raw commands can be sent to it
 * @probe: a probe of the library, which expects UNIT ATTENTIONs
 * @attention: with @probe: a unit attention that puts the identity in doubt was received. Set
 *	before the completion is returned, cleared by the owner
 * @retries: maximum number of retries; 0: none, not even while it is busy
 * @timeout_ms: time limit of a request; 0: none
 * @max_zeroes_blocks, @max_unmap_blocks, @max_unmap_ranges: as in struct vscsi_lun_info
 * @max_caw_blocks: reported maximum of COMPARE AND WRITE; see io_lun_max_caw()
 * @caw_one: it has refused a COMPARE AND WRITE of several blocks, so the maximum is one
 * @target, @number: its address as numbers
 * @stats: counters of its requests; NULL if they are not measured, and in the library's probes
 */
struct io_lun {
	uint8_t addr[8];
	const struct queue_set *set;
	struct credits *credits;
	uint32_t block_size;
	uint32_t max_blocks;
	_Atomic uint32_t fast_blocks[2];
	_Atomic uint32_t counted_blocks[2];
	uint64_t short_lbas;
	struct lock lock;
	_Atomic uint8_t state;
	bool wide;
	bool fua;
	bool write_cache;
	bool unmap;
	bool unmap_zeroes;
	bool sync_cache_16;
	bool raw;
	bool probe;
	atomic_bool attention;
	uint16_t retries;
	uint32_t timeout_ms;
	int write_error;
	uint64_t max_zeroes_blocks;
	uint32_t max_caw_blocks;
	atomic_bool caw_one;
	uint32_t max_unmap_blocks;
	uint32_t max_unmap_ranges;
	uint32_t target;
	uint32_t number;
	struct io_stats *stats;
};

/*
 * Sets device and address, which is enough for raw commands. Return: 0, or -EINVAL with its text
 * set.
 */
int io_lun_init(struct io_lun *lun, const struct queue_set *set, unsigned target, unsigned number);

/*
 * Changes the state, and with it which requests may take the fast path. Return: false, with nothing
 * changed, if the diagram has no such transition because another thread changed the state before.
 */
bool io_lun_set_state(struct io_lun *lun, enum lun_state to);

/*
 * Sets which requests may take the fast path, from the limits; before the first request, and after
 * a probe.
 */
void io_lun_set_limits(struct io_lun *lun);

/* Reads a limit that a probe may be changing meanwhile: returns the old or the new value. */
#define IO_LUN_LIMIT(lun, name) __atomic_load_n(&(lun)->name, __ATOMIC_RELAXED)

/* Most blocks of one COMPARE AND WRITE; 0: not supported. */
static inline uint32_t io_lun_max_caw(const struct io_lun *lun)
{
	uint32_t most = IO_LUN_LIMIT(lun, max_caw_blocks);

	return most > 1 && atomic_load_explicit(&lun->caw_one, memory_order_relaxed) ? 1 : most;
}

static inline enum lun_state io_lun_state(const struct io_lun *lun)
{
	/* Relaxed: a change is noticed soon enough, and nothing else is read because of it. */
	return (enum lun_state)atomic_load_explicit(&lun->state, memory_order_relaxed);
}

#endif
