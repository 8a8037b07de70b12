/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every layout of queue: reads and writes of one and of several segments move the right blocks,
 * plain ones without the general path, whatever kind of transfer a slot had before.
 */
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_scsi.h>

#include "harness/loss.h"
#include "queue/path.h"
#include "queue/quiet.h"
#include "queue_tests.h"
#include "virtio/device.h"

/* Transfers move so many blocks at most, each a segment or all of them one. */
#define MOST   4u
#define ROUNDS 400u

/* Of the part of the disk that is used. */
#define BLOCKS 64u

/* More than a 10-byte CDB can address. */
#define WIDE_BLOCKS ((UINT64_C(1) << 32) + BLOCKS)

/* By the linker's --wrap: how often the fast paths left a transfer to the general one. */
static _Thread_local unsigned general;

int __real_queue_transfer(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
			  unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			  uint64_t user_data, bool write);
int __wrap_queue_transfer(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
			  unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			  uint64_t user_data, bool write);
int __real_queue_transfer_one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
			      uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data,
			      bool write);
int __wrap_queue_transfer_one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
			      uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data,
			      bool write);

int __wrap_queue_transfer(struct vscsi_queue *queue, struct io_lun *lun, const struct iovec *iov,
			  unsigned iovcnt, uint64_t lba, uint32_t blocks, uint32_t flags,
			  uint64_t user_data, bool write)
{
	general++;
	return __real_queue_transfer(queue, lun, iov, iovcnt, lba, blocks, flags, user_data, write);
}

int __wrap_queue_transfer_one(struct vscsi_queue *queue, struct io_lun *lun, const void *buf,
			      uint64_t lba, uint32_t blocks, uint32_t flags, uint64_t user_data,
			      bool write)
{
	general++;
	return __real_queue_transfer_one(queue, lun, buf, lba, blocks, flags, user_data, write);
}

/**
 * struct kind - A queue, and a disk, of one kind
 * @options: of the address
 * @counted: the device takes fewer requests for one LUN than the queues have room for
 * @shared: the queue is
 * @wide: the disk takes 16-byte commands
 * @general: there is no fast path
 */
struct kind {
	const char *options;
	bool counted;
	bool shared;
	bool wide;
	bool general;
};

/* What the disk has to hold: a byte for each block. */
struct run {
	struct driver d;
	struct vscsi_queue *queue;
	uint8_t disk[BLOCKS];
	unsigned random;
};

static unsigned draw(struct run *r, unsigned below)
{
	r->random = r->random * 1103515245 + 12345;
	return (r->random >> 16) % below;
}

static int transfer(struct run *r, bool write, bool several, unsigned lba, unsigned blocks)
{
	struct vscsi_lun *lun = r->d.lun;
	char *buf = r->d.buf;
	struct iovec iov[MOST];
	unsigned i;

	for (i = 0; i < blocks; i++)
		iov[i] = (struct iovec){buf + 1024 * i, MODEL_BLOCK};
	if (several && write)
		return vscsi_writev(r->queue, lun, iov, blocks, lba, blocks, 0, lba);
	if (several)
		return vscsi_readv(r->queue, lun, iov, blocks, lba, blocks, 0, lba);
	if (write)
		return vscsi_write(r->queue, lun, buf, lba, blocks, 0, lba);
	return vscsi_read(r->queue, lun, buf, lba, blocks, 0, lba);
}

/* Each block of the buffer in turn is full of one byte: where it lies depends on the segments. */
static char *piece(struct run *r, bool several, unsigned i)
{
	return r->d.buf + (several ? 1024 : MODEL_BLOCK) * (size_t)i;
}

static void expect_moved(struct run *r, bool write, bool several, unsigned lba, unsigned blocks)
{
	unsigned i;

	for (i = 0; i < blocks; i++) {
		const char *at = piece(r, several, i);

		if (write)
			r->disk[lba + i] = (uint8_t)at[0];
		assert_int_equal((uint8_t)at[0], r->disk[lba + i]);
		assert_int_equal((uint8_t)at[MODEL_BLOCK - 1], r->disk[lba + i]);
	}
}

