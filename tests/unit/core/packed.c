/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The chains that the library puts into packed rings, held against the rules by the model of such a
 * ring's device, whose disk is the one of the split model.
 */
#include <endian.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "core.h"
#include "disk.h"
#include "ring/peer.h"
#include "virtio/device.h"

/* The device's ends of the rings. The desk's model has none of its own in these tests. */
struct ends {
	struct model *m;
	struct peer peers[FAKE_QUEUES];
	unsigned tables;
};

static bool has(const struct ends *ends, unsigned bit)
{
	return ends->m->fake.accepted & VIRTIO_BIT(bit);
}

static void attach(struct ends *ends, unsigned index)
{
	const struct transport_queue *queue = &ends->m->fake.queues[index];
	struct peer *peer = &ends->peers[index];

	assert_true(has(ends, VIRTIO_F_RING_PACKED));
	*peer = (struct peer){
		.desc = queue->desc,
		.driver = queue->driver,
		.device = queue->device,
		.size = queue->size,
		.packed = true,
		.in_order = has(ends, VIRTIO_F_IN_ORDER),
		.event_idx = has(ends, VIRTIO_RING_F_EVENT_IDX),
		.indirect = has(ends, VIRTIO_RING_F_INDIRECT_DESC),
	};
	peer_attach(peer);
}

static void serve_one(struct ends *ends, unsigned queue, const struct peer_chain *taken)
{
	struct chain chain = {.queue = queue, .head = taken->id};
	struct virtio_scsi_cmd_resp *resp;
	struct answer a;
	unsigned i;

	for (i = 0; i < taken->count; i++) {
		struct iovec iov = {(void *)(uintptr_t)taken->addr[i], taken->len[i]};

		if (i < taken->readable)
			chain.out[chain.nout++] = iov;
		else
			chain.in[chain.nin++] = iov;
	}
	ends->tables += taken->count > taken->descs;
	a = disk_answer(ends->m, &chain);
	resp = chain.in[0].iov_base;
	resp->sense_len = htole32(a.sense_len);
	resp->resid = htole32(a.residual);
	resp->status = a.status;
	resp->response = a.response;
	memcpy(resp->sense, a.sense, sizeof(a.sense));
	peer_check(&ends->peers[queue], taken);
	peer_use(&ends->peers[queue], taken, a.used_len);
}

static void hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct ends *ends = ctx;
	struct peer_chain chain;

	if (call == FAKE_QUEUE_START)
		attach(ends, queue);
	if (call != FAKE_NOTIFY || queue < 2)
		return;
	do {
		while (peer_take(&ends->peers[queue], &chain))
			serve_one(ends, queue, &chain);
		peer_show(&ends->peers[queue]);
	} while (!peer_sleep(&ends->peers[queue]));
}

/* A write and a read back of @segs blocks, each in a piece of its own. */
static void there_and_back(struct desk *d, unsigned segs)
{
	struct iovec iov[4];
	unsigned i;

	for (i = 0; i < segs; i++) {
		iov[i] = (struct iovec){d->buf + 1024 * i, MODEL_BLOCK};
		memset(iov[i].iov_base, (int)(segs + i), MODEL_BLOCK);
	}
	assert_int_equal(vscsi_writev(d->queue, d->lun, iov, segs, segs, segs, 0, 1), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	assert_int_equal(desk_poll(d).result, 0);
	memset(d->buf, 0, DESK_BUF);
	assert_int_equal(vscsi_readv(d->queue, d->lun, iov, segs, segs, segs, 0, 2), 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
	assert_int_equal(desk_poll(d).result, 0);
	for (i = 0; i < segs; i++)
		assert_int_equal(d->buf[1024 * i + 7], segs + i);
}

/* Returns how many chains lay in a table of their own. */
static unsigned run(const char *options, unsigned segs)
{
	struct ends ends = {.tables = 0};
	struct desk d;
	unsigned i;

	desk_init(&d);
	ends.m = d.m;
	d.m->fake.ops.features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	/* The peer looks at addresses as they are. */
	d.m->fake.shift = 0;
	d.m->fake.hook = hook;
	d.m->fake.ctx = &ends;
	desk_open(&d, options);
	/* Three laps and more of the ring, with every shape of chain at every place. */
	for (i = 0; i < 500; i++) {
		desk_read(&d, i);
		assert_int_equal(desk_poll(&d).result, 0);
		there_and_back(&d, 1 + i % segs);
	}
	desk_close(&d);
	for (i = 0; i < FAKE_QUEUES; i++) {
		assert_string_equal(ends.peers[i].broken ? ends.peers[i].broken : "none", "none");
		peer_detach(&ends.peers[i]);
	}
	return ends.tables;
}

static void test_chains_in_tables(void **state)
{
	(void)state;
	CONFORMS("R-PACK-19", "R-PACK-24", "R-PACK-26", "R-PACK-27");
	assert_true(run("", 4) >= 1500);
	assert_true(run("event_idx=off", 4) >= 1500);
	assert_true(run("in_order=off", 4) >= 1500);
}

static void test_chains_in_the_ring(void **state)
{
	(void)state;
	CONFORMS("R-PACK-08", "R-PACK-19", "R-PACK-23");
	assert_int_equal(run("indirect=off", 2), 0);
	assert_int_equal(run("indirect=off&in_order=off", 2), 0);
}

int packed_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chains_in_tables),
		cmocka_unit_test(test_chains_in_the_ring),
	};

	return cmocka_run_group_tests_name("core/packed", tests, NULL, NULL);
}
