/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtqueues: memory, start and stop. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <vscsi/mem.h>

#include "util/error.h"
#include "util/fd.h"
#include "virtio/virtq.h"

static size_t ring_bytes(const struct virtq *vq)
{
	return virtq_is_packed(vq) ? packed_layout(vq->size).bytes : split_layout(vq->size).bytes;
}

static int init_ring(struct virtq *vq, bool event_idx, bool in_order)
{
	int err;

	if (virtq_is_packed(vq))
		err = packed_init(&vq->packed, vq->memory, vq->size, event_idx, in_order);
	else
		err = split_init(&vq->ring, vq->memory, vq->size, event_idx);
	if (!err && vq->format == VIRTQ_SPLIT_IN_ORDER)
		err = split_use_in_order(&vq->ring);
	return err;
}

static void fini_ring(struct virtq *vq)
{
	if (virtq_is_packed(vq))
		packed_fini(&vq->packed);
	else
		split_fini(&vq->ring);
}

/* Only a split ring without IN_ORDER uses chains in its own table; others copy them. */
static int init_chains(struct virtq *vq)
{
	if (vq->format == VIRTQ_SPLIT)
		vq->chains = vq->ring.desc;
	else
		vq->chains = calloc(vq->size, sizeof(*vq->chains));
	return vq->chains ? 0 : -ENOMEM;
}

int virtq_init(struct virtq *vq, struct transport *transport, struct vscsi_mem *mem, unsigned index,
	       unsigned size, uint64_t features)
{
	bool in_order = features & BIT(VIRTIO_F_IN_ORDER);

	memset(vq, 0, sizeof(*vq));
	vq->transport = transport;
	vq->mem = mem;
	vq->index = index;
	vq->size = size;
	if (features & BIT(VIRTIO_F_RING_PACKED))
		vq->format = VIRTQ_PACKED;
	else if (in_order)
		vq->format = VIRTQ_SPLIT_IN_ORDER;
	vq->memory = dma_alloc(mem, ring_bytes(vq), 4096);
	if (!vq->memory)
		return error_set(-ENOMEM,
				 "no room for a ring of %u entries in the DMA memory; "
				 "give the device a larger pool",
				 size);
	if (init_ring(vq, features & BIT(VIRTIO_RING_F_EVENT_IDX), in_order) || init_chains(vq))
		return error_set(-ENOMEM, "out of memory");
	return 0;
}

void virtq_fini(struct virtq *vq)
{
	if (vq->format != VIRTQ_SPLIT)
		free(vq->chains);
	vq->chains = NULL;
	fini_ring(vq);
	if (vq->memory)
		dma_free(vq->mem, vq->memory);
	vq->memory = NULL;
}

int virtq_start(struct virtq *vq)
{
	return virtq_resume(vq, virtq_is_packed(vq) ? TRANSPORT_BASE_PACKED : 0);
}

int virtq_pause(struct virtq *vq, uint32_t *base)
{
	int err = vq->transport->ops->queue_stop(vq->transport, vq->index, base);

	if (!err)
		vq->started = false;
	return err;
}

int virtq_resume(struct virtq *vq, uint32_t base)
{
	struct transport_queue queue = {
		.index = vq->index,
		.size = vq->size,
		.base = base,
		.packed = virtq_is_packed(vq),
		.desc = vq->memory,
	};
	int err;

	if (queue.packed) {
		queue.driver = vq->packed.driver;
		queue.device = vq->packed.device;
	} else {
		queue.driver = vq->ring.avail;
		queue.device = vq->ring.used;
	}
	err = vq->transport->ops->queue_start(vq->transport, &queue);
	if (!err)
		vq->started = true;
	return err;
}

static bool is_in_order(const struct virtq *vq)
{
	return virtq_is_packed(vq) ? vq->packed.in_order : vq->format == VIRTQ_SPLIT_IN_ORDER;
}

int virtq_renew(struct virtq *vq, uint64_t features)
{
	bool in_order = is_in_order(vq);

	vq->started = false;
	fini_ring(vq);
	if (init_ring(vq, features & BIT(VIRTIO_RING_F_EVENT_IDX), in_order))
		return error_set(-ENOMEM, "out of memory");
	return 0;
}

/* Exchanges only what differs: other threads may be reading the rest, to notify or to sleep. */
void virtq_succeed(struct virtq *vq, struct virtq *fresh)
{
	const struct virtq lost = *vq;

	if (virtq_is_packed(vq))
		vq->packed = fresh->packed;
	else
		vq->ring = fresh->ring;
	if (virtq_is_packed(vq))
		fresh->packed = lost.packed;
	else
		fresh->ring = lost.ring;
	/* A table that the device could write to is replaced too. */
	if (vq->format == VIRTQ_SPLIT) {
		vq->chains = fresh->chains;
		fresh->chains = lost.chains;
	}
	vq->memory = fresh->memory;
	vq->started = fresh->started;
	fresh->memory = lost.memory;
	fresh->started = false;
}

int virtq_fd_clear(struct virtq *vq)
{
	const struct transport_ops *ops = vq->transport->ops;

	if (ops->call_clear)
		return ops->call_clear(vq->transport, vq->index);
	return fd_clear(virtq_fd(vq));
}

void virtq_fd_wake(struct virtq *vq)
{
	const struct transport_ops *ops = vq->transport->ops;

	if (ops->call_wake)
		ops->call_wake(vq->transport, vq->index);
	else
		eventfd_write(virtq_fd(vq), 1);
}
