/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one interface between a virtio device and the way it is reached. A transport is one folder
 * next to this file and one line in transport.c. It carries; it doesn't decide: which features to
 * take, in which order to start, and what a status means is the business of src/virtio/.
 *
 * All of it belongs to the control path. Calls for one transport are made by one thread at a time,
 * notify() excepted. A negative errno comes with its error text set (util/error.h); -ENOTCONN means
 * that the device is gone until reopen().
 *
 * Waiting. While @wait of struct transport is true, which is the default, a call waits for the
 * device's answers, for each of them at most the time limit given at opening. While it is false, no
 * call waits: one that would have to returns -EINPROGRESS, without an error text.
 *
 *   call(t, args) -> -EINPROGRESS    the operation is in progress
 *   call(t, args) -> -EINPROGRESS    the same call goes on where it was; repeat it as often as you
 *   ...                              like, after wait_ready() or at any other time
 *   call(t, args) -> anything else   the operation has ended, as if the first call had waited
 *
 * While an operation is in progress only these are allowed:
 *
 *   the same call with the same arguments
 *   wait_ready(), and changing @wait
 *   notify(), call_fd(), call_clear(), call_wake(), watch_fd()
 *   check(), which finds nothing then
 *   disconnect(), which forgets the operation, and close()
 *
 * The time limit of an answer counts from when the message was begun; each call looks at it. open()
 * always waits.
 *
 * A device in the running kernel lets nothing be taken back from a request that it has begun: over
 * vhost-scsi a reset, mem_map(), mem_unmap() and close() wait, without limit, until all of those
 * have ended. While calls may not wait, a reset is in progress for as long as that takes.
 */
#ifndef TRANSPORT_TRANSPORT_H
#define TRANSPORT_TRANSPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "mem/dma.h"

struct transport;

/* Features of virtio 1.4, 6, that are younger than the kernel headers we build with. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif
#ifndef VIRTIO_F_NOTIF_CONFIG_DATA
#define VIRTIO_F_NOTIF_CONFIG_DATA 39
#endif

/**
 * struct transport_feature - A feature of a transport's own protocol, which can be switched
 * @name: as an option of the address
 * @spec: as the protocol's specification calls it
 * @mask: its bit in the protocol's feature word: transport_opts.protocol_off and the like
 * @help: what it does, for --options
 */
struct transport_feature {
	const char *name;
	const char *spec;
	uint64_t mask;
	const char *help;
};

/* Ways to the IOMMU in front of a PCI function; other transports have none. */
#define TRANSPORT_IOMMU_AUTO  0u /* iommufd where it is there, else the group's container */
#define TRANSPORT_IOMMU_GROUP 1u
#define TRANSPORT_IOMMU_FD    2u
#define TRANSPORT_IOMMU_NONE  3u /* no IOMMU: physical addresses */

