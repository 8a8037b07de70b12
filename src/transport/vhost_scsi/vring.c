/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Starts rings, carries their notifications, and finds out from their indices what the kernel still
 * has. Reads nothing else of a ring, and writes nothing.
 */
#include <errno.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "transport/vhost_scsi/endpoint.h"
#include "util/bits.h"
#include "util/error.h"
#include "util/fd.h"

/*
 * The number is a parameter of the module (max_io_vqs), 128 in older ones, and no ioctl returns it:
 * a binary search for the first virtqueue that fails with ENOBUFS.
 */
int vs_count_vrings(struct vs *vs)
{
	unsigned there = 0;
	unsigned missing = VS_MAX_VRINGS;

	while (missing - there > 1) {
		struct vhost_vring_state state = {.index = there + (missing - there) / 2};

		if (!ioctl(vs->fd, VHOST_GET_VRING_BASE, &state))
			there = state.index;
		else if (errno == ENOBUFS)
			missing = state.index;
		else
			return error_set(-errno, "counting the virtqueues of " VS_DEVICE ": %m");
	}
	vs->vring_count = missing;
	return 0;
}

int vs_queue_count(struct transport *t)
{
	return (int)vs_of(t)->vring_count;
}

int vs_queue_max(struct transport *t, unsigned index)
{
	return index < vs_of(t)->vring_count ? VS_MAX_SIZE : 0;
}

static int check_queue(const struct vs *vs, const struct transport_queue *queue)
{
	uint64_t size = queue->size;

	if (queue->index >= vs->vring_count)
		return error_set(-EINVAL, "queue %u does not exist; the kernel has %u",
				 queue->index, vs->vring_count);
	if (vs->vrings[queue->index].started || vs->state == VS_RUNNING)
		return error_set(-EBUSY, "queue %u is started already", queue->index);
	if (!is_pow2(size) || size > VS_MAX_SIZE || queue->packed || queue->base > UINT16_MAX)
		return error_set(-EINVAL, "queue %u can't have %u entries and begin at %u",
				 queue->index, queue->size, queue->base);
	if (!vs_mem_covers(vs, queue->desc, 16 * size) ||
	    !vs_mem_covers(vs, queue->driver, transport_driver_bytes(queue)) ||
	    !vs_mem_covers(vs, queue->device, transport_device_bytes(queue)))
		return error_set(-EFAULT, "queue %u lies outside the memory shown to the kernel",
				 queue->index);
	return 0;
}

/*
 * Creates the eventfds once: other threads may notify through one, or sleep on the other, while the
 * endpoint is closed and opened again.
 */
static int open_vring(struct vs_vring *vring)
{
	int kick;

	if (vring->call < 0)
		vring->call = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (vring->call < 0)
		return error_no_fd();
	if (atomic_load_explicit(&vring->kick, memory_order_relaxed) >= 0)
		return 0;
	kick = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (kick < 0)
		return error_no_fd();
	/*
	 * Relaxed: a thread that notifies gets the queue from the layer above, which orders this
	 * store before.
	 */
	atomic_store_explicit(&vring->kick, kick, memory_order_relaxed);
	return 0;
}

static int set_file(struct vs *vs, unsigned request, unsigned index, int fd, const char *what)
{
	struct vhost_vring_file file = {.index = index, .fd = fd};

	return vs_call(vs, request, &file, what);
}

/* The kernel processes no ring before the endpoint is set, which is DRIVER_OK. */
int vs_queue_start(struct transport *t, const struct transport_queue *queue)
{
	struct vs *vs = vs_of(t);
	struct vs_vring *vring;
	struct vhost_vring_state num = {.index = queue->index, .num = queue->size};
	struct vhost_vring_state base = {.index = queue->index, .num = queue->base};
	struct vhost_vring_addr addr = {
		.index = queue->index,
		.desc_user_addr = (uint64_t)(uintptr_t)queue->desc,
		.used_user_addr = (uint64_t)(uintptr_t)queue->device,
		.avail_user_addr = (uint64_t)(uintptr_t)queue->driver,
	};
	int ret = check_queue(vs, queue);

	if (ret)
		return ret;
	vring = &vs->vrings[queue->index];
	ret = open_vring(vring);
	if (!ret)
		ret = vs_call(vs, VHOST_SET_VRING_NUM, &num, "VHOST_SET_VRING_NUM");
	if (!ret)
		ret = vs_call(vs, VHOST_SET_VRING_BASE, &base, "VHOST_SET_VRING_BASE");
	if (!ret)
		ret = vs_call(vs, VHOST_SET_VRING_ADDR, &addr, "VHOST_SET_VRING_ADDR");
	if (!ret)
		ret = set_file(vs, VHOST_SET_VRING_KICK, queue->index, vring->kick,
			       "VHOST_SET_VRING_KICK");
	if (!ret)
		ret = set_file(vs, VHOST_SET_VRING_CALL, queue->index, vring->call,
			       "VHOST_SET_VRING_CALL");
	if (ret)
		return ret;
	vring->avail = queue->driver;
	vring->used = queue->device;
	vring->started = true;
	return 0;
}

int vs_queue_stop(struct transport *t, unsigned index, uint32_t *base)
{
	(void)t;
	(void)base;
	return error_set(-EOPNOTSUPP, "the kernel can't stop queue %u alone; close the device",
			 index);
}

/*
 * Whether the kernel has a request of a ring, or has yet to fetch one. Acquire: the kernel's writes
 * for a request are visible before the used index that returns it.
 */
static bool has_request(const struct vs_vring *vring)
{
	return __atomic_load_n(&vring->avail->idx, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&vring->used->idx, __ATOMIC_ACQUIRE);
}

bool vs_is_drained(const struct vs *vs)
{
	unsigned i;

	/* Without an endpoint the kernel doesn't fetch the entries that rings may have. */
	if (vs->state != VS_RUNNING && vs->state != VS_ENDING)
		return true;
	for (i = 0; i < vs->vring_count; i++) {
		if (vs->vrings[i].started && i != VS_EVENT && has_request(&vs->vrings[i]))
			return false;
	}
	return true;
}

void vs_notify(struct transport *t, unsigned index, uint32_t data)
{
	/* An eventfd carries no data: NOTIFICATION_DATA is never negotiated. */
	(void)data;
	if (index < VS_MAX_VRINGS)
		transport_kick(&vs_of(t)->vrings[index].kick);
}

int vs_call_fd(struct transport *t, unsigned index)
{
	return index < VS_MAX_VRINGS ? vs_of(t)->vrings[index].call : -1;
}

void vs_kick_all(struct vs *vs)
{
	unsigned i;

	for (i = 0; i < vs->vring_count; i++) {
		if (vs->vrings[i].started)
			vs_notify(&vs->t, i, 0);
	}
}

void vs_forget_rings(struct vs *vs)
{
	unsigned i;

	for (i = 0; i < vs->vring_count; i++) {
		struct vs_vring *vring = &vs->vrings[i];

		vring->started = false;
		if (vring->call >= 0)
			eventfd_write(vring->call, 1);
	}
}

void vs_close_rings(struct vs *vs)
{
	unsigned i;

	for (i = 0; i < VS_MAX_VRINGS; i++) {
		struct vs_vring *vring = &vs->vrings[i];

		if (vring->kick >= 0)
			close(vring->kick);
		if (vring->call >= 0)
			close(vring->call);
	}
}
