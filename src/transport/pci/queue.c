/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtqueues: their registers in the common configuration (virtio 1.4, 4.1.4.3). */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "transport/pci/function.h"
#include "util/bits.h"
#include "util/error.h"

#define COMMON(field) offsetof(struct virtio_pci_common_cfg, field)
#define MAX_SIZE      32768u /* virtio 1.4, 2.7 */

static int select_queue(struct pci_function *f, unsigned index)
{
	return pci_write(&f->layout.common, COMMON(queue_select), 2, index);
}

int pci_queue_count(struct transport *t)
{
	return (int)pci_of(t)->nqueues;
}

static int read_max(struct pci_function *f, unsigned index)
{
	uint32_t size;
	int ret;

	if (index >= f->nqueues)
		return 0;
	ret = select_queue(f, index);
	if (!ret)
		ret = pci_read_common(f, COMMON(queue_size), 2, &size);
	if (ret)
		return ret;
	if (size > MAX_SIZE)
		return error_set(-EPROTO, "%s says that its queue %u has room for %u entries",
				 f->bus->name, index, size);
	return (int)size;
}

int pci_queue_max(struct transport *t, unsigned index)
{
	pci_begin(t, __func__);
	return read_max(pci_of(t), index);
}

/* A 64-bit field is two of 32 bits (4.1.3.1). */
static int write_address(struct pci_function *f, unsigned at, uint64_t iova)
{
	int ret = pci_write(&f->layout.common, at, 4, (uint32_t)iova);

	return ret ? ret : pci_write(&f->layout.common, at + 4, 4, (uint32_t)(iova >> 32));
}

/* 4.1.4.3.2: a smaller power of two may be written back, a larger one never. */
static int check_queue(struct pci_function *f, const struct transport_queue *queue)
{
	uint32_t enabled;
	uint32_t fresh = queue->packed ? TRANSPORT_BASE_PACKED : 0;
	int max = read_max(f, queue->index);
	int ret;

	if (max < 0)
		return max;
	if (queue->size > (unsigned)max || !is_pow2(queue->size) || queue->base != fresh)
		return error_set(-EINVAL,
				 "queue %u of %s can't have %u entries and begin at %u; it has "
				 "room for %d",
				 queue->index, f->bus->name, queue->size, queue->base, max);
	ret = pci_read_common(f, COMMON(queue_enable), 2, &enabled);
	if (ret)
		return ret;
	if (enabled)
		return error_set(-EBUSY, "queue %u of %s is enabled already", queue->index,
				 f->bus->name);
	return 0;
}

static int write_rings(struct pci_function *f, const struct transport_queue *queue)
{
	uint64_t size = queue->size;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	int ret;

	/* The device gets no address that isn't mapped. */
	if (!pci_iova(f, queue->desc, 16 * size, &desc) ||
	    !pci_iova(f, queue->driver, transport_driver_bytes(queue), &driver) ||
	    !pci_iova(f, queue->device, transport_device_bytes(queue), &device))
		return error_set(-EFAULT, "queue %u lies outside the memory that %s can reach",
				 queue->index, f->bus->name);
	ret = write_address(f, COMMON(queue_desc_lo), desc);
	if (!ret)
		ret = write_address(f, COMMON(queue_avail_lo), driver);
	if (!ret)
		ret = write_address(f, COMMON(queue_used_lo), device);
	return ret;
}

/*
 * SPDK's function writes 0 to the driver's available index when a queue is enabled, and buffers
 * that were published before are never seen then. What was there is put back: the driver publishes
 * nothing while a queue is being started.
 */
static int enable(struct pci_function *f, const struct transport_queue *queue, bool begins)
{
	const struct pci_window *w = &f->layout.common;
	struct pci_queue *q = &f->queues[queue->index];
	uint32_t enabled;
	int ret;

	if (begins)
		memcpy(&q->head, queue->driver, sizeof(q->head));
	atomic_thread_fence(memory_order_seq_cst);
	ret = pci_write(w, COMMON(queue_enable), 2, 1);
	if (!ret)
		ret = pci_read_common(f, COMMON(queue_enable), 2, &enabled);
	if (!ret && enabled != 1)
		ret = error_set(-EPROTO, "%s did not enable its queue %u and shows %u",
				f->bus->name, queue->index, enabled);
	if (!ret)
		memcpy(queue->driver, &q->head, sizeof(q->head));
	return ret;
}

/*
 * The order of 4.1.5.1.3: size, vector, addresses, and enabling last. The ring's memory was
 * written before this call; the system call, or the bus access in it, puts that before the device's
 * first read. The read at the end flushes what was posted.
 */
int pci_queue_start(struct transport *t, const struct transport_queue *queue)
{
	struct pci_function *f = pci_of(t);
	bool begins = pci_begin(t, __func__);
	int ret;

	if (queue->index >= f->nqueues)
		return error_set(-EINVAL, "queue %u does not exist; %s has %u", queue->index,
				 f->bus->name, f->nqueues);
	ret = check_queue(f, queue);
	if (!ret)
		ret = pci_kick_find(f, queue->index);
	if (!ret)
		ret = pci_write(&f->layout.common, COMMON(queue_size), 2, queue->size);
	if (!ret)
		ret = pci_irq_queue(f, queue->index);
	if (!ret)
		ret = write_rings(f, queue);
	if (!ret)
		ret = enable(f, queue, begins);
	if (ret)
		return ret;
	atomic_store(&f->queues[queue->index].started, true);
	f->bus->running = true;
	return 0;
}

/* 4.1.4.3.2: writing 0 to queue_enable is not allowed. */
int pci_queue_stop(struct transport *t, unsigned index, uint32_t *base)
{
	(void)base;
	return error_set(-EOPNOTSUPP, "%s can't stop queue %u alone; close the device",
			 pci_of(t)->bus->name, index);
}

void pci_queues_forget(struct pci_function *f)
{
	unsigned i;

	f->bus->running = false;
	for (i = 0; i < f->most; i++)
		atomic_store(&f->queues[i].started, false);
}
