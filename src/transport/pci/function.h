/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtio function on PCI (virtio 1.4, 4.1): what the files of this folder share. Each part of the
 * transport's table of operations is in the file named after it.
 */
#ifndef TRANSPORT_PCI_FUNCTION_H
#define TRANSPORT_PCI_FUNCTION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_pci.h>

#include "transport/pci/bus.h"
#include "transport/transport.h"

/* Virtqueues that are dealt with: control, event, and as many request queues as the core takes. */
#define PCI_QUEUES 256

/* A feature's bit; transport.h has the numbers that the kernel's headers may lack. */
#define PCI_BIT(n) (UINT64_C(1) << (n))

/*
 * The register of the common configuration after those of struct virtio_pci_common_cfg; it is
 * there with its feature only (4.1.4.3).
 */
#define PCI_QUEUE_NOTIFY_DATA 56u /* VIRTIO_F_NOTIF_CONFIG_DATA */

/* Looks at a register that has to settle; each is a round trip, so this is no short time. */
#define PCI_GENERATIONS 64

/**
 * struct pci_window - A structure of registers in a BAR (virtio 1.4, 4.1.4)
 * @bus: the function
 * @bar, @offset, @len: where it lies; inside the BAR, checked
 */
struct pci_window {
	struct pci_bus *bus;
	unsigned bar;
	uint64_t offset;
	uint64_t len;
};

/*
 * What the walk over the capabilities found; a @len of 0: not found. @express, @msix: offsets of
 * the PCI Express and the MSI-X capability, 0: none.
 */
struct pci_layout {
	struct pci_window common;
	struct pci_window notify;
	struct pci_window device;
	uint32_t multiplier;
	unsigned express;
	unsigned msix;
};

/**
 * struct pci_queue - A virtqueue
 * @kick: its notification register where that is mapped; atomic, since any thread may notify
 * @kick_bar, @kick_at: where it is else
 * @name: what names it in a kick
 * @head: the first bytes of the driver's part of the ring, before the device had it
 * @call: what becomes readable when it interrupts, -1: nothing does
 * @wake: eventfd that makes @call readable as well; -1: @call is the vector's own eventfd
 * @started: the device has it
 */
struct pci_queue {
	_Atomic(volatile void *) kick;
	_Atomic unsigned kick_bar;
	_Atomic uint64_t kick_at;
	_Atomic uint16_t name;
	uint32_t head;
	int call;
	int wake;
	atomic_bool started;
};

/* Memory that the device can reach; its file is the pool's. */
struct pci_mapping {
	struct dma_region region;
	uint64_t iova;
};

/**
 * struct pci_function - The transport
 * @t: for the layer above
 * @ops: what it can do, for this function
 * @bus: the hardware
 * @timeout_ms: limit for a reset
 * @layout: where the registers are
 * @notify_map: the notification structure in this process, NULL: kicks are written through @bus
 * @nqueues: virtqueues that the device has, at most PCI_QUEUES, and at most @most
 * @most: those that it had when it was opened
 * @features: accepted by us
 * @status: device status as last written
 * @resetting: a reset has begun and not ended; @reset_limit: when it has failed, in milliseconds;
 *	@spins: of clock_relax()
 * @generation: of the configuration, as last seen
 * @vectors: MSI-X vectors in use: 0 for the configuration, the others for request queues; a single
 *	one for all
 * @vector_fds: their eventfds
 * @shared: these are too few, so that queues share them
 * @config_vector: the device has one for the configuration
 * @missed: a kick found no room
 * @maps, @nmaps: memory mapped, or about to be
 * @peer: the next function in the list of bus->space
 */
struct pci_function {
	struct transport t;
	struct transport_ops ops;
	struct pci_bus *bus;
	unsigned timeout_ms;
	struct pci_layout layout;
	char *notify_map;
	unsigned nqueues;
	unsigned most;
	uint64_t features;
	uint8_t status;
	bool resetting;
	uint64_t reset_limit;
	unsigned spins;
	uint8_t generation;
	unsigned vectors;
	int vector_fds[PCI_QUEUES];
	bool shared;
	bool config_vector;
	atomic_bool missed;
	struct pci_queue queues[PCI_QUEUES];
	struct pci_mapping maps[DMA_MAX_REGIONS];
	unsigned nmaps;
	struct pci_function *peer;
};

static inline struct pci_function *pci_of(struct transport *t)
{
	return (struct pci_function *)t;
}

