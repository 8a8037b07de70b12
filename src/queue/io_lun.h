/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A logical unit as the request queues see it: its address, what a request to it may be, and its
 * state. The handle of the application embeds it (lun/lun.h); so do the library's own probes.
 *
 *               removed, swapped, reset by others,
 *               device lost
 *   PRESENT -----------------------------------------> SUSPECT
 *      ^  |                                            |  |
 *      |  |    same identity, large enough             |  |
 *      +--|--------------------------------------------+  |
 *         |                                               | another disk, smaller,
 *         | removed for certain                           | or missing for too long
 *         +--------------------> GONE <-------------------+
 *                                 |
 *                                 | something was plugged in at its address
 *                                 +-------> SUSPECT
 *
 * Requests to a SUSPECT unit are accepted and held back (request state BACKOFF); those to one that
 * is GONE fail with -ENODEV. The state is changed by io_lun_set_state() alone, by any thread. The
 * fast path doesn't read it: a unit that is not PRESENT has fast_blocks and counted_blocks of 0, so
 * its requests take the general path.
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
 * @addr: its address as it goes into every request header (virtio 1.4, 5.6.6.1)
 * @set: the queues of its device; another device's would send its requests to another disk
 * @credits: counts its requests against the device's limit; NULL: the rings hold no more than that
 * @block_size: bytes of a logical block, 0 where there is none
 * @max_blocks: most blocks of one request
 * @fast_blocks: most blocks of a read [0] and of a write [1] that may take the fast path: as many
 *	as its CDB can name; 0 where requests are counted, writes refused, or it is not PRESENT
 * @counted_blocks: the same where requests are counted; 0 where they are not
 * @short_lbas: addresses below this may take the fast path with a 10-byte CDB; 0 with @wide
 * @state: enum lun_state; @lock: taken to change it
 * @wide: it has blocks that only a 16-byte CDB can name: all its reads and writes have one
 * @write_error: 0, or what writes are refused with: -EROFS; -EBADE where a registration is lost
 * @fua: FUA is known
 * @write_cache: it says that it has a volatile cache
 * @unmap: UNMAP is known; @unmap_zeroes: WRITE SAME(16) may unmap, and unmapped blocks read as
 *	zeros
 * @sync_cache_16: it knows SYNCHRONIZE CACHE(16) only (ZBC)
 * @raw: nothing is known of it but its address: raw commands alone can be sent to it
 * @probe: a probe of the library's own: a UNIT ATTENTION is what it came to clear
 * @attention: with @probe: a unit attention that puts the identity in doubt was received. Set
 *	before the completion is returned, cleared by the owner
 * @retries: times that a request is sent again; 0: never, not even while it is busy
 * @timeout_ms: time that a request may take; 0: any
 * @max_zeroes_blocks, @max_unmap_blocks, @max_unmap_ranges: as in struct vscsi_lun_info
 * @max_caw_blocks: blocks of COMPARE AND WRITE as announced; see io_lun_max_caw()
 * @caw_one: it has refused more than one of them: it takes one, whatever it announces
 * @target, @number: its address in numbers
 * @stats: what is counted of its requests; NULL where nothing is, and in the library's own probes
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
 * Fills in device and address, and nothing else: raw commands can be sent to it. -EINVAL with its
 * text.
 */
int io_lun_init(struct io_lun *lun, const struct queue_set *set, unsigned target, unsigned number);

/*
 * Changes the state, and with it what may take the fast path. Return: false where the diagram has
 * no such change, as another thread was faster: nothing happened.
 */
bool io_lun_set_state(struct io_lun *lun, enum lun_state to);

/*
 * Derives what may take the fast path from the limits, before the first request or after a probe.
 */
void io_lun_set_limits(struct io_lun *lun);

/* A limit that a probe may be changing meanwhile: the old or the new one. */
#define IO_LUN_LIMIT(lun, name) __atomic_load_n(&(lun)->name, __ATOMIC_RELAXED)

/* Most blocks of one COMPARE AND WRITE, 0: it has none. */
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
