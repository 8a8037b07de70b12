/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtqueues: memory, start and stop. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include <vscsi/mem.h>

#include "util/error.h"
#include "virtio/virtq.h"

int virtq_init(struct virtq *vq, struct transport *transport, struct vscsi_mem *mem, unsigned index,
	       unsigned size, bool event_idx)
{
	struct split_layout layout = split_layout(size);

	memset(vq, 0, sizeof(*vq));
	vq->transport = transport;
	vq->mem = mem;
	vq->index = index;
	vq->size = size;
	vq->memory = dma_alloc(mem, layout.bytes, 4096);
	if (!vq->memory)
		return error_set(-ENOMEM,
				 "no room for a ring of %u entries in the DMA memory; "
				 "give the device a larger pool",
				 size);
	if (split_init(&vq->ring, vq->memory, size, event_idx))
		return error_set(-ENOMEM, "out of memory");
	return 0;
}

void virtq_fini(struct virtq *vq)
{
	split_fini(&vq->ring);
	if (vq->memory)
		dma_free(vq->mem, vq->memory);
	vq->memory = NULL;
}

int virtq_renew(struct virtq *vq, bool event_idx)
{
	split_fini(&vq->ring);
	vq->started = false;
	if (split_init(&vq->ring, vq->memory, vq->size, event_idx))
		return error_set(-ENOMEM, "out of memory");
	return 0;
}

/*
 * Only what differs: other threads may be reading the rest, to notify or to sleep.
 */
void virtq_succeed(struct virtq *vq, struct virtq *fresh)
{
	struct split_ring ring = vq->ring;
	void *memory = vq->memory;

	memcpy(fresh->ring.desc, ring.desc, vq->size * sizeof(*ring.desc));
	vq->ring = fresh->ring;
	vq->memory = fresh->memory;
	vq->started = fresh->started;
	fresh->ring = ring;
	fresh->memory = memory;
	fresh->started = false;
}

int virtq_start(struct virtq *vq)
{
	return virtq_resume(vq, 0);
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
		.desc = vq->ring.desc,
		.driver = vq->ring.avail,
		.device = vq->ring.used,
	};
	int err = vq->transport->ops->queue_start(vq->transport, &queue);

	if (!err)
		vq->started = true;
	return err;
}

int virtq_reset(struct virtq *vq)
{
	bool event_idx = vq->ring.event_idx;
	uint32_t base;
	int err = virtq_pause(vq, &base);

	if (err)
		return err;
	/* Indices, event fields and the list of chains that are out begin anew (2.6.1.1.1). */
	split_fini(&vq->ring);
	if (split_init(&vq->ring, vq->memory, vq->size, event_idx))
		return error_set(-ENOMEM, "out of memory");
	return 0;
}

int virtq_fd_clear(struct virtq *vq)
{
	const struct transport_ops *ops = vq->transport->ops;

	if (ops->call_clear)
		return ops->call_clear(vq->transport, vq->index);
	return transport_clear(virtq_fd(vq));
}

void virtq_fd_wake(struct virtq *vq)
{
	const struct transport_ops *ops = vq->transport->ops;

	if (ops->call_wake)
		ops->call_wake(vq->transport, vq->index);
	else
		eventfd_write(virtq_fd(vq), 1);
}
