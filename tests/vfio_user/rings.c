/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtqueues of the server, the client's memory, and SCSI commands. */
#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include <linux/virtio_pci.h>
#include <linux/virtio_scsi.h>

#include "vfio_user/server.h"

#define MAX_ELEMS  64u
#define MSIX_FLAGS 0x52u
#define F(n)       (UINT64_C(1) << (n))

void *server_at(struct server *s, uint64_t iova, uint64_t len)
{
	unsigned i;

	for (i = 0; i < SERVER_MAPS; i++) {
		const struct server_map *m = &s->maps[i];

		if (m->at && iova >= m->iova && len <= m->len && iova - m->iova <= m->len - len)
			return m->at + (iova - m->iova);
	}
	return NULL;
}

static void *translate(void *ctx, uint64_t addr, uint64_t len)
{
	return server_at(ctx, addr, len);
}

static void *part(struct server *s, const struct server_queue *q, unsigned i, uint64_t len)
{
	return server_at(s, (uint64_t)q->address[2 * i + 1] << 32 | q->address[2 * i], len);
}

void server_start_ring(struct server *s, unsigned index)
{
	struct server_queue *q = &s->rings[index];
	bool packed = s->accepted & F(34);
	struct ring_device *ring = &q->ring;

	device_detach(ring);
	*ring = (struct ring_device){
		.desc = part(s, q, 0, 16u * q->size),
		.driver = part(s, q, 1, packed ? 4 : 6 + 2u * q->size),
		.device = part(s, q, 2, packed ? 4 : 6 + 8u * q->size),
		.size = q->size,
		.packed = packed,
		.in_order = s->accepted & F(35),
		.event_idx = s->accepted & F(29),
		.indirect = s->accepted & F(28),
		.max_elems = MAX_ELEMS,
		.translate = translate,
		.ctx = s,
	};
	if (!ring->desc || !ring->driver || !ring->device) {
		server_broken(s, "a ring outside of the memory");
		return;
	}
	if (s->habits & SERVER_ZEROES && !packed)
		device_avail(ring)->idx = 0;
	device_attach(ring);
	if (s->habits & SERVER_POLLS)
		device_poll_mode(ring);
	q->enable = 1;
}

void server_stop_rings(struct server *s)
{
	unsigned i;

	s->held = 0;
	for (i = 0; i < SERVER_QUEUES; i++) {
		device_detach(&s->rings[i].ring);
		memset(&s->rings[i].ring, 0, sizeof(s->rings[i].ring));
		s->rings[i].enable = 0;
	}
}

static void interrupt(struct server *s, unsigned vector)
{
	bool on = s->config[MSIX_FLAGS + 1] & 0x80;

	if (vector >= s->vectors || s->irqs[vector] < 0)
		return;
	if ((s->habits & SERVER_NEEDS_ENABLE && !on) ||
	    (s->habits & SERVER_NEEDS_UNMASK && !s->unmasked))
		return;
	eventfd_write(s->irqs[vector], 1);
}

/* The data of a command: the elements after header and response. */
static unsigned gather(const struct device_elem *elems, unsigned from, unsigned to,
		       struct iovec *iov)
{
	unsigned n = 0;

	for (; from < to; from++)
		iov[n++] = (struct iovec){elems[from].at, elems[from].len};
	return n;
}

static void respond(const struct server *s, struct virtio_scsi_cmd_resp *resp,
		    const struct disk_end *end, uint64_t asked)
{
	uint8_t sense[DISK_SENSE];
	unsigned len = disk_sense(end, sense);

	if (len || !(s->habits & SERVER_LAZY)) {
		resp->sense_len = htole32(len);
		resp->status_qualifier = 0;
	}
	if (len)
		memcpy(resp->sense, sense, len);
	resp->resid = htole32((uint32_t)(asked - end->moved));
	resp->status = end->status;
	resp->response = VIRTIO_SCSI_S_OK;
}

/* Return: bytes written. */
static uint32_t command(struct server *s, const struct device_chain *c,
			const struct device_elem *elems)
{
	const struct virtio_scsi_cmd_req *req = elems[0].at;
	struct virtio_scsi_cmd_resp *resp = elems[c->readable].at;
	struct iovec in[MAX_ELEMS];
	struct iovec out[MAX_ELEMS];
	struct disk_io io = {.in = in, .out = out};
	static const uint16_t luns[] = {0};
	struct disk_end end;

	io.nout = gather(elems, 1, c->readable, out);
	io.nin = gather(elems, c->readable + 1, c->count, in);
	if (req->lun[1]) {
		if (!(s->habits & SERVER_LAZY))
			memset(resp, 0, 12);
		resp->response = VIRTIO_SCSI_S_BAD_TARGET;
		return elems[c->readable].len;
	}
	if (req->cdb[0] == 0xa0)
		end = disk_report_luns(luns, 1, req->cdb, &io);
	else if (req->lun[2] & 0x3f || req->lun[3])
		end = disk_refuse(5, 0x25, 0);
	else
		end = disk_execute(&s->disk, req->cdb, &io);
	respond(s, resp, &end, disk_room(in, io.nin) + disk_room(out, io.nout));
	return elems[c->readable].len + (io.nin ? (uint32_t)end.moved : 0);
}

static void finish(struct server *s, unsigned index, const struct device_chain *c,
		   const struct device_elem *elems)
{
	uint32_t len = 1;

	if (index)
		len = command(s, c, elems);
	else
		memset(elems[c->readable].at, 0, elems[c->readable].len);
	device_give(&s->rings[index].ring, c, len);
}

static bool hold(struct server *s, unsigned index, const struct device_chain *c,
		 const struct device_elem *elems)
{
	struct server_held *held;

	if (index < 2 || !__atomic_load_n(&s->hold, __ATOMIC_SEQ_CST) || s->held == SERVER_HELD)
		return false;
	held = &s->holds[s->held];
	held->queue = index;
	held->chain = *c;
	memcpy(held->elems, elems, sizeof(held->elems));
	__atomic_fetch_add(&s->held, 1, __ATOMIC_SEQ_CST);
	return true;
}

void server_serve(struct server *s, unsigned index)
{
	struct server_queue *q = &s->rings[index];
	struct device_elem elems[MAX_ELEMS];
	struct device_chain c;
	bool any = false;

	/* Event buffers are kept. */
	if (!q->enable || index == 1 || !(s->status & 4))
		return;
	do {
		while (device_take(&q->ring, &c, elems)) {
			if (hold(s, index, &c, elems))
				continue;
			finish(s, index, &c, elems);
			any = true;
		}
		if (q->ring.broken)
			server_broken(s, q->ring.broken);
	} while (!(s->habits & SERVER_POLLS) && !q->ring.broken && !device_sleep(&q->ring));
	/* The interrupt follows the used index. */
	if (any && device_show(&q->ring))
		interrupt(s, q->vector);
}

void server_finish_held(struct server *s)
{
	unsigned i;

	for (i = 0; i < s->held; i++) {
		struct server_held *held = &s->holds[i];
		struct server_queue *q = &s->rings[held->queue];

		/* Event buffers stay where they are. */
		if (held->queue == 1)
			continue;
		finish(s, held->queue, &held->chain, held->elems);
		if (device_show(&q->ring))
			interrupt(s, q->vector);
	}
	__atomic_store_n(&s->held, 0, __ATOMIC_SEQ_CST);
}
