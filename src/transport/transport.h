/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one interface between a virtio device and the way it is reached. A transport is one folder
 * beside this file and one line in transport.c. It carries; it doesn't decide: which features to
 * take, in which order to start, and what a status means is the business of src/virtio/.
 *
 * All of it belongs to the control path. Calls for one transport are made by one thread at a time,
 * notify() excepted, and each waits at most the time limit given at opening. A negative errno comes
 * with its sentence set (util/error.h); -ENOTCONN means that the device is gone until reopen().
 */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/dma.h"

struct transport;

/* Features of virtio 1.4, 6, that are younger than the kernel headers we build with. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif
#ifndef VIRTIO_F_NOTIF_CONFIG_DATA
#define VIRTIO_F_NOTIF_CONFIG_DATA 39
#endif

/*
 * Protocol features of vhost-user that can be switched, as their bits in its protocol feature word;
 * other transports have no use for them.
 */
#define TRANSPORT_MQ           (UINT64_C(1) << 0)
#define TRANSPORT_REPLY_ACK    (UINT64_C(1) << 3)
#define TRANSPORT_BACKEND_REQ  (UINT64_C(1) << 5)
#define TRANSPORT_CONFIG_SPACE (UINT64_C(1) << 9)
#define TRANSPORT_INFLIGHT     (UINT64_C(1) << 12)
#define TRANSPORT_RESET_DEVICE (UINT64_C(1) << 13)
#define TRANSPORT_MEM_SLOTS    (UINT64_C(1) << 15)
#define TRANSPORT_STATUS       (UINT64_C(1) << 16)

/* Ways to the IOMMU in front of a PCI function; other transports have none. */
#define TRANSPORT_IOMMU_AUTO  0u /* iommufd where it is there, else the group's container */
#define TRANSPORT_IOMMU_GROUP 1u
#define TRANSPORT_IOMMU_FD    2u
#define TRANSPORT_IOMMU_NONE  3u /* no IOMMU: physical addresses */

/**
 * struct transport_opts - Wishes for a connection
 * @timeout_ms: limit for each answer, in milliseconds
 * @protocol_off: TRANSPORT_* features not to use
 * @protocol_must: TRANSPORT_* features to insist on
 * @guest_base: where the device's address space begins; 0: addresses stay as they are
 * @iommu: which way memory is shown to a PCI function, TRANSPORT_IOMMU_*
 */
struct transport_opts {
	unsigned timeout_ms;
	uint64_t protocol_off;
	uint64_t protocol_must;
	uint64_t guest_base;
	unsigned iommu;
};

/**
 * struct transport_queue - A virtqueue to start
 * @index: virtqueue number, 0 control, 1 event, 2 and up requests (virtio 1.4, 5.6.2)
 * @size: entries
 * @base: where the rings stand: 0 for a fresh split ring, TRANSPORT_BASE_PACKED for a fresh packed
 *	one; what queue_stop() gave to resume
 * @packed: the ring's format
 * @desc, @driver, @device: the three parts of the ring, as addresses of this process inside a
 *	mapped region: descriptor table, available ring, used ring; or descriptor ring, the driver's
 *	and the device's event structure
 */
struct transport_queue {
	unsigned index;
	unsigned size;
	uint32_t base;
	bool packed;
	void *desc;
	void *driver;
	void *device;
};

/* Both wrap counters are 1, both places 0, as vhost-user has them (SET_VRING_BASE). */
#define TRANSPORT_BASE_PACKED 0x80008000u

/* Bytes of a ring's second and third part (virtio 1.4, 2.7 and 2.8.10.1). */
static inline size_t transport_driver_bytes(const struct transport_queue *queue)
{
	return queue->packed ? 4 : 6 + 2 * (size_t)queue->size;
}

static inline size_t transport_device_bytes(const struct transport_queue *queue)
{
	return queue->packed ? 4 : 6 + 8 * (size_t)queue->size;
}

/* What check() found; a set. */
#define TRANSPORT_CONFIG (1u << 0) /* configuration space changed */
#define TRANSPORT_BROKEN (1u << 1) /* the device says that a ring is broken, or it needs a reset */

