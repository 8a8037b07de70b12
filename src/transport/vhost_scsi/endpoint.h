/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One open /dev/vhost-scsi. Private to this folder.
 *
 * The device is a part of the kernel: it is trusted and can't disappear. Each ioctl returns at
 * once, except for those that wait for the requests that the kernel has begun: VHOST_SET_MEM_TABLE,
 * VHOST_SCSI_CLEAR_ENDPOINT, and close(). The kernel sets no limit to that, and buffers can't be
 * taken back earlier. So while calls may not wait, these are made only once the rings show that the
 * kernel has returned everything: vs_is_drained().
 *
 *   closed --open, SET_OWNER--> idle --SET_ENDPOINT--> running
 *      ^                        |  ^                   |     |
 *      +----------close---------+  +--CLEAR_ENDPOINT---+     | disconnect()
 *      |                                                     v
 *      +--------------------close, once drained-----------ending
 */
#ifndef TRANSPORT_VHOST_SCSI_ENDPOINT_H
#define TRANSPORT_VHOST_SCSI_ENDPOINT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/vhost.h>
#include <linux/virtio_ring.h>

#include "transport/transport.h"

#define VS_DEVICE "/dev/vhost-scsi"

/* Most virtqueues that are used: control, event, and request queues. */
#define VS_MAX_VRINGS 256u

/* The event virtqueue: the kernel keeps its buffers until there are events. */
#define VS_EVENT 1u

/*
 * The kernel allocates 160 KiB for each entry of a request ring: 40 MiB for one of this size, which
 * is as many requests as it has tags for.
 */
#define VS_MAX_SIZE 256u

/* Most pages of a request's data (VHOST_SCSI_PREALLOC_SGLS), and most segments. */
#define VS_MAX_PAGES 2048u
#define VS_MAX_SEGS  16u

enum vs_state {
	VS_CLOSED,
	VS_IDLE,
	VS_RUNNING,
	VS_ENDING,
};

/**
 * struct vs_vring - One ring
 * @kick: eventfd that notifies the kernel; -1 before the first start. Read by any thread
 * @call: eventfd that the kernel signals; -1 before the first start
 * @started: the kernel has the ring
 * @avail, @used: the available and the used ring, for their indices
 */
struct vs_vring {
	_Atomic int kick;
	int call;
	bool started;
	const struct vring_avail *avail;
	const struct vring_used *used;
};

/**
 * struct vs - An endpoint
 * @t: what the layer above sees
 * @fd: /dev/vhost-scsi, -1 while VS_CLOSED
 * @state: enum vs_state, see above
 * @target: the name
 * @status: device status, which the kernel doesn't keep
 * @accepted: features were set since the last reset
 * @vring_count: virtqueues that the kernel's module has
 * @spins: of clock_relax()
 * @count, @regions: the memory table
 */
struct vs {
	struct transport t;
	int fd;
	enum vs_state state;
	struct vhost_scsi_target target;
	uint8_t status;
	bool accepted;
	unsigned vring_count;
	unsigned spins;
	unsigned count;
	struct vhost_memory_region regions[DMA_MAX_REGIONS];
	struct vs_vring vrings[VS_MAX_VRINGS];
};

static inline struct vs *vs_of(struct transport *t)
{
	return (struct vs *)t;
}

/* Whether the endpoint can't be used any more. */
static inline bool vs_is_gone(const struct vs *vs)
{
	return vs->state == VS_CLOSED || vs->state == VS_ENDING;
}

/* -- endpoint.c -- */

/* Opens the device and owns it: VS_CLOSED -> VS_IDLE. Return: 0, or a negative errno. */
int vs_connect(struct vs *vs);

/* Closes it. Waits for requests in flight, unless vs_may_call() said that there are none. */
void vs_hang_up(struct vs *vs);

/* Sets the text for a call when vs_is_gone(). Return: -ENOTCONN. */
int vs_gone(const struct vs *vs);

/**
 * vs_call - ioctl() on an endpoint
 * @what: for the error text
 *
 * Return: 0, -ENOTCONN (it is gone), or the call's negative errno.
 */
int vs_call(struct vs *vs, unsigned request, void *arg, const char *what);

/**
 * vs_may_call - Check whether a call that waits for requests in flight may be made now
 *
 * Return: 0, or -EINPROGRESS: calls may not wait, and there are some.
 */
int vs_may_call(struct vs *vs);

int vs_wait_ready(struct transport *t, int timeout_ms);

/* -- vring.c -- */
int vs_queue_count(struct transport *t);
int vs_queue_max(struct transport *t, unsigned index);
int vs_queue_start(struct transport *t, const struct transport_queue *queue);
int vs_queue_stop(struct transport *t, unsigned index, uint32_t *base);
void vs_notify(struct transport *t, unsigned index, uint32_t data);
int vs_call_fd(struct transport *t, unsigned index);

/* Counts the kernel's virtqueues. Return: 0, or a negative errno. */
int vs_count_vrings(struct vs *vs);

/* Whether the kernel has returned every request. */
bool vs_is_drained(const struct vs *vs);

/* Notifies the kernel of all rings. */
void vs_kick_all(struct vs *vs);

/* Marks all rings as not started, and wakes threads that sleep on them. */
void vs_forget_rings(struct vs *vs);

/* Closes the eventfds of all rings. */
void vs_close_rings(struct vs *vs);

/* -- memory.c; vs_send_table() sends all regions to the kernel -- */
int vs_mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova);
int vs_mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova);
bool vs_mem_map_live(struct transport *t);
int vs_send_table(struct vs *vs);
bool vs_mem_covers(const struct vs *vs, const void *addr, uint64_t len);

/* -- status.c -- */
int vs_get_features(struct transport *t, uint64_t *features);
int vs_set_features(struct transport *t, uint64_t features);
int vs_get_status(struct transport *t);
int vs_set_status(struct transport *t, uint8_t status);

/* -- config.c -- */
int vs_read_config(struct transport *t, unsigned offset, void *buf, unsigned len);
int vs_write_config(struct transport *t, unsigned offset, const void *buf, unsigned len);

#endif
