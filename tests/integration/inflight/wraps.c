/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring that makes its own entries available: each request reads a block into the ring, and the
 * block is the next request. With IN_ORDER they would form one batch, longer than the ring.
 */
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "layout.h"

#define WRAPS 3
#define FIRST 3 /* the first slot: a request was sent before */

#define AVAIL 0x80u
#define USED  0x8000u

/* In memory without buffers. */
static uint32_t header_at(unsigned wrap_no)
{
	return buffer_at(CONTROL, wrap_no);
}

/* All entries are one request: header, many empty descriptors, response, data. */
static void fill_wrap(struct vring_packed_desc *desc, unsigned wrap_no)
{
	unsigned slot;
	bool wrap;
	unsigned i;

	for (i = 0; i < ENTRIES; i++) {
		slot = (FIRST + i) % ENTRIES;
		wrap = (slot >= FIRST) == !(wrap_no & 1);
		desc[slot] = (struct vring_packed_desc){.addr = header_at(wrap_no),
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

/* The blocks contain all wraps except the first. */
static void prepare(struct client *c)
{
	struct vring_packed_desc desc[ENTRIES];
	int fd = open("unit.img", O_WRONLY | O_CLOEXEC);
	unsigned wrap_no;

	for (wrap_no = 0; wrap_no < WRAPS; wrap_no++) {
		struct virtio_scsi_cmd_req read = {.lun = {1, 0, 0x40, 0},
						   .cdb = {0x28, 0, 0, 0, 0, (uint8_t)wrap_no, 0, 0,
							   1}};

		memcpy(c->shared + header_at(wrap_no), &read, sizeof(read));
		fill_wrap(desc, wrap_no);
		if (wrap_no)
			assert_int_equal(pwrite(fd, desc, sizeof(desc), 512 * (wrap_no - 1)), 512);
	}
	close(fd);
}

static void batch_longer_than_ring(void **state)
{
	struct vring_packed_desc *ring;
	uint64_t limit;
	struct client c;

	(void)state;
	client_start(&c, true, true, "--mode=eventfd");
	client_begin(&c);
	/* Clears the unit attention. */
	client_write(&c, 0, (struct write_op){9, 0});
	client_kick(&c, REQUESTS);
	assert_int_equal(client_used(&c, REQUESTS), 0);
	prepare(&c);
	ring = (struct vring_packed_desc *)(c.shared + ring_at(REQUESTS));
	fill_wrap(ring, 0);
	client_kick(&c, REQUESTS);
	limit = now_ms() + TIMEOUT_MS;
	while (target_counter(&c.target, "requests") < 2)
		assert_true(now_ms() < limit);
	assert_int_equal(target_counter(&c.target, "requests"), 2);
	assert_int_equal(target_counter(&c.target, "broken_rings"), 1);
	client_end(&c);
}

/* A batch of one client is not continued for the next: its memory was removed during the batch. */
static void interrupted_batch(void **state)
{
	struct client c;
	unsigned i;

	(void)state;
	client_start(&c, true, true, "--mode=eventfd");
	client_begin(&c);
	/* The last buffer starts a page that is gone when it is processed. */
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
	client_reset_rings(&c);
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
		TEST(batch_longer_than_ring),
		TEST(interrupted_batch),
	};

	return client_run("inflight wraps", tests, ARRAY_LEN(tests));
}