/**
 * pci_begin - Begin an operation of the transport, or go on with it
 * @op: its name, the same pointer each time
 *
 * First in each operation that makes accesses; see bus.h, "Waiting". Return: whether it begins.
 */
bool pci_begin(struct transport *t, const char *op);

/**
 * pci_attach - Make a transport of an opened function
 * @bus: owned by the transport when this succeeds, still the caller's when it fails
 * @ops: of the transport
 *
 * Return: 0; -ENODEV (no virtio-scsi function, or a legacy one), -EPROTO (a structure is missing).
 */
int pci_attach(struct pci_bus *bus, const struct transport_ops *ops,
	       const struct transport_opts *opts, struct transport **out);

/*
 * ORDER_PLATFORM wants barriers that real hardware sees (virtio 1.4, 6.1). On x86 those of the
 * rings are; elsewhere they order processors only.
 */
#ifdef __x86_64__
#define PCI_ORDER PCI_BIT(VIRTIO_F_ORDER_PLATFORM)
#else
#define PCI_ORDER 0
#endif

/* Features that are possible over any bus. */
#define PCI_FEATURES                                                                           \
	(PCI_BIT(VIRTIO_F_VERSION_1) | PCI_BIT(VIRTIO_RING_F_INDIRECT_DESC) |                  \
	 PCI_BIT(VIRTIO_RING_F_EVENT_IDX) | PCI_BIT(VIRTIO_F_RING_PACKED) |                    \
	 PCI_BIT(VIRTIO_F_IN_ORDER) | PCI_BIT(VIRTIO_SCSI_F_INOUT) |                           \
	 PCI_BIT(VIRTIO_SCSI_F_HOTPLUG) | PCI_BIT(VIRTIO_SCSI_F_CHANGE) |                      \
	 PCI_BIT(VIRTIO_F_ACCESS_PLATFORM) | PCI_ORDER | PCI_BIT(VIRTIO_F_NOTIFICATION_DATA) | \
	 PCI_BIT(VIRTIO_F_NOTIF_CONFIG_DATA))

/* What transports over any bus can do in the same way, in their tables. */
#define PCI_OPS                                                                                   \
	.close = pci_close, .abandon = pci_abandon, .disconnect = pci_disconnect,                 \
	.wait_ready = pci_wait_ready, .can_reopen = pci_can_reopen, .reopen = pci_reopen,         \
	.outlived = pci_outlived, .get_features = pci_get_features,                               \
	.set_features = pci_set_features, .get_status = pci_get_status,                           \
	.set_status = pci_set_status, .read_config = pci_read_config,                             \
	.write_config = pci_write_config, .queue_count = pci_queue_count,                         \
	.queue_max = pci_queue_max, .queue_start = pci_queue_start, .queue_stop = pci_queue_stop, \
	.notify = pci_notify, .mem_map = pci_mem_map, .mem_unmap = pci_mem_unmap,                 \
	.mem_map_live = pci_mem_map_live, .check = pci_check, .watch_fd = pci_watch_fd,           \
	.call_fd = pci_call_fd, .call_clear = pci_call_clear, .call_wake = pci_call_wake,         \
	.protocol = pci_protocol

/**
 * pci_find_layout - Walk the capabilities of a function (virtio 1.4, 4.1.4)
 *
 * Of each type the first instance that can be used counts. Return: 0, or -ENODEV or -EPROTO as
 * above.
 */
int pci_find_layout(struct pci_bus *bus, struct pci_layout *layout);

/**
 * pci_read - Read one register of 1, 2 or 4 bytes; pci_write - Write it
 * @at: its offset in the window
 *
 * The offset is the caller's: a constant below the length that the walk insisted on, or checked.
 *
 * Return: 0 or a negative errno; -ENOTCONN when the function doesn't answer.
 */
int pci_read(const struct pci_window *w, uint64_t at, unsigned width, uint32_t *value);
int pci_write(const struct pci_window *w, uint64_t at, unsigned width, uint32_t value);

/**
 * pci_read_common - Read a register of the common configuration
 * pci_read_config_word - Read one of configuration space that never holds ones
 *
 * Return: as pci_read(); -ENOTCONN also when the answer is that of a function that isn't there.
 */
int pci_read_common(struct pci_function *f, unsigned at, unsigned width, uint32_t *value);
int pci_read_config_word(struct pci_bus *bus, unsigned at, uint32_t *value);

