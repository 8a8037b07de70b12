/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueues: their registers in the common configuration, and their kicks (virtio 1.4, 4.1.4.3,
 * 4.1.4.4).
 */
#include <errno.h>
#include <stddef.h>

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

int pci_queue_max(struct transport *t, unsigned index)
{
	struct pci_function *f = pci_of(t);
	uint32_t size;
	int ret;

	if (index >= f->nqueues)
		return 0;
	ret = select_queue(f, index);
	if (!ret)
		ret = pci_read(&f->layout.common, COMMON(queue_size), 2, &size);
	if (ret)
		return ret;
	if (size > MAX_SIZE)
		return error_set(-EPROTO, "%s says that its queue %u has room for %u entries",
				 f->bus->name, index, size);
	return (int)size;
}

/*
 * Where to kick: the register's offset times the multiplier, in 64 bits, inside the structure and
 * aligned (4.1.4.4). The offset is each queue's own, and need not be its number.
 */
static int find_kick(struct pci_function *f, unsigned index)
{
	struct pci_queue *q = &f->queues[index];
	uint32_t off;
	int ret;

	ret = pci_read(&f->layout.common, COMMON(queue_notify_off), 2, &off);
	if (ret)
		return ret;
	q->kick_at = (uint64_t)off * f->layout.multiplier;
	if (!range_inside(q->kick_at, 2, 0, f->layout.notify.len) || q->kick_at & 1)
		return error_set(-EPROTO,
				 "%s puts the notification of queue %u at %llu, which is outside "
				 "its structure of %llu bytes or odd",
				 f->bus->name, index, (unsigned long long)q->kick_at,
				 (unsigned long long)f->layout.notify.len);
	/* Relaxed: whoever notifies learns of the queue from the layer above, which orders that. */
	atomic_store_explicit(
		&q->kick,
		f->notify_map ? (volatile uint16_t *)(void *)(f->notify_map + q->kick_at) : NULL,
		memory_order_relaxed);
	return 0;
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
	int max = pci_queue_max(&f->t, queue->index);
	int ret;

	if (max < 0)
		return max;
	if (queue->size > (unsigned)max || !is_pow2(queue->size) || queue->base)
		return error_set(-EINVAL,
				 "queue %u of %s can't have %u entries and begin at %u; it has "
				 "room for %d",
				 queue->index, f->bus->name, queue->size, queue->base, max);
	ret = pci_read(&f->layout.common, COMMON(queue_enable), 2, &enabled);
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

	/*
	 * Sizes of the three parts: virtio 1.4, 2.7. The device gets no address that isn't
	 * mapped.
	 */
	if (!pci_iova(f, queue->desc, 16 * size, &desc) ||
	    !pci_iova(f, queue->driver, 6 + 2 * size, &driver) ||
	    !pci_iova(f, queue->device, 6 + 8 * size, &device))
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
 * The order of 4.1.5.1.3: size, vector, addresses, and enabling last. The ring's memory was
 * written before this call; the system call, or the bus access in it, puts that before the device's
 * first read. The read at the end flushes what was posted.
 */
int pci_queue_start(struct transport *t, const struct transport_queue *queue)
{
	struct pci_function *f = pci_of(t);
	const struct pci_window *w = &f->layout.common;
	uint32_t enabled;
	int ret;

	if (queue->index >= f->nqueues)
		return error_set(-EINVAL, "queue %u does not exist; %s has %u", queue->index,
				 f->bus->name, f->nqueues);
	ret = check_queue(f, queue);
	if (!ret)
		ret = find_kick(f, queue->index);
	if (!ret)
		ret = pci_write(w, COMMON(queue_size), 2, queue->size);
	if (!ret)
		ret = pci_irq_queue(f, queue->index);
	if (!ret)
		ret = write_rings(f, queue);
	if (ret)
		return ret;
	atomic_thread_fence(memory_order_seq_cst);
	ret = pci_write(w, COMMON(queue_enable), 2, 1);
	if (!ret)
		ret = pci_read(w, COMMON(queue_enable), 2, &enabled);
	if (!ret && enabled != 1)
		ret = error_set(-EPROTO, "%s did not enable its queue %u and shows %u",
				f->bus->name, queue->index, enabled);
	if (!ret)
		atomic_store(&f->queues[queue->index].started, true);
	return ret;
}

int pci_queue_stop(struct transport *t, unsigned index, uint32_t *base)
{
	(void)base;
	/* 4.1.4.3.2: writing 0 to queue_enable is not allowed; only a reset stops a queue. */
	return error_set(-EOPNOTSUPP, "%s can't stop queue %u alone; close the device",
			 pci_of(t)->bus->name, index);
}

/*
 * Stores to memory before stores to registers. x86 keeps them in order by itself, given that the
 * compiler does; elsewhere a barrier has to reach as far as the device.
 */
static inline void io_barrier(void)
{
#if defined(__aarch64__)
	__asm__ volatile("dmb osh" ::: "memory");
#elif defined(__x86_64__)
	__asm__ volatile("" ::: "memory");
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

void pci_notify(struct transport *t, unsigned index)
{
	struct pci_function *f = pci_of(t);
	struct pci_queue *q = &f->queues[index < PCI_QUEUES ? index : 0];
	volatile uint16_t *kick;

	if (index >= f->nqueues || !atomic_load_explicit(&q->started, memory_order_relaxed))
		return;
	kick = atomic_load_explicit(&q->kick, memory_order_relaxed);
	/* The index that the device is to look at is in memory before it is told to (4.1.5.2). */
	io_barrier();
	if (kick)
		*kick = htole16((uint16_t)index);
	else
		pci_write(&f->layout.notify, q->kick_at, 2, index);
}

void pci_queues_forget(struct pci_function *f)
{
	unsigned i;

	for (i = 0; i < f->nqueues; i++)
		atomic_store(&f->queues[i].started, false);
}
