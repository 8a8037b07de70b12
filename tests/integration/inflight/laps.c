/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring that makes its own entries available: each request reads a block into the ring, and the
 * block is the next request. With in-order use they would all be one batch, longer than the ring.
 */
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "layout.h"

#define LAPS  3
#define FIRST 3 /* the slot where it begins: a request came before */

#define AVAIL 0x80u
#define USED  0x8000u

/* Where no buffers are. */
static uint32_t header_at(unsigned lap)
{
	return buffer_at(CONTROL, lap);
}

/* All entries are one request: its header, nothing for a long time, the response, the data. */
static void fill_lap(struct vring_packed_desc *desc, unsigned lap)
{
	unsigned slot;
	bool wrap;
	unsigned i;

	for (i = 0; i < ENTRIES; i++) {
		slot = (FIRST + i) % ENTRIES;
		wrap = (slot >= FIRST) == !(lap & 1);
		desc[slot] = (struct vring_packed_desc){.addr = header_at(lap),
							.flags = (uint16_t)((wrap ? AVAIL : USED) |
									    VRING_DESC_F_NEXT)};
	}
	desc[FIRST].len = sizeof(struct virtio_scsi_cmd_req);
	desc[1].addr = buffer_at(EVENTS, 0);
	desc[1].len = 108;
	desc[1].flags |= VRING_DESC_F_WRITE;
	desc[2].addr = ring_at(REQUESTS);
	desc[2].len = 512;
	desc[2].flags = (uint16_t)((desc[2].flags & ~VRING_DESC_F_NEXT) | VRING_DESC_F_WRITE);
}

/* The blocks hold all laps but the first. */
static void prepare(struct client *c)
{
	struct vring_packed_desc desc[ENTRIES];
	int fd = open("unit.img", O_WRONLY | O_CLOEXEC);
	unsigned lap;

	for (lap = 0; lap < LAPS; lap++) {
		struct virtio_scsi_cmd_req read = {
			.lun = {1, 0, 0x40, 0}, .cdb = {0x28, 0, 0, 0, 0, (uint8_t)lap, 0, 0, 1}};

		memcpy(c->shared + header_at(lap), &read, sizeof(read));
		fill_lap(desc, lap);
		if (lap)
			assert_int_equal(pwrite(fd, desc, sizeof(desc), 512 * (lap - 1)), 512);
	}
	close(fd);
}

static void longer_than_the_ring(void **state)
{
	struct vring_packed_desc *ring;
	uint64_t limit;
	struct client c;

	(void)state;
	client_start(&c, true, true, "--mode=eventfd");
	client_begin(&c);
	/* The unit attention. */
	client_write(&c, 0, (struct write_op){9, 0});
	client_kick(&c, REQUESTS);
	assert_int_equal(client_used(&c, REQUESTS), 0);
	prepare(&c);
	ring = (struct vring_packed_desc *)(c.shared + ring_at(REQUESTS));
	fill_lap(ring, 0);
	client_kick(&c, REQUESTS);
	limit = now_ms() + PATIENCE_MS;
	while (target_counter(&c.target, "requests") < 2)
		assert_true(now_ms() < limit);
	assert_int_equal(target_counter(&c.target, "requests"), 2);
	assert_int_equal(target_counter(&c.target, "broken_rings"), 1);
	client_end(&c);
}

/* What one client left of a batch is not the next one's: its memory went while it was served. */
static void a_batch_cut_off(void **state)
{
	struct client c;
	unsigned i;

	(void)state;
	client_start(&c, true, true, "--mode=eventfd");
	client_begin(&c);
	/* The last one begins a page, which is gone when its turn comes. */
	assert_int_equal(buffer_at(REQUESTS, 4) % 4096, 0);
	target_freeze(&c.target);
	for (i = 0; i < 5; i++)
		client_write(&c, i, (struct write_op){9, 0});
	client_kick(&c, REQUESTS);
	assert_int_equal(ftruncate(c.memory, buffer_at(REQUESTS, 4)), 0);
	target_thaw(&c.target);
	assert_true(client_lost(&c));
	client_close(&c);
	assert_int_equal(ftruncate(c.memory, SHARED), 0);
	client_forget(&c);
	client_begin(&c);
	client_write(&c, 0, (struct write_op){9, 0});
	client_kick(&c, REQUESTS);
	assert_int_equal(client_used(&c, REQUESTS), 0);
	client_write(&c, 1, (struct write_op){9, 0});
	client_kick(&c, REQUESTS);
	assert_int_equal(client_used(&c, REQUESTS), 1);
	client_end(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(longer_than_the_ring),
		TEST(a_batch_cut_off),
	};

	return client_run("inflight laps", tests, ARRAY_LEN(tests));
}
