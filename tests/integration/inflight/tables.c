/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Indirect tables with flags that must not be set. In a packed ring the device ignores them (virtio
 * 1.4, 2.8.7); in a split ring this is not specified, and the ring is broken.
 */
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "client.h"

/* All flags but WRITE. */
#define ALL_BUT_WRITE ((uint16_t)~VRING_DESC_F_WRITE)

static void expect_written(struct client *c, uint16_t flags, unsigned i)
{
	const struct virtio_scsi_cmd_resp *resp =
		(const void *)client_buffer(c, REQUESTS, i % BUFFERS);

	c->table_flags = flags;
	client_write(c, i % BUFFERS, (struct write_op){(uint8_t)i, (uint8_t)(i + 1)});
	client_kick(c, REQUESTS);
	assert_int_equal(client_used(c, REQUESTS), i % BUFFERS);
	assert_int_equal(resp->response, VIRTIO_SCSI_S_OK);
	/* The first one gets the unit attention of a new device. */
	assert_int_equal(resp->status, i ? 0 : 2);
	if (i)
		client_expect_block(i, (uint8_t)(i + 1));
}

/* More tables than the ring has entries. */
static void meaningless_flags(void **state)
{
	static const uint16_t flags[] = {0, VRING_DESC_F_NEXT, VRING_DESC_F_INDIRECT,
					 ALL_BUT_WRITE};
	struct client c;
	unsigned i;

	(void)state;
	client_start(&c, true, false, "--mode=eventfd");
	c.tables = true;
	client_begin(&c);
	for (i = 0; i < 2 * ENTRIES + 1; i++)
		expect_written(&c, flags[i % ARRAY_LEN(flags)], i);
	assert_int_equal(target_counter(&c.target, "broken_rings"), 0);
	client_end(&c);
}

static void nested_tables(void **state)
{
	uint64_t limit;
	struct client c;

	(void)state;
	client_start(&c, false, false, "--mode=eventfd");
	c.tables = true;
	client_begin(&c);
	expect_written(&c, 0, 0);
	expect_written(&c, 0, 1);
	c.table_flags = VRING_DESC_F_INDIRECT;
	client_write(&c, 0, (struct write_op){1, 9});
	client_kick(&c, REQUESTS);
	limit = now_ms() + TIMEOUT_MS;
	while (!target_counter(&c.target, "broken_rings"))
		assert_true(now_ms() < limit);
	assert_true(client_idle(&c, REQUESTS));
	client_expect_block(1, 2);
	client_end(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(meaningless_flags),
		TEST(nested_tables),
	};

	return client_run("inflight tables", tests, ARRAY_LEN(tests));
}
