/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Kicks: where the register of each queue is, what goes into it and how wide it is (virtio 1.4,
 * 4.1.4.4, 4.1.5.2).
 */
#include <errno.h>
#include <stddef.h>

#include "transport/pci/function.h"
#include "util/bits.h"
#include "util/error.h"

/* Bytes of a kick (4.1.5.2.1); the feature is chosen before any queue is started. */
static unsigned kick_width(const struct pci_function *f)
{
	return f->t.notify_data ? 4 : 2;
}

/* What names the queue in its kick: its number, or what the device wants to hear instead. */
static int find_name(struct pci_function *f, unsigned index)
{
	uint32_t name = index;
	int ret = 0;

	if (f->features & PCI_BIT(VIRTIO_F_NOTIF_CONFIG_DATA))
		ret = pci_read_common(f, PCI_QUEUE_NOTIFY_DATA, 2, &name);
	f->queues[index].name = (uint16_t)name;
	return ret;
}

/*
 * Where to kick: the register's offset times the multiplier, in 64 bits, inside the structure and
 * aligned (4.1.4.4). The offset is each queue's own, and need not be its number.
 */
int pci_kick_find(struct pci_function *f, unsigned index)
{
	struct pci_queue *q = &f->queues[index];
	unsigned width = kick_width(f);
	uint32_t off;
	int ret;

	ret = pci_read_common(f, offsetof(struct virtio_pci_common_cfg, queue_notify_off), 2, &off);
	if (!ret)
		ret = find_name(f, index);
	if (ret)
		return ret;
	q->kick_at = (uint64_t)off * f->layout.multiplier;
	if (!range_inside(q->kick_at, width, 0, f->layout.notify.len) ||
	    (f->layout.notify.offset + q->kick_at) & (width - 1))
		return error_set(-EPROTO,
				 "%s puts the notification of queue %u at %llu, which is outside "
				 "its structure of %llu bytes or no multiple of %u",
				 f->bus->name, index, (unsigned long long)q->kick_at,
				 (unsigned long long)f->layout.notify.len, width);
	/*
	 * Relaxed: a thread that notifies learns of the queue from the layer above, which orders
	 * that.
	 */
	atomic_store_explicit(&q->kick, f->notify_map ? f->notify_map + q->kick_at : NULL,
			      memory_order_relaxed);
	return 0;
}

/*
 * Stores to memory before stores to registers (4.1.5.2, and 6.1 where ORDER_PLATFORM is in force).
 * x86 keeps them in order by itself, given that the compiler does; elsewhere a barrier has to reach
 * as far as the device.
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

void pci_notify(struct transport *t, unsigned index, uint32_t data)
{
	struct pci_function *f = pci_of(t);
	struct pci_queue *q = &f->queues[index < PCI_QUEUES ? index : 0];
	volatile void *kick;
	uint32_t value;

	if (index >= f->nqueues || !atomic_load_explicit(&q->started, memory_order_relaxed))
		return;
	kick = atomic_load_explicit(&q->kick, memory_order_relaxed);
	value = t->notify_data ? q->name | data << 16 : q->name;
	/* The index that the device is to look at is in memory before it is told to (4.1.5.2). */
	io_barrier();
	if (!kick)
		pci_write(&f->layout.notify, q->kick_at, kick_width(f), value);
	else if (t->notify_data)
		*(volatile uint32_t *)kick = htole32(value);
	else
		*(volatile uint16_t *)kick = htole16((uint16_t)value);
}
