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
	return transport_notifies_data(&f->t) ? 4 : 2;
}

/* What names the queue in its kick: its number, or what the device wants to hear instead. */
static int find_name(struct pci_function *f, unsigned index)
{
	uint32_t name = index;
	int ret = 0;

	if (f->features & PCI_BIT(VIRTIO_F_NOTIF_CONFIG_DATA))
		ret = pci_read_common(f, PCI_QUEUE_NOTIFY_DATA, 2, &name);
	atomic_store_explicit(&f->queues[index].name, (uint16_t)name, memory_order_relaxed);
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
	uint64_t at;
	uint32_t off;
	int ret;

	ret = pci_read_common(f, offsetof(struct virtio_pci_common_cfg, queue_notify_off), 2, &off);
	if (!ret)
		ret = find_name(f, index);
	if (ret)
		return ret;
	at = (uint64_t)off * f->layout.multiplier;
	if (!range_inside(at, width, 0, f->layout.notify.len) ||
	    (f->layout.notify.offset + at) & (width - 1))
		return error_set(-EPROTO,
				 "%s puts the notification of queue %u at %llu, which is outside "
				 "its structure of %llu bytes or no multiple of %u",
				 f->bus->name, index, (unsigned long long)at,
				 (unsigned long long)f->layout.notify.len, width);
	/*
	 * Relaxed: a thread that notifies learns of the queue from the layer above, which orders
	 * that.
	 */
	atomic_store_explicit(&q->kick_bar, f->layout.notify.bar, memory_order_relaxed);
	atomic_store_explicit(&q->kick_at, f->layout.notify.offset + at, memory_order_relaxed);
	atomic_store_explicit(&q->kick, f->notify_map ? f->notify_map + at : NULL,
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

static void write_kick(struct pci_function *f, struct pci_queue *q, uint32_t value)
{
	const struct pci_bus_ops *ops = f->bus->ops;
	unsigned bar = atomic_load_explicit(&q->kick_bar, memory_order_relaxed);
	uint64_t at = atomic_load_explicit(&q->kick_at, memory_order_relaxed);

	if (!ops->kick)
		ops->bar_write(f->bus, bar, at, kick_width(f), value);
	else if (!ops->kick(f->bus, bar, at, kick_width(f), value))
		atomic_store(&f->missed, true);
}

/*
 * Which kick was lost isn't known, and a queue that is kicked in vain takes no harm. Where a kick
 * has data they would have to be kept: a bus that loses kicks doesn't have that feature.
 */
void pci_kick_again(struct pci_function *f)
{
	unsigned i;

	if (!atomic_load_explicit(&f->missed, memory_order_relaxed) ||
	    !atomic_exchange(&f->missed, false))
		return;
	for (i = 0; i < f->nqueues; i++)
		pci_notify(&f->t, i, 0);
}

void pci_notify(struct transport *t, unsigned index, uint32_t data)
{
	struct pci_function *f = pci_of(t);
	struct pci_queue *q = &f->queues[index < PCI_QUEUES ? index : 0];
	bool with_data = transport_notifies_data(t);
	volatile void *kick;
	uint32_t value;
	uint16_t name;

	if (index >= f->most || !atomic_load_explicit(&q->started, memory_order_relaxed))
		return;
	kick = atomic_load_explicit(&q->kick, memory_order_relaxed);
	name = atomic_load_explicit(&q->name, memory_order_relaxed);
	value = with_data ? name | data << 16 : name;
	/* The index that the device is to look at is in memory before it is told to (4.1.5.2). */
	io_barrier();
	if (!kick)
		write_kick(f, q, value);
	else if (with_data)
		*(volatile uint32_t *)kick = htole32(value);
	else
		*(volatile uint16_t *)kick = htole16((uint16_t)value);
}
