/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device side of split rings (virtio 1.4, 2.7): taking chains, putting used entries, truthfully
 * or not, and notifications in both directions.
 */
#include <string.h>
#include <unistd.h>

#include "rig/internal.h"

#define LOAD(p)     __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define STORE(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)

/* A ring without addresses is none yet. Stopped ones have lost theirs. */
static struct ring *ring_of(struct rig *rig, unsigned queue)
{
	struct ring *ring = &rig->rings[queue % RIG_MAX_RINGS];

	return ring->have_addr ? ring : NULL;
}

static uint16_t *used_event(struct ring *ring)
{
	return &ring->avail->ring[ring->size];
}

static uint16_t *avail_event(struct ring *ring)
{
	return (uint16_t *)&ring->used->ring[ring->size];
}

bool rig_running(struct rig *rig, unsigned queue)
{
	bool running;

	rig_lock(rig);
	running = rig->rings[queue].started && rig->rings[queue].enabled;
	rig_unlock(rig);
	return running;
}

void rig_wait_running(struct rig *rig, unsigned queue)
{
	rig_lock(rig);
	while (!rig_running(rig, queue) && rig_wait(rig, "a ring to run"))
		;
	rig_unlock(rig);
}

/*
 * The driver writes neither the used ring nor nonsense into the flags of its own (2.7.7.1, 2.7.8).
 */
static bool check_ring(struct rig *rig, unsigned queue, struct ring *ring, uint16_t avail_idx)
{
	uint16_t flags = LOAD(&ring->avail->flags);
	uint16_t most = rig->features & RIG_F_EVENT_IDX ? 0 : 1;

	if (flags > most)
		rig_violate(rig, "queue %u: R-SPLIT-20, 22: avail.flags is %u", queue, flags);
	if ((uint16_t)(avail_idx - ring->last_avail) > ring->size) {
		rig_violate(rig, "queue %u: R-SPLIT-17, 19: avail.idx went from %u to %u", queue,
			    ring->last_avail, avail_idx);
		return false;
	}
	if (LOAD(&ring->used->idx) != ring->published || ring->used->flags != ring->used_flags)
		rig_violate(rig, "queue %u: R-SPLIT-40: the driver wrote the used ring", queue);
	return true;
}

static bool take(struct rig *rig, unsigned queue, struct ring *ring, struct rig_chain *chain)
{
	/* Acquire pairs with the driver's release: the chain is there before the index. */
	uint16_t idx = LOAD(&ring->avail->idx);
	uint16_t head;

	if (!check_ring(rig, queue, ring, idx) || idx == ring->last_avail)
		return false;
	head = ring->avail->ring[ring->last_avail & (ring->size - 1)];
	ring->last_avail++;
	/* Two chains may share nothing; that one head is in flight twice is the plainest case. */
	if (head < ring->size && ring->owner[head]) {
		rig_violate(rig, "queue %u: chain %u is in flight already", queue, head);
		return false;
	}
	if (!checker_walk(rig, queue, head, chain, &ring->hash[head % ring->size]))
		return false;
	checker_framing(rig, queue, chain);
	return true;
}

bool rig_take(struct rig *rig, unsigned queue, struct rig_chain *chain)
{
	struct ring *ring;
	bool ok;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	ok = ring && ring->started && ring->enabled && take(rig, queue, ring, chain);
	rig_unlock(rig);
	return ok;
}

unsigned rig_available(struct rig *rig, unsigned queue)
{
	struct ring *ring;
	unsigned n = 0;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring)
		n = (uint16_t)(LOAD(&ring->avail->idx) - ring->last_avail);
	rig_unlock(rig);
	return n;
}

/* What was given to the device stays as it was until it is given back (R-SPLIT-15, 32). */
static void give_back(struct rig *rig, unsigned queue, struct ring *ring, uint32_t id)
{
	struct rig_chain now;
	uint64_t hash;
	unsigned i;

	if (id >= ring->size || ring->owner[id] != id + 1)
		return;
	if (!checker_walk(rig, queue, (uint16_t)id, &now, &hash) || hash != ring->hash[id])
		rig_violate(rig, "queue %u, chain %u changed while the device had it", queue, id);
	for (i = 0; i < ring->size; i++) {
		if (ring->owner[i] == id + 1)
			ring->owner[i] = 0;
	}
}

static void put(struct rig *rig, unsigned queue, struct ring *ring, uint32_t id, uint32_t len)
{
	struct vring_used_elem *e = &ring->used->ring[ring->used_idx & (ring->size - 1)];

	/*
	 * Before the entry is there: the driver may use the descriptors again as soon as it sees
	 * it.
	 */
	give_back(rig, queue, ring, id);
	e->id = id;
	e->len = len;
	ring->used_idx++;
	ring->put++;
}

