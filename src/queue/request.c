/* SPDX-License-Identifier: BSD-3-Clause */
/* Takes slots, gathers segments and writes them into a slot's descriptor table. */
#include <errno.h>

#include "queue/complete.h"
#include "queue/credit.h"
#include "queue/fair.h"
#include "queue/request.h"
#include "queue/resume.h"
#include "queue/stats.h"

/* A chain has at most 2^32 bytes, header and response among them (virtio 1.4, 2.7.5.2). */
#define MAX_BYTES \
	(UINT32_MAX - sizeof(struct virtio_scsi_cmd_req) - sizeof(struct virtio_scsi_cmd_resp))

int request_begin(struct vscsi_queue *queue, struct io_lun *lun, struct slot **out)
{
	struct ioq *ioq = queue->ioq;
	int err = queue_check(queue);

	if (err)
		return err;
	if (unlikely(lun->set != ioq->set))
		return -EINVAL;
	queue_lock(queue);
	if (ioq->free == ioq->depth || (queue->shared && !share_may_take(queue))) {
		queue_unlock(queue);
		return ioq_state(ioq) == IOQ_DEAD ? -ENOTCONN : -EAGAIN;
	}
	if (unlikely(ioq_state(ioq) == IOQ_DEAD) || unlikely(io_lun_state(lun) == LUN_GONE)) {
		queue_unlock(queue);
		return ioq_state(ioq) == IOQ_DEAD ? -ENOTCONN : -ENODEV;
	}
	/* Decide about the requests that were in flight at a loss before adding a new one. */
	if (unlikely(!ioq_running(ioq)))
		ioq_drain(ioq);
	if (lun->credits && !credit_get(lun, ioq)) {
		queue_unlock(queue);
		return -EAGAIN;
	}
	if (queue->shared)
		share_take(queue);
	if (lun->credits)
		credit_of(lun, ioq)->left--;
	*out = &ioq->slots[ioq->free];
	ioq->free = (*out)->next;
	slot_set_state(*out, SLOT_PREPARED);
	(*out)->flags |= lun->credits ? SLOT_COUNTED : 0;
	return 0;
}

int request_commit(struct vscsi_queue *queue, struct io_lun *lun, struct slot *slot,
		   uint64_t user_data)
{
	slot->owner = queue;
	slot->user_data = user_data;
	if (queue->ioq->set->measured)
		slot->begun = stats_begun(queue->ioq);
	if (likely(io_lun_state(lun) == LUN_PRESENT))
		slot_push(queue->ioq, slot);
	else
		backoff_append(queue->ioq, slot);
	queue_unlock(queue);
	return 0;
}

int request_abandon(struct vscsi_queue *queue, struct io_lun *lun, struct slot *slot, int err)
{
	if (slot->flags & SLOT_COUNTED)
		credit_give(lun, queue->ioq);
	if (queue->shared)
		share_give(queue, 1);
	slot_release(queue->ioq, slot, slot_number(queue->ioq, slot));
	queue_unlock(queue);
	return err;
}

static int add_piece(struct ioq *ioq, struct request *request, const struct piece *piece)
{
	unsigned count = request->out + request->in;
	struct piece *last = count ? &request->pieces[count - 1] : NULL;
	/* Data for the device and data from it never share a descriptor. */
	bool joinable = request->in || !request->in_bytes;

	if (last && joinable && last->region == piece->region &&
	    last->iova + last->len == piece->iova) {
		last->len += piece->len;
		return 0;
	}
	if (count >= ioq->max_segs)
		return -E2BIG;
	request->pieces[count] = *piece;
	return 1;
}

static int gather_one(struct ioq *ioq, struct request *request, const struct iovec *iov, bool out)
{
	const char *at = iov->iov_base;
	size_t left = iov->iov_len;

	while (left) {
		struct piece piece = {.region = 0};
		int added;

		piece.len =
			dma_translate(ioq->map, &ioq->cache, at, left, &piece.iova, &piece.region);
		if (!piece.len)
			return -EFAULT;
		*(out ? &request->out_bytes : &request->in_bytes) += piece.len;
		if (request->out_bytes + request->in_bytes > MAX_BYTES)
			return -E2BIG;
		added = add_piece(ioq, request, &piece);
		if (added < 0)
			return added;
		*(out ? &request->out : &request->in) += (unsigned)added;
		request->regions |= piece.region;
		at += piece.len;
		left -= piece.len;
	}
	return 0;
}

int request_gather(struct ioq *ioq, struct request *request, const struct iovec *iov,
		   unsigned iovcnt, bool out)
{
	unsigned i;
	int err;

	for (i = 0; i < iovcnt; i++) {
		err = gather_one(ioq, request, &iov[i], out);
		if (err)
			return err;
	}
	return 0;
}

void request_add_parameters(struct ioq *ioq, struct request *request, const struct slot *slot,
			    uint32_t bytes)
{
	struct piece *piece = &request->pieces[request->out++];

	request->parameters = bytes;
	piece->iova = ioq->iova + slot_place(slot_number(ioq, slot)) + SLOT_PARAM;
	piece->len = bytes;
	piece->region = 0;
}

bool request_fill(struct ioq *ioq, struct slot *slot, struct io_lun *lun,
		  const struct request *request)
{
	const unsigned count = request->out + request->in;
	struct segment *segments = slot_copy(ioq, slot)->segments;
	unsigned i;

	slot->parameters = (uint8_t)request->parameters;
	slot->addr = request->pieces[0].iova;
	for (i = 0; count > 1 && i < count; i++)
		segments[i] = (struct segment){.addr = request->pieces[i].iova,
					       .len = (uint32_t)request->pieces[i].len};
	slot->out_len = (uint32_t)request->out_bytes;
	slot->expect = RESPONSE_LEAST;
	if (request->in_bytes)
		slot->expect = (uint32_t)(sizeof(struct virtio_scsi_cmd_resp) + request->in_bytes);
	atomic_store_explicit(&slot->regions, request->regions, memory_order_relaxed);
	atomic_store_explicit(&slot->lun, lun, memory_order_relaxed);
	if (request->regions && unlikely(!dma_current(ioq->map, &request->version))) {
		atomic_store_explicit(&slot->lun, NULL, memory_order_relaxed);
		return false;
	}
	if ((slot->shape & SHAPE_TABLE) != SHAPE(request->out, request->in))
		slot_format(ioq, slot, request->out, request->in);
	/* The CDB is not known to be a plain transfer. */
	slot->shape &= (uint16_t) ~(SHAPE_10 | SHAPE_16);
	slot_write(ioq, slot, lun);
	return true;
}
