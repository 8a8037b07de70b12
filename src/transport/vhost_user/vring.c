/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts and stops rings and carries their notifications. Does not access the contents of a ring,
 * see src/ring/.
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

/* KICK, CALL and ERR have the ring's index in eight bits; bit 8 is clear: an fd is attached. */
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
 * Validates the ring, because a back-end may crash or hang if it gets an invalid one. The base of a
 * split ring has 16 bits; that of a packed one has an index and a wrap counter for each side
 * (vhost-user, SET_VRING_BASE).
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
 * Creates the eventfds once; they are sent again at each start, because a back-end gets duplicates
 * and closes them when the ring stops. They stay open until vu_close(): a thread may notify through
 * one, or sleep on the other, while the ring is stopped and started, and must not use a descriptor
 * number that now means another file. An old count only causes a needless check of the ring.
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
	 * Relaxed: a thread that notifies gets the queue from the layer above, which orders this
	 * store before.
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
 * Ring addresses are addresses of this process; those in descriptors are guest addresses
 * (vhost-user, "Memory access"). No flag is set: without migration there is no log.
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

/* Always sent: some back-ends exit if they have to signal and have no descriptor. */
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

/* SET_VRING_KICK starts the ring. */
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
 * With bit 30 rings start disabled; without it they start enabled, and ENABLE is not legal
 * (vhost-user, "Ring states"). After a refusal, take_back_refused() stops the ring.
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
 * The back-end answers when it has finished the requests that it had taken from this ring.
 * Disabling the ring would not suffice: the back-end may still process requests.
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
	/* The index of a split ring has 16 bits; the upper bits are undefined. */
	*base = vu->vrings[index].packed ? answer.num : answer.num & 0xffff;
	vu->vrings[index].started = false;
	vu->running--;
	return 0;
}

/* The ring may be running already, so its memory is in use until the back-end has stopped it. */
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
 * In the order that strict back-ends require. A back-end may drop requests and kicks before the
 * ring is enabled (vhost-user, "Ring states"), hence vu_sync().
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
	/* At a restart, other threads may use the descriptors. */
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

/* If a ring can't be stopped, the connection has ended, which stops all rings. */
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
	/* An eventfd carries no data: NOTIFICATION_DATA is never negotiated. */
	(void)data;
	if (index < VU_MAX_VRINGS)
		transport_kick(&vu_of(t)->vrings[index].kick);
}

int vu_call_fd(struct transport *t, unsigned index)
{
	return index < VU_MAX_VRINGS ? vu_of(t)->vrings[index].call : -1;
}