static void one_transfer(struct run *r)
{
	bool write = draw(r, 2);
	bool several = draw(r, 2);
	unsigned blocks = 1 + draw(r, MOST);
	unsigned lba = draw(r, BLOCKS - MOST);
	struct vscsi_completion c;
	unsigned i;

	for (i = 0; i < blocks; i++)
		memset(piece(r, several, i), write ? (int)draw(r, 256) : 0xee, MODEL_BLOCK);
	assert_int_equal(transfer(r, write, several, lba, blocks), 0);
	assert_int_equal(vscsi_submit(r->queue), 0);
	quiet_end(r->queue);
	assert_int_equal(vscsi_poll(r->queue, &c, 1), 1);
	assert_int_equal(c.result, 0);
	assert_int_equal(c.residual, 0);
	assert_int_equal(c.user_data, lba);
	expect_moved(r, write, several, lba, blocks);
}

/* Several at once: they come back by one poll. */
static void batch(struct run *r)
{
	struct vscsi_completion done[MOST];
	unsigned seen = 0;
	unsigned i;

	for (i = 0; i < MOST; i++)
		assert_int_equal(transfer(r, draw(r, 2), false, i, 1), 0);
	assert_int_equal(vscsi_submit(r->queue), 0);
	quiet_end(r->queue);
	for (i = 0; i < MOST;) {
		int got = vscsi_poll(r->queue, &done[i], MOST - i);

		assert_true(got > 0);
		i += (unsigned)got;
	}
	for (i = 0; i < MOST; i++) {
		assert_int_equal(done[i].result, 0);
		seen |= 1u << done[i].user_data;
	}
	assert_int_equal(seen, (1u << MOST) - 1);
	for (i = 0; i < MOST; i++)
		r->disk[i] = r->d.m->disk[i * MODEL_BLOCK];
}

static void expect_kind(const struct kind *kind)
{
	struct run r = {.random = 1};
	unsigned i;

	driver_init(&r.d);
	r.d.m->fake.ops.features |=
		VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	r.d.m->fake.config.cmd_per_lun = htole32(kind->counted ? 7 : UINT32_MAX);
	if (kind->wide)
		r.d.m->blocks = WIDE_BLOCKS;
	driver_open(&r.d, kind->options);
	r.queue =
		driver_open_queue(&r.d, kind->shared ? VSCSI_QUEUE_SHARED : VSCSI_QUEUE_EXCLUSIVE);
	assert_int_equal(queue_path(r.queue)->layout == LAYOUT_general, kind->general);
	general = 0;
	for (i = 0; i < ROUNDS; i++) {
		one_transfer(&r);
		if (!(i % 16))
			batch(&r);
	}
	if (!kind->general)
		assert_int_equal(general, 0);
	assert_int_equal(driver_errors(&r.d), 0);
	assert_int_equal(vscsi_queue_close(r.queue), 0);
	driver_close(&r.d);
}

static void test_every_layout(void **state)
{
	static const struct {
		const char *options;
		bool shared_general;
		bool general;
	} rings[] = {
		{"queues=4&packed=off", false, false},
		{"queues=4", false, false},
		{"queues=4&packed=off&stats=on", false, false},
		{"queues=4&stats=on", false, false},
		{"queues=4&packed=off&indirect=off&max_segs=4", true, false},
		{"queues=4&indirect=off&max_segs=4", true, true},
		{"queues=4&packed=off&in_order=on", true, true},
		{"queues=4&in_order=on", true, true},
	};
	unsigned i;
	unsigned k;

	(void)state;
	CONFORMS("R-SCSI-11");
	for (i = 0; i < ARRAY_LEN(rings); i++) {
		for (k = 0; k < 8; k++) {
			const struct kind kind = {
				.options = rings[i].options,
				.counted = k & 1,
				.shared = k & 2,
				.wide = k & 4,
				.general = k & 2 ? rings[i].shared_general : rings[i].general,
			};

			expect_kind(&kind);
		}
	}
}

