/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of the rings, simple rather than fast. Buffer b has descriptors 3b to 3b + 2 of
 * a split ring, and id b in a packed one.
 */
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>
#include <sys/eventfd.h>

#include "layout.h"

/* Offsets in a buffer. */
#define RESPONSE 0
#define HEADER   128
#define TABLE    256
#define DATA     512

#define AVAIL    0x80u
#define USED     0x8000u

struct piece {
	uint32_t at;
	uint32_t len;
	uint16_t flags;
};

void client_reset_rings(struct client *c)
{
	unsigned i;

	memset(c->shared, 0, SHARED);
	for (i = 0; i < RINGS; i++)
		c->rings[i] = (struct driver){.avail_wrap = true, .used_wrap = true, .kick = -1};
}

void client_whole_ring(struct client *c, unsigned ring)
{
	struct vring_packed_desc *desc = (struct vring_packed_desc *)(c->shared + ring_at(ring));
	struct driver *d = &c->rings[ring];
	unsigned i;

	for (i = 0; i < ENTRIES; i++)
		desc[i].flags = AVAIL;
	desc[0].flags = AVAIL | USED;
	d->avail_wrap = false;
	d->used_wrap = false;
}

char *client_buffer(const struct client *c, unsigned ring, unsigned buffer)
{
	return c->shared + buffer_at(ring, buffer);
}

