/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts and stops rings and carries their notifications. What is inside a ring is the business of
 * src/ring/; nothing here reads or writes one.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transport/vhost_user/session.h"
#include "util/bits.h"
#include "util/error.h"
#include "util/fd.h"

#define MAX_SIZE 32768u /* virtio 1.4, 2.7 */

/* KICK, CALL and ERR carry the ring in eight bits; bit 8 stays clear, as an fd is always there. */
static int set_fd(struct vu *vu, uint32_t request, unsigned index, int fd)
{
	uint64_t value = index & VU_VRING_INDEX_MASK;
	struct vu_message message = {
		.request = request,
		.size = sizeof(value),
		.payload = &value,
		.fds = &fd,
		.nfds = 1,
	};

	return vu_set(vu, &message);
}

/*
 * The back-end maps what is named here and works in it: a mistake would be its crash or, worse, its
 * silence. The base of a split ring has 16 bits; that of a packed one holds a place and a wrap
 * counter of each side (vhost-user, SET_VRING_BASE).
 */
static int check_queue(const struct vu *vu, const struct transport_queue *queue)
{
	uint64_t size = queue->size;

	if (queue->index >= vu->vring_count)
		return error_set(-EINVAL, "queue %u does not exist; the back-end has %u",
				 queue->index, vu->vring_count);
	if (vu->vrings[queue->index].started)
		return error_set(-EBUSY, "queue %u is started already", queue->index);
	if (!is_pow2(size) || size > MAX_SIZE || (!queue->packed && queue->base > UINT16_MAX))
		return error_set(-EINVAL, "queue %u can't have %u entries and begin at %u",
				 queue->index, queue->size, queue->base);
	if (!vu_mem_covers(vu, queue->desc, 16 * size) ||
	    !vu_mem_covers(vu, queue->driver, transport_driver_bytes(queue)) ||
	    !vu_mem_covers(vu, queue->device, transport_device_bytes(queue)))
		return error_set(-EFAULT,
				 "queue %u lies outside the memory that the back-end can reach",
				 queue->index);
	return 0;
}

static void close_vring(struct vu_vring *vring)
{
	int kick = atomic_exchange_explicit(&vring->kick, -1, memory_order_relaxed);

	if (kick >= 0)
		close(kick);
	if (vring->call >= 0)
		close(vring->call);
	vring->call = -1;
}

/*
 * Made once and sent again at each start: a back-end gets copies, and closes those when the ring
 * stops. Ours stay what they are until the end of the connection, as a thread may be notifying
 * through one, or sleeping on the other, while the ring is stopped and started under it: it must
 * not meet a number that means another file by then, nor sleep on one that is never signalled. What
 * an old counter holds costs a look at the ring, no more.
 */
static int open_vring(struct vu_vring *vring)
{
	int kick;
	int ret;

	if (vring->call >= 0)
		return 0;
	vring->call = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (vring->call < 0)
		return error_no_fd();
	kick = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (kick < 0) {
		ret = error_no_fd();
		close_vring(vring);
		return ret;
	}
	/*
	 * Relaxed: a thread that notifies learns of the queue from the layer above, which orders
	 * that.
	 */
	atomic_store_explicit(&vring->kick, kick, memory_order_relaxed);
	return 0;
}

int vu_announce_rings(struct vu *vu, unsigned count)
{
	int ret = 0;

	for (; !ret && vu->item < count; vu->item += !ret) {
		struct vu_vring *vring = &vu->vrings[vu->item];

		ret = open_vring(vring);
		if (!ret)
			ret = set_fd(vu, VU_SET_VRING_CALL, vu->item, vring->call);
		if (!ret)
			vring->known = true;
	}
	return ret;
}

static int open_ring(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;

	return open_vring(&vu->vrings[queue->index]);
}

static int set_num(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;

	return vu_set_vring(vu, VU_SET_VRING_NUM, queue->index, queue->size);
}

static int set_base(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;

	return vu_set_vring(vu, VU_SET_VRING_BASE, queue->index, queue->base);
}

/*
 * Ring addresses are this process's own, unlike those in descriptors, which are guest addresses
 * (vhost-user, "Memory access"). No flag is set: there is no log without migration.
 */
static int set_addr(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;
	struct vhost_vring_addr addr = {
		.index = queue->index,
		.desc_user_addr = (uint64_t)(uintptr_t)queue->desc,
		.used_user_addr = (uint64_t)(uintptr_t)queue->device,
		.avail_user_addr = (uint64_t)(uintptr_t)queue->driver,
	};
	struct vu_message message = {
		.request = VU_SET_VRING_ADDR, .size = sizeof(addr), .payload = &addr};

	return vu_set(vu, &message);
}

/* Always there, since a back-end that has to signal and can't may exit. */
static int set_call(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;

	return set_fd(vu, VU_SET_VRING_CALL, queue->index, vu->vrings[queue->index].call);
}

static int set_err(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;

	return set_fd(vu, VU_SET_VRING_ERR, queue->index, vu->err);
}

/* This starts the ring. */
static int set_kick(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;
	struct vu_vring *vring = &vu->vrings[queue->index];
	int ret;

	ret = set_fd(vu, VU_SET_VRING_KICK, queue->index, vring->kick);
	if (ret)
		return ret;
	vring->known = true;
	vring->started = true;
	vring->packed = queue->packed;
	vu->running++;
	return 0;
}

/*
 * With bit 30 rings start out disabled, without it enabled, and then ENABLE is not legal
 * (vhost-user, "Ring states"). After a refusal there is a ring to be taken back.
 */