/**
 * struct transport_ops - What every transport can do
 * @scheme: what an address begins with, without the colon
 * @features: virtio feature bits that may be negotiated over it at all (virtio 1.4, 2.2.1)
 * @needs: those of them without which it can't work
 * @open: connect; @where is the address behind the colon, without options. Nothing is left when it
 *	fails
 * @close: disconnect and free; the device can no longer reach any memory of ours, or its process
 *	has only the mappings that it keeps
 * @can_reopen: whether there is anything to connect to again. NULL: there never is
 * @reopen: connect anew to what open() connected to, whatever is left of the connection before.
 *	Queues are stopped then, what was mapped is mapped by the time that the next one starts, and
 *	file descriptors that were handed out stay. @keep: so does the account of track(). -ENODEV:
 *	there will be nothing to connect to any more; -ENOTSUP, -ENOSPC: what there is lacks
 *	something
 * @track: see to it that the device keeps account of what it has in flight where it outlives it.
 *	Between set_features() and the first queue_start(), on each connection where that is wanted;
 *	@count: virtqueues, @size: entries of the largest. After reopen() with @keep the device goes
 *	on by the account that there is; a reset forgets it otherwise. It may have none to give.
 *	NULL where there never is one
 * @tracked: whether there is one, and the device reads it
 * @hand_back: leave what the address handed over to the caller: close() then cuts it off, but it
 *	stays the caller's. NULL where nothing can be handed over
 * @get_features: what the device offers; bits that are the transport's own are not among them
 * @set_features: what was accepted, a subset
 * @get_status: device status (virtio 1.4, 2.1), 0 to 255
 * @set_status: write it. 0 resets the device; returns when the reset is finished (2.4.2)
 * @read_config: @len bytes of configuration space from @offset as one consistent snapshot (2.5.1);
 *	-ENOTSUP when the device has none to read
 * @write_config: likewise
 * @queue_count: virtqueues of all kinds that may be used; -ENOTSUP when the device can't say
 * @queue_max: largest size of virtqueue @index; 0: there is no such queue
 * @queue_start: give a virtqueue to the device, which may use it from now on
 * @queue_stop: take it back: when this returns 0 the device no longer uses it. @base receives where
 *	it stood. -EOPNOTSUPP when the device can't stop one alone
 * @notify: tell the device that @index has something new. @data: where the ring stands, for the
 *	upper half of the notification (2.9); only looked at while @notify_data of the transport is
 *	set. Any thread; at most one system call
 * @mem_map, @mem_unmap: as struct dma_map_ops
 * @mem_map_live: whether mem_map works while queues are started
 * @check: look without waiting whether something happened. @what receives TRANSPORT_*
 * @watch_fd: file descriptor that becomes readable when the connection ends, -1 for none. Only to
 *	wait for, beside other things: it may be closed, and its number another file's, at any time.
 *	NULL where there never is one
 * @call_fd: file descriptor that becomes readable when the device signals @index, -1 for none
 * @call_clear: make it unreadable, before the ring is looked at; @call_wake: make it readable. NULL
 *	where it is always an eventfd
 * @protocol: extra feature bits in use (vhost-user), for people
 */
struct transport_ops {
	const char *scheme;
	uint64_t features;
	uint64_t needs;
	int (*open)(const char *where, const struct transport_opts *opts, struct transport **out);
	void (*close)(struct transport *t);
	bool (*can_reopen)(struct transport *t);
	int (*reopen)(struct transport *t, bool keep);
	int (*track)(struct transport *t, unsigned count, unsigned size);
	bool (*tracked)(struct transport *t);
	void (*hand_back)(struct transport *t);
	int (*get_features)(struct transport *t, uint64_t *features);
	int (*set_features)(struct transport *t, uint64_t features);
	int (*get_status)(struct transport *t);
	int (*set_status)(struct transport *t, uint8_t status);
	int (*read_config)(struct transport *t, unsigned offset, void *buf, unsigned len);
	int (*write_config)(struct transport *t, unsigned offset, const void *buf, unsigned len);
	int (*queue_count)(struct transport *t);
	int (*queue_max)(struct transport *t, unsigned index);
	int (*queue_start)(struct transport *t, const struct transport_queue *queue);
	int (*queue_stop)(struct transport *t, unsigned index, uint32_t *base);
	void (*notify)(struct transport *t, unsigned index, uint32_t data);
	int (*mem_map)(struct transport *t, const struct dma_region *region, uint64_t *iova);
	int (*mem_unmap)(struct transport *t, const struct dma_region *region, uint64_t iova);
	bool (*mem_map_live)(struct transport *t);
	int (*check)(struct transport *t, unsigned *what);
	int (*watch_fd)(struct transport *t);
	int (*call_fd)(struct transport *t, unsigned index);
	int (*call_clear)(struct transport *t, unsigned index);
	void (*call_wake)(struct transport *t, unsigned index);
	uint64_t (*protocol)(struct transport *t);
};

/**
 * struct transport - First member of every transport's own structure
 * @ops: what it can do
 * @notify_data: VIRTIO_F_NOTIFICATION_DATA is in force, so notify() wants its @data; written by
 *	set_features()
 */
struct transport {
	const struct transport_ops *ops;
	bool notify_data;
};

/**
 * transport_open - Connect to what an address names
 * @address: "SCHEME:WHERE", without options
 * @opts: wishes
 * @out: receives the transport: ops->close()
 *
 * Return: 0; -EINVAL for a scheme that is not known; or what the transport's open() returned.
 */
int transport_open(const char *address, const struct transport_opts *opts, struct transport **out);

/**
 * transport_clear - Empty an eventfd that doesn't block
 *
 * The number in it means nothing, and there may be none. Return: 0, or a negative errno.
 */
int transport_clear(int fd);

/**
 * transport_no_fd - Say that a descriptor of events, an eventfd or of epoll, could not be made
 *
 * Called right behind what failed. Return: -errno.
 */
int transport_no_fd(void);

#endif