/* What a slot may have had before. */
static void other_command(struct driver *d, unsigned which)
{
	const struct vscsi_range range = {.lba = 8, .blocks = 8};
	const struct iovec iov = {d->buf, MODEL_BLOCK};
	const struct vscsi_command raw = {
		.size = sizeof(raw),
		.cdb = {0x8a, 0x18, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 9, 9, 9, [31] = 9},
		.cdb_len = 32,
		.attr = VSCSI_ATTR_ORDERED,
		.out = &iov,
		.out_count = 1,
	};
	int err = -1;

	if (which == 0)
		err = vscsi_prepare_command(d->queue, d->lun, &raw, 1);
	else if (which == 1)
		err = vscsi_unmap(d->queue, d->lun, &range, 1, 1);
	else if (which == 2)
		err = vscsi_write_zeroes(d->queue, d->lun, 8, 1, 0, 1);
	else if (which == 3)
		err = vscsi_compare_and_write(d->queue, d->lun, d->buf, d->buf + 1024, 8, 1, 0, 1);
	else
		err = vscsi_read(d->queue, d->lun, d->buf, 8, 1, VSCSI_IO_FUA, 1);
	assert_int_equal(err, 0);
	assert_int_equal(vscsi_submit(d->queue), 0);
}

/* The whole request of a plain transfer of block 3, and where its data lies. */
static void expect_plain(const struct driver *d, const struct chain *chain, bool write)
{
	const uint8_t *header = chain_cdb(chain) - offsetof(struct virtio_scsi_cmd_req, cdb);
	struct virtio_scsi_cmd_req plain = {.lun = {1, 1, 0x40, 2}};
	const struct iovec *data = write ? &chain->out[1] : &chain->in[1];

	memcpy(&plain.tag, header + offsetof(struct virtio_scsi_cmd_req, tag), sizeof(plain.tag));
	plain.cdb[0] = write ? 0x2a : 0x28;
	plain.cdb[5] = 3;
	plain.cdb[8] = 1;
	assert_memory_equal(header, &plain, sizeof(plain));
	assert_int_equal(chain->nout, write ? 2 : 1);
	assert_int_equal(chain->nin, write ? 1 : 2);
	assert_ptr_equal(data->iov_base, d->buf);
	assert_int_equal(data->iov_len, MODEL_BLOCK);
}

/* A plain transfer has nothing of what the slot had before, also when it is sent again. */
static void test_slots_that_had_others(void **state)
{
	struct chain chain;
	struct driver d;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++) {
		bool write = i & 1;

		driver_init(&d);
		loss_prepare(&d);
		d.m->mode = 0x10; /* FUA */
		driver_open(&d, "");
		d.m->held = UINT64_C(1) << DRIVER_QUEUE;
		clock_stop(true);
		other_command(&d, i / 2);
		chain = driver_take(&d);
		loss_answer(&d, &chain);
		driver_poll(&d);
		general = 0;
		if (write)
			assert_int_equal(vscsi_write(d.queue, d.lun, d.buf, 3, 1, 0, 2), 0);
		else
			assert_int_equal(vscsi_read(d.queue, d.lun, d.buf, 3, 1, 0, 2), 0);
		assert_int_equal(general, 0);
		assert_int_equal(vscsi_submit(d.queue), 0);
		chain = driver_take(&d);
		expect_plain(&d, &chain, write);
		loss_lose(&d);
		loss_find(&d);
		driver_poll_nothing(&d);
		chain = driver_take(&d);
		expect_plain(&d, &chain, write);
		loss_answer(&d, &chain);
		assert_int_equal(driver_poll(&d).result, 0);
		driver_close(&d);
	}
}

int layouts_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_layout),
		cmocka_unit_test(test_slots_that_had_others),
	};

	return cmocka_run_group_tests_name("queue/layouts", tests, NULL, NULL);
}