static void publish(struct ring *ring)
{
	ring->published = ring->used_idx;
	/* Release pairs with the driver's acquire: entry and data are there before the index. */
	STORE(&ring->used->idx, ring->used_idx);
}

void rig_put_quiet(struct rig *rig, unsigned queue, uint32_t id, uint32_t len)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring)
		put(rig, queue, ring, id, len);
	rig_unlock(rig);
}

void rig_put(struct rig *rig, unsigned queue, uint32_t id, uint32_t len)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring) {
		put(rig, queue, ring, id, len);
		publish(ring);
	}
	rig_unlock(rig);
}

void rig_move_used(struct rig *rig, unsigned queue, uint16_t by)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring) {
		ring->used_idx = (uint16_t)(ring->used_idx + by);
		publish(ring);
	}
	rig_unlock(rig);
}

/* A counter that is full has not been read: the one who waits wakes up all the same. */
static void signal_fd(int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

void rig_call(struct rig *rig, unsigned queue)
{
	rig_lock(rig);
	signal_fd(rig->rings[queue].call);
	rig->rings[queue].put = 0;
	rig_unlock(rig);
}

void rig_err(struct rig *rig, unsigned queue)
{
	rig_lock(rig);
	signal_fd(rig->rings[queue].err);
	rig_unlock(rig);
}

void rig_set_used_flags(struct rig *rig, unsigned queue, uint16_t flags)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring) {
		ring->used_flags = flags;
		STORE(&ring->used->flags, flags);
	}
	rig_unlock(rig);
}

void rig_set_avail_event(struct rig *rig, unsigned queue, uint16_t event)
{
	struct ring *ring;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring)
		STORE(avail_event(ring), event);
	rig_unlock(rig);
}

static uint16_t peek(struct rig *rig, unsigned queue, uint16_t *(*where)(struct ring *))
{
	struct ring *ring;
	uint16_t value = 0;

	rig_lock(rig);
	ring = ring_of(rig, queue);
	if (ring)
		value = LOAD(where(ring));
	rig_unlock(rig);
	return value;
}

static uint16_t *where_flags(struct ring *ring)
{
	return &ring->avail->flags;
}

static uint16_t *where_idx(struct ring *ring)
{
	return &ring->avail->idx;
}

uint16_t rig_avail_flags(struct rig *rig, unsigned queue)
{
	return peek(rig, queue, where_flags);
}

uint16_t rig_avail_idx(struct rig *rig, unsigned queue)
{
	return peek(rig, queue, where_idx);
}

uint16_t rig_used_event(struct rig *rig, unsigned queue)
{
	return peek(rig, queue, used_event);
}

static void read_kick(struct ring *ring)
{
	uint64_t n;

	if (ring->kick >= 0 && read(ring->kick, &n, sizeof(n)) == (ssize_t)sizeof(n))
		ring->kicks += n;
}

uint64_t rig_kicks(struct rig *rig, unsigned queue)
{
	uint64_t kicks;

	rig_lock(rig);
	read_kick(&rig->rings[queue]);
	kicks = rig->rings[queue].kicks;
	rig_unlock(rig);
	return kicks;
}

unsigned rig_size(struct rig *rig, unsigned queue)
{
	return rig->rings[queue].size;
}

void *rig_desc(struct rig *rig, unsigned queue)
{
	return rig->rings[queue].desc;
}

void *rig_avail(struct rig *rig, unsigned queue)
{
	return rig->rings[queue].avail;
}

void *rig_used(struct rig *rig, unsigned queue)
{
	return rig->rings[queue].used;
}

/*
 * Serves what is there, asks to be told of more, and looks once again, so that no kick is missed.
 */
void ring_kicked(struct rig *rig, unsigned queue)
{
	struct ring *ring = &rig->rings[queue];
	struct rig_chain chain;

	read_kick(ring);
	if (rig->opts.start_on_kick && ring->have_addr)
		ring->started = true;
	rig_changed(rig);
	if (!rig->opts.on_chain || !ring->started || !ring->enabled)
		return;
	do {
		while (!rig->violated && rig_take(rig, queue, &chain))
			rig->opts.on_chain(rig, queue, &chain, rig->opts.ctx);
		STORE(avail_event(ring), ring->last_avail);
		/*
		 * Between asking for a kick and looking again (2.7.10): pairs with the driver's
		 * fence.
		 */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	} while (!rig->violated && rig_available(rig, queue));
	if (ring->put)
		rig_call(rig, queue);
}