/**
 * struct transport_opts - Requirements of a connection
 * @timeout_ms: limit for each answer, in milliseconds
 * @protocol_off: features of the transport's protocol not to use, a set of their masks
 * @protocol_must: those to insist on
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
 * @no_used_len: the device says 0 for every used length (virtio 1.4, 2.7.8.3), which is no fault
 *	then; what it wrote is told by the response alone
 * @no_lun_reset: what a reset of a LUN cuts short ends as if it had succeeded, so none is sent
 * @protocol_features, @protocol_feature_count: features of its own protocol
 * @options: names of the options of an address that only some transports have and this one does,
 *	besides @protocol_features; NULL at the end
 * @open: connect; @where is the address after the colon, without options. Nothing is left when it
 *	fails
 * @close: disconnect and free; the device can no longer reach any memory of ours, or its process
 *	has only the mappings that it keeps. While @wait is true and nothing is in progress, queues
 *	that run are stopped first
 * @abandon: in a child of the process that opened it: close descriptors and free, without a word to
 *	the device, which stays the parent's. NULL: nothing is freed
 * @disconnect: cut the device off at once, without waiting; what is in progress is forgotten. Only
 *	reopen(), close(), hand_back() and the calls about descriptors may follow. A PCI function no
 *	longer reaches memory. A vhost-user back-end that is alive does until it notices the end,
 *	and may finish what it had begun: where that matters, and it answers, reset it first
 * @cut_off: after disconnect(): whether the device can't reach memory any more. Never waits. While
 *	it still can, buffers stay with it, and this is asked again. NULL: disconnect() cuts it off
 * @wait_ready: sleep until the operation in progress can go on, or for @timeout_ms, without limit
 *	when that is negative; never beyond the time limit of the answer that it waits for. It may
 *	return earlier. 0, or a negative errno when sleeping failed. NULL where nothing ever waits
 * @can_reopen: whether there is anything to connect to again. NULL: there never is
 * @reopen: connect again to what open() connected to, whatever is left of the connection
 * 	before; not
 *	while another operation is in progress. Queues are stopped then, what was mapped is mapped
 *	by the time that the next one starts, and file descriptors that were handed out stay.
 *	-ENODEV: there will be nothing to connect to any more; -EOPNOTSUPP, -ENOSPC: what there is
 *	lacks something
 * @outlived: after reopen(): whether a process other than the one connected now was cut off with
 *	queues running, and still lives: it may yet carry out what they had. Asked once after each
 *	reopen(), and forgotten. NULL where a device that is cut off can't
 * @track: have the device track its requests in flight in memory that outlives it.
 *	Between set_features() and the first queue_start(), on each connection where that is wanted;
 *	@count: virtqueues, @size: entries of the largest. reopen() and a reset forget the account.
 *	The device may have none to give. NULL where there never is one
 * @tracked: whether there is one, and the device reads it
 * @hand_back: leave what the address handed over to the caller: close() then cuts it off, but it
 *	stays the caller's. NULL where nothing can be handed over
 * @get_features: what the device offers; bits that are the transport's own are not among them
 * @set_features: what was accepted, a subset
 * @get_status: device status (virtio 1.4, 2.1), 0 to 255
 * @set_status: write it. 0 resets the device; ends when the reset is finished (2.4.2)
 * @read_config: @len bytes of configuration space from @offset as one consistent snapshot (2.5.1);
 *	-EOPNOTSUPP when the device has none to read
 * @write_config: likewise
 * @queue_count: virtqueues of all kinds that may be used; -EOPNOTSUPP when the device can't say
 * @queue_max: largest size of virtqueue @index; 0: there is no such queue
 * @queue_start: give a virtqueue to the device, which may use it from now on
 * @queue_stop: take it back: when this returns 0 the device no longer uses it. @base receives where
 *	its position was. -EOPNOTSUPP when the device can't stop one alone
 * @notify: tell the device that @index has something new. @data: where the ring stands, for the
 *	upper half of the notification (2.9); only looked at while @notify_data of the transport is
 *	set. Any thread; at most one system call
 * @mem_map, @mem_unmap: as struct dma_map_ops. On a connection that has ended, nothing can be
 *	mapped, and @mem_unmap succeeds: the next connection doesn't map it
 * @mem_map_live: whether mem_map works while queues are started
 * @check: look without waiting whether something happened. @what receives TRANSPORT_*
 * @watch_fd: file descriptor that becomes readable when the connection ends, or when an operation
 *	in progress has an answer, -1 for none. Only to wait for, with other descriptors: it may be
 *	closed, and its number another file's, at any time. NULL where there never is one
 * @call_fd: file descriptor that becomes readable when the device signals @index, -1 for none
 * @call_clear: make it unreadable, before the ring is looked at; @call_wake: make it readable. NULL
 *	where it is always an eventfd
 * @protocol: extra feature bits in use (vhost-user), for people
 */
struct transport_ops {
	const char *scheme;
	uint64_t features;
	uint64_t needs;
	bool no_used_len;
	bool no_lun_reset;
	const struct transport_feature *protocol_features;
	unsigned protocol_feature_count;
	const char *const *options;
	int (*open)(const char *where, const struct transport_opts *opts, struct transport **out);
	void (*close)(struct transport *t);
	void (*abandon)(struct transport *t);
	void (*disconnect)(struct transport *t);
	bool (*cut_off)(struct transport *t);
	int (*wait_ready)(struct transport *t, int timeout_ms);
	bool (*can_reopen)(struct transport *t);
	int (*reopen)(struct transport *t);
	bool (*outlived)(struct transport *t);
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
 * @wait: whether calls wait for the device, see above; true after open(), the caller's to change
 * @notify_data: VIRTIO_F_NOTIFICATION_DATA is in force, so notify() wants its @data; written by
 *	set_features()
 */
struct transport {
	const struct transport_ops *ops;
	bool wait;
	atomic_bool notify_data;
};

/* Relaxed: threads kick while another one negotiates with the device that replaces theirs. */
static inline bool transport_notifies_data(const struct transport *t)
{
	return atomic_load_explicit(&t->notify_data, memory_order_relaxed);
}

/**
 * transport_find - Find the transport that an address names
 * @address: "SCHEME:WHERE"
 *
 * Return: what it can do; NULL for a scheme that is not known.
 */
const struct transport_ops *transport_find(const char *address);

/**
 * transport_feature_mask - Find a feature of a transport's own protocol by name
 * @ops: the transport; NULL has none
 * @name: as an option of the address
 *
 * Return: its mask, 0 when the transport has no such feature.
 */
uint64_t transport_feature_mask(const struct transport_ops *ops, const char *name);

/* Whether a transport has an option of that name in struct transport_ops.options. */
bool transport_has_option(const struct transport_ops *ops, const char *name);

/**
 * transport_open - Connect to what an address names
 * @address: "SCHEME:WHERE", without options
 * @opts: options
 * @out: receives the transport: ops->close()
 *
 * Return: 0; -EINVAL for a scheme that is not known; or what the transport's open() returned.
 */
int transport_open(const char *address, const struct transport_opts *opts, struct transport **out);

/**
 * transport_kick - Signal the eventfd that a virtqueue is kicked by
 * @kick: the eventfd, -1 for none; other threads may set it
 *
 * Relaxed: a thread that notifies learns of the queue from the layer above, which orders that. A
 * full counter fails: a kick that wasn't read yet, which is as good as this one.
 */
static inline void transport_kick(const _Atomic int *kick)
{
	int fd = atomic_load_explicit(kick, memory_order_relaxed);

	if (fd >= 0)
		eventfd_write(fd, 1);
}

#endif