/* Says that the function is gone. Return: -ENOTCONN. */
int pci_gone(const struct pci_bus *bus, const char *how);

/* Bus mastering on or off in the command register; the BARs answer in either case. */
int pci_master(struct pci_bus *bus, bool on);

/**
 * pci_keep_coherent - Make sure that what the device writes is what the processors read
 *
 * Where the IOMMU doesn't ensure that, the function is forbidden to ask for accesses that go round
 * the caches. Return: 0, or -EOPNOTSUPP: it can't be forbidden.
 */
int pci_keep_coherent(struct pci_function *f);

/* pci.c */
void pci_close(struct transport *t);
void pci_abandon(struct transport *t);
bool pci_can_reopen(struct transport *t);
int pci_reopen(struct transport *t);
bool pci_outlived(struct transport *t);
int pci_check(struct transport *t, unsigned *what);
int pci_watch_fd(struct transport *t);
uint64_t pci_protocol(struct transport *t);

/*
 * status.c: status and features, and what is done to a device that is to stop; pci_forget_state()
 * notes that it has been reset or cut off
 */
int pci_get_features(struct transport *t, uint64_t *features);
int pci_set_features(struct transport *t, uint64_t features);
int pci_get_status(struct transport *t);
int pci_set_status(struct transport *t, uint8_t status);
int pci_wait_ready(struct transport *t, int timeout_ms);
void pci_disconnect(struct transport *t);
int pci_read_status(struct pci_function *f);
void pci_forget_state(struct pci_function *f);

/* config.c; pci_generation() reads the counter that changes with the configuration */
int pci_generation(struct pci_function *f, uint8_t *generation);
int pci_read_config(struct transport *t, unsigned offset, void *buf, unsigned len);
int pci_write_config(struct transport *t, unsigned offset, const void *buf, unsigned len);

/* queue.c; pci_queues_forget() notes that a reset took all of them from the device */
int pci_queue_count(struct transport *t);
int pci_queue_max(struct transport *t, unsigned index);
int pci_queue_start(struct transport *t, const struct transport_queue *queue);
int pci_queue_stop(struct transport *t, unsigned index, uint32_t *base);
void pci_queues_forget(struct pci_function *f);

/*
 * notify.c; pci_kick_find() learns how the queue that is selected is kicked, pci_kick_again()
 * repeats kicks that found no room
 */
int pci_kick_find(struct pci_function *f, unsigned index);
void pci_kick_again(struct pci_function *f);
void pci_notify(struct transport *t, unsigned index, uint32_t data);

/**
 * pci_irq_open - Turn MSI-X on with a vector for the configuration and one for each request queue
 * pci_irq_restore - Turn it on again as it was, after a reset of the function
 * pci_irq_close - Turn it off
 * pci_irq_config - Tell the device the configuration's vector
 * pci_irq_queue - Tell the device the vector of the queue that is selected
 *
 * Without any, all is polled, and can't be slept on. Each vector written is read back (virtio 1.4,
 * 4.1.5.1.2.2); one that the device refuses is closed. pci_irq_close() follows in any case.
 */
int pci_irq_open(struct pci_function *f);
int pci_irq_restore(struct pci_function *f);
void pci_irq_close(struct pci_function *f);
int pci_irq_config(struct pci_function *f);
int pci_irq_queue(struct pci_function *f, unsigned index);

/* call.c; pci_call_open() makes what is slept on for a queue. */
int pci_call_open(struct pci_function *f, unsigned index, int vector_fd);
void pci_call_close(struct pci_function *f, unsigned index);
int pci_call_fd(struct transport *t, unsigned index);
int pci_call_clear(struct transport *t, unsigned index);
void pci_call_wake(struct transport *t, unsigned index);

/*
 * dma.c; between pci_space_join() and pci_space_leave() others of the group avoid what is mapped;
 * pci_mem_restore() maps again what was mapped, for a function that has forgotten it; pci_iova()
 * finds where the device sees an address of ours, false: it doesn't
 */
void pci_space_join(struct pci_function *f);
void pci_space_leave(struct pci_function *f);
int pci_mem_restore(struct pci_function *f);
int pci_mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova);
int pci_mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova);
bool pci_mem_map_live(struct transport *t);
bool pci_iova(const struct pci_function *f, const void *addr, uint64_t len, uint64_t *iova);

#endif