static int enable(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;
	struct vhost_vring_state state = {.index = queue->index, .num = 1};
	struct vu_message message = {
		.request = VU_SET_VRING_ENABLE, .size = sizeof(state), .payload = &state};

	vu->refused = 0;
	return vu->bit30 ? vu_set_code(vu, &message, &vu->refused) : 0;
}

/*
 * The answer comes when the back-end has finished what it had taken from this ring. Disabling would
 * not do: a disabled ring may go on consuming. A kick is not seen then.
 */
static int stop_ring(struct vu *vu, unsigned index, uint32_t *base)
{
	struct vhost_vring_state state = {.index = index};
	struct vhost_vring_state answer;
	struct vu_message message = {
		.request = VU_GET_VRING_BASE, .size = sizeof(state), .payload = &state};
	int ret;

	ret = vu_get(vu, &message, &answer, sizeof(answer));
	if (ret)
		return ret;
	if (answer.index != index)
		return vu_fail(vu, error_set(-EPROTO, "the back-end stopped queue %u instead of %u",
					     answer.index, index));
	/* Split rings have an index of 16 bits; what is above means nothing. */
	*base = vu->vrings[index].packed ? answer.num : answer.num & 0xffff;
	vu->vrings[index].started = false;
	vu->running--;
	return 0;
}

/* It may run already: the memory is ours again only when the back-end says so. */
static int take_back_refused(struct vu *vu, void *arg)
{
	const struct transport_queue *queue = arg;
	uint32_t base;
	int ret;

	if (!vu->refused)
		return 0;
	ret = stop_ring(vu, queue->index, &base);
	return ret ? ret
		   : error_set(-EIO, "the back-end refused to enable queue %u with code %" PRIu64,
			       queue->index, vu->refused);
}

/*
 * All that the ring needs, in the order that strict back-ends want. What is asked of a ring before
 * it is enabled may be dropped (vhost-user, "Ring states"), hence the sync.
 */
int vu_queue_start(struct transport *t, const struct transport_queue *queue)
{
	static vu_step *const steps[] = {
		vu_mem_refresh,    /* SET_MEM_TABLE or ADD_MEM_REG, after a reopen or a reset */
		open_ring,         /* eventfds */
		set_num,           /* SET_VRING_NUM */
		set_base,          /* SET_VRING_BASE */
		set_addr,          /* SET_VRING_ADDR */
		set_call,          /* SET_VRING_CALL */
		set_err,           /* SET_VRING_ERR */
		set_kick,          /* SET_VRING_KICK */
		enable,            /* SET_VRING_ENABLE, with bit 30 */
		vu_sync,           /* GET_FEATURES, without REPLY_ACK */
		take_back_refused, /* GET_VRING_BASE, if ENABLE was refused */
	};
	struct transport_queue copy = *queue;
	struct vu *vu = vu_of(t);
	int ret;

	if (vu->steps != steps) {
		ret = check_queue(vu, queue);
		if (ret)
			return ret;
	}
	ret = vu_run_steps(vu, steps, ARRAY_LEN(steps), &copy);
	if (ret == -EINPROGRESS)
		return ret;
	/* At a restart there may be threads that know its descriptors. */
	if (ret && !vu->vrings[queue->index].known)
		close_vring(&vu->vrings[queue->index]);
	/* Some back-ends start a ring with the first kick only (vhost-user, "Ring states"). */
	if (!ret)
		vu_notify(t, queue->index, 0);
	return ret;
}

/* Which ring to stop, and its position. */
struct stop {
	unsigned index;
	uint32_t *base;
};

static int stop_one(struct vu *vu, void *arg)
{
	const struct stop *stop = arg;

	return stop_ring(vu, stop->index, stop->base);
}

int vu_queue_stop(struct transport *t, unsigned index, uint32_t *base)
{
	static vu_step *const steps[] = {stop_one};
	struct stop stop = {index, base};
	struct vu *vu = vu_of(t);

	if (index >= vu->vring_count || !vu->vrings[index].started)
		return error_set(-EINVAL, "queue %u is not started", index);
	return vu_run_steps(vu, steps, ARRAY_LEN(steps), &stop);
}

/* One that can't be stopped has ended the connection, which stops them all. */
int vu_stop_rings(struct vu *vu, void *arg)
{
	uint32_t base;
	int ret = 0;

	(void)arg;
	for (; !ret && vu->item < vu->vring_count; vu->item += !ret) {
		if (vu->vrings[vu->item].started)
			ret = stop_ring(vu, vu->item, &base);
	}
	return ret;
}

void vu_forget_rings(struct vu *vu)
{
	unsigned i;

	for (i = 0; i < VU_MAX_VRINGS; i++)
		vu->vrings[i].started = false;
	vu->running = 0;
}

void vu_wake_all(struct vu *vu)
{
	unsigned i;

	for (i = 0; i < vu->vring_count; i++) {
		if (vu->vrings[i].call >= 0)
			eventfd_write(vu->vrings[i].call, 1);
	}
}

void vu_vrings_free(struct vu *vu)
{
	unsigned i;

	for (i = 0; i < VU_MAX_VRINGS; i++)
		close_vring(&vu->vrings[i]);
}

void vu_notify(struct transport *t, unsigned index, uint32_t data)
{
	/* An eventfd carries nothing, so the feature that would need it is never negotiated. */
	(void)data;
	if (index < VU_MAX_VRINGS)
		transport_kick(&vu_of(t)->vrings[index].kick);
}

int vu_call_fd(struct transport *t, unsigned index)
{
	return index < VU_MAX_VRINGS ? vu_of(t)->vrings[index].call : -1;
}