static void offer_split(struct client *c, unsigned ring, unsigned buffer, const struct piece *p,
			unsigned count)
{
	struct vring_desc *desc = (struct vring_desc *)(c->shared + ring_at(ring));
	uint16_t *avail = (uint16_t *)(c->shared + ring_at(ring) + DRIVER_PART);
	struct driver *d = &c->rings[ring];
	unsigned i;

	for (i = 0; i < count; i++)
		desc[3 * buffer + i] = (struct vring_desc){
			buffer_at(ring, buffer) + p[i].at, p[i].len,
			(uint16_t)(p[i].flags | (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
			(uint16_t)(3 * buffer + i + 1)};
	avail[2 + d->avail++ % ENTRIES] = (uint16_t)(3 * buffer);
	__atomic_store_n(&avail[1], d->avail, __ATOMIC_RELEASE);
}

static void offer_packed(struct client *c, unsigned ring, unsigned buffer, const struct piece *p,
			 unsigned count)
{
	struct vring_packed_desc *desc = (struct vring_packed_desc *)(c->shared + ring_at(ring));
	struct driver *d = &c->rings[ring];
	uint16_t first = d->avail;
	uint16_t first_flags = 0;
	uint16_t flags;
	unsigned i;

	for (i = 0; i < count; i++) {
		flags = (uint16_t)(p[i].flags | (i + 1 < count ? VRING_DESC_F_NEXT : 0) |
				   (d->avail_wrap ? AVAIL : USED));
		desc[d->avail].addr = buffer_at(ring, buffer) + p[i].at;
		desc[d->avail].len = p[i].len;
		desc[d->avail].id = (uint16_t)buffer;
		if (i)
			desc[d->avail].flags = flags;
		else
			first_flags = flags;
		d->avail = (uint16_t)((d->avail + 1) % ENTRIES);
		d->avail_wrap ^= !d->avail;
	}
	__atomic_store_n(&desc[first].flags, first_flags, __ATOMIC_RELEASE);
}

static void offer(struct client *c, unsigned ring, unsigned buffer, const struct piece *p,
		  unsigned count)
{
	struct driver *d = &c->rings[ring];

	assert_true(d->in_flight < BUFFERS);
	d->order[d->in_flight++] = buffer;
	if (c->packed)
		offer_packed(c, ring, buffer, p, count);
	else
		offer_split(c, ring, buffer, p, count);
}

/* Puts a buffer into an indirect table of either layout, entries in order. */
static void push_table(struct client *c, unsigned ring, unsigned buffer, const struct piece *p,
		       unsigned count)
{
	const struct piece table = {TABLE, 16 * count, VRING_DESC_F_INDIRECT};
	struct vring_packed_desc *packed = (void *)(client_buffer(c, ring, buffer) + TABLE);
	struct vring_desc *split = (void *)packed;
	uint32_t at = buffer_at(ring, buffer);
	uint16_t flags;
	unsigned i;

	for (i = 0; i < count; i++) {
		flags = p[i].flags;
		if (c->packed || i + 1 == count)
			flags |= c->table_flags;
		if (!c->packed && i + 1 < count)
			flags |= VRING_DESC_F_NEXT;
		if (c->packed)
			packed[i] =
				(struct vring_packed_desc){at + p[i].at, p[i].len, 0xffff, flags};
		else
			split[i] = (struct vring_desc){at + p[i].at, p[i].len, flags,
						       (uint16_t)(i + 1)};
	}
	offer(c, ring, buffer, &table, 1);
}

void client_write(struct client *c, unsigned buffer, struct write_op op)
{
	static const struct piece pieces[] = {
		{HEADER, 51, 0}, {DATA, 512, 0}, {RESPONSE, 108, VRING_DESC_F_WRITE}};
	char *at = client_buffer(c, REQUESTS, buffer);
	struct virtio_scsi_cmd_req request = {.lun = {1, 0, 0x40, 0},
					      .cdb = {0x2a, 0, 0, 0, 0, op.lba, 0, 0, 1}};

	memset(at, 0xee, 128);
	memcpy(at + HEADER, &request, sizeof(request));
	memset(at + DATA, op.fill, 512);
	if (c->tables)
		push_table(c, REQUESTS, buffer, pieces, ARRAY_LEN(pieces));
	else
		offer(c, REQUESTS, buffer, pieces, ARRAY_LEN(pieces));
}

void client_reset_unit(struct client *c, unsigned buffer)
{
	static const struct piece pieces[] = {{HEADER, sizeof(struct virtio_scsi_ctrl_tmf_req), 0},
					      {RESPONSE, 1, VRING_DESC_F_WRITE}};
	char *at = client_buffer(c, CONTROL, buffer);
	struct virtio_scsi_ctrl_tmf_req request = {.subtype = VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET,
						   .lun = {1, 0, 0x40, 0}};

	*at = 0x7f;
	memcpy(at + HEADER, &request, sizeof(request));
	offer(c, CONTROL, buffer, pieces, ARRAY_LEN(pieces));
}

void client_event(struct client *c, unsigned buffer)
{
	static const struct piece piece = {0, sizeof(struct virtio_scsi_event), VRING_DESC_F_WRITE};

	memset(client_buffer(c, EVENTS, buffer), 0xee, piece.len);
	offer(c, EVENTS, buffer, &piece, 1);
}

void client_kick(struct client *c, unsigned ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	assert_int_equal(eventfd_write(c->rings[ring].kick, 1), 0);
}

static const struct vring_packed_desc *next_used(const struct client *c, unsigned ring)
{
	return (struct vring_packed_desc *)(c->shared + ring_at(ring)) + c->rings[ring].used;
}

bool client_idle(const struct client *c, unsigned ring)
{
	const struct driver *d = &c->rings[ring];
	uint16_t flags;

	if (!c->packed)
		return __atomic_load_n(used_idx(c, ring), __ATOMIC_ACQUIRE) == d->used;
	flags = __atomic_load_n(&next_used(c, ring)->flags, __ATOMIC_ACQUIRE);
	return !!(flags & AVAIL) != d->used_wrap || !!(flags & USED) != d->used_wrap;
}

static unsigned used_id(const struct client *c, unsigned ring)
{
	const struct vring_used *used =
		(struct vring_used *)(c->shared + ring_at(ring) + DEVICE_PART);

	return c->packed ? next_used(c, ring)->id
			 : used->ring[c->rings[ring].used % ENTRIES].id / 3;
}

/* Advances by @count used buffers. */
static void step(struct client *c, unsigned ring, unsigned count)
{
	unsigned slots = ring == REQUESTS && !c->tables ? 3 : ring == CONTROL ? 2 : 1;
	struct driver *d = &c->rings[ring];

	if (!c->packed) {
		d->used = (uint16_t)(d->used + count);
		return;
	}
	d->used = (uint16_t)(d->used + count * slots);
	if (d->used >= ENTRIES) {
		d->used = (uint16_t)(d->used - ENTRIES);
		d->used_wrap = !d->used_wrap;
	}
}

/*
 * With IN_ORDER one used entry completes all buffers up to that one; they are returned one by one.
 */
unsigned client_used(struct client *c, unsigned ring)
{
	uint64_t limit = now_ms() + TIMEOUT_MS;
	struct driver *d = &c->rings[ring];
	unsigned place = 0;
	unsigned id;

	if (!d->ahead) {
		while (client_idle(c, ring))
			assert_true(now_ms() < limit && !usleep(100));
		id = used_id(c, ring);
		while (place < d->in_flight && d->order[place] != id)
			place++;
		/* If the buffer is not in flight any more, it was used twice. */
		assert_true(place < d->in_flight);
		d->ahead = c->in_order ? place + 1 : 1;
		step(c, ring, d->ahead);
		if (c->in_order)
			place = 0;
	}
	d->ahead--;
	id = d->order[place];
	d->in_flight--;
	memmove(d->order + place, d->order + place + 1, (d->in_flight - place) * sizeof(id));
	return id;
}
