/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that breaks its rings, split or packed, in order or not. The bytes are steps of both
 * sides: requests, truthful answers, used entries and indexes that were never due, and scribbling
 * over all that is shared. Whatever it does, each request is returned once.
 */
#include "fuzz.h"

#include <errno.h>

#include <linux/virtio_config.h>

#include <vscsi/vscsi.h>

#include "harness/model.h"
#include "kernel.h"
#include "virtio/device.h"

#define EVENTS   1u
#define QUEUE    3u /* the second request queue: the first is the shared one */
#define REQUESTS 256u
#define TAKEN    32u
#define BLOCKS   8u

static struct {
	struct input in;
	struct model *model;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	uint8_t *buf;
	bool out[REQUESTS];
	unsigned made;
	unsigned inflight;
	struct chain taken[TAKEN];
	unsigned ntaken;
	bool spoilt; /* the device wrote over what it reads, and takes no more of it */
} t;

static void prepare(bool write)
{
	unsigned blocks = input_u8(&t.in) % BLOCKS + 1;
	uint64_t lba = input_u16(&t.in) % 1024;
	int err;

	if (t.made == REQUESTS)
		return;
	err = write ? vscsi_write(t.queue, t.lun, t.buf, lba, blocks, 0, t.made)
		    : vscsi_read(t.queue, t.lun, t.buf, lba, blocks, 0, t.made);
	MUST(!err || err == -EAGAIN || err == -ENOTCONN);
	if (err)
		return;
	t.out[t.made++] = true;
	t.inflight++;
}

static int poll_some(unsigned max)
{
	struct vscsi_completion done[16];
	int count = vscsi_poll(t.queue, done, max);
	int i;

	MUST(count <= (int)max);
	for (i = 0; i < count; i++) {
		MUST(done[i].user_data < t.made && t.out[done[i].user_data]);
		MUST(done[i].result <= 0);
		t.out[done[i].user_data] = false;
		t.inflight--;
	}
	return count;
}

static void take(void)
{
	if (!t.spoilt && t.ntaken < TAKEN && model_take(t.model, QUEUE, &t.taken[t.ntaken]))
		t.ntaken++;
}

static void forget(unsigned first, unsigned count)
{
	t.ntaken -= count;
	memmove(&t.taken[first], &t.taken[first + count], (t.ntaken - first) * sizeof(t.taken[0]));
}

/* Gives back some of the oldest with one used entry, as a device that uses chains in order may. */
static void give_batch(void)
{
	struct device_chain batch[TAKEN];
	unsigned count;
	unsigned i;

	if (!t.ntaken)
		return;
	count = input_u8(&t.in) % t.ntaken + 1;
	for (i = 0; i < count; i++) {
		memset(t.taken[i].in[0].iov_base, 0, RESPONSE_BYTES);
		batch[i] = t.taken[i].taken;
	}
	device_give_batch(&t.model->rings[QUEUE], batch, count, input_u16(&t.in));
	device_show(&t.model->rings[QUEUE]);
	forget(0, count);
}

/* Gives a chain back that was taken, in any order, with any length and any response. */
static void give(bool honest)
{
	struct chain chain;
	unsigned which;

	if (!t.ntaken)
		return;
	which = input_u8(&t.in) % t.ntaken;
	chain = t.taken[which];
	forget(which, 1);
	if (honest) {
		model_serve_chain(t.model, &chain);
		return;
	}
	input_take(&t.in, chain.in[0].iov_base, input_u8(&t.in) % RESPONSE_BYTES);
	model_give(t.model, &chain, input_u32(&t.in));
}

/* The part that the driver owns, and the one that the device does: event structures if packed. */
static size_t part_bytes(const struct ring_device *ring, bool device)
{
	if (ring->packed)
		return sizeof(struct vring_packed_desc_event);
	return 6 + (device ? 8 : 2) * (size_t)ring->size;
}

static void scribble(void)
{
	struct ring_device *ring = &t.model->rings[QUEUE];
	uint16_t at = input_u16(&t.in);
	uint8_t value = input_u8(&t.in);

	t.spoilt |= at >> 14 != 2;
	switch (at >> 14) {
	case 0:
		((uint8_t *)device_desc(ring))[at % (16 * ring->size)] = value;
		break;
	case 1:
		((uint8_t *)device_avail(ring))[at % part_bytes(ring, false)] = value;
		break;
	case 2:
		((uint8_t *)device_used(ring))[at % part_bytes(ring, true)] = value;
		break;
	default:
		/* Headers and tables: the slots lie where the first header that it saw does. */
		if (t.ntaken)
			((uint8_t *)t.taken[0].out[0].iov_base)[at % 512] = value;
	}
}

/* An index that was never due; of a packed ring a used descriptor, anywhere. */
static void show_any(struct ring_device *ring)
{
	uint16_t at = input_u16(&t.in);

	if (!ring->packed)
		device_show_idx(ring, at);
	else
		device_write(ring, at % ring->size, input_u8(&t.in), input_u32(&t.in),
			     input_u16(&t.in));
}

static void step(void)
{
	struct ring_device *ring = &t.model->rings[QUEUE];
	uint8_t lun[8];

	switch (input_u8(&t.in) % 13) {
	case 0:
	case 1:
		prepare(false);
		break;
	case 2:
		prepare(true);
		break;
	case 3:
		vscsi_submit(t.queue);
		break;
	case 4:
		poll_some(input_u8(&t.in) % 16 + 1u);
		break;
	case 5:
		take();
		break;
	case 6:
		give(true);
		break;
	case 7:
		give(false);
		break;
	case 8:
		device_lie(ring, input_u16(&t.in), input_u32(&t.in));
		device_show(ring);
		break;
	case 9:
		show_any(ring);
		break;
	case 10:
		scribble();
		break;
	case 11:
		give_batch();
		break;
	default:
		input_take(&t.in, lun, sizeof(lun));
		model_event(t.model, input_u32(&t.in), lun, input_u32(&t.in));
	}
}

/* A used entry that can't be, wherever the driver stands. */
static void break_ring(struct ring_device *ring, bool odd)
{
	const uint16_t both = 1u << VRING_PACKED_DESC_F_AVAIL | 1u << VRING_PACKED_DESC_F_USED;
	unsigned i;

	/* One of two that far apart is far from where the driver stands. */
	if (!ring->packed)
		device_show_idx(ring, odd ? 0x8000 : 0x4000);
	else
		for (i = 0; i < ring->size; i++)
			device_write(ring, i, UINT16_MAX, 0, odd ? both : 0);
}

/*
 * What is still out comes back once the device is lost. The event queue is broken too: a packed
 * ring with nothing in flight isn't looked at, and requests may all be waiting to be sent again.
 */
static void finish(void)
{
	struct vscsi_event event;
	unsigned polls;

	for (polls = 0; t.inflight && polls < 2 * REQUESTS; polls++) {
		break_ring(&t.model->rings[EVENTS], polls & 1);
		vscsi_dev_poll_events(t.dev, &event, 1);
		break_ring(&t.model->rings[QUEUE], polls & 1);
		poll_some(16);
	}
	MUST(!t.inflight);
}

static struct vscsi_mem *pool(void)
{
	const struct vscsi_mem_opts ordinary = {
		.size = sizeof(ordinary), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 << 20};
	static struct vscsi_mem *mem;

	if (!mem)
		MUST(!vscsi_mem_create(&ordinary, &mem));
	return mem;
}

static void open_all(void)
{
	const struct vscsi_queue_opts exclusive = {.size = sizeof(exclusive),
						   .flags = VSCSI_QUEUE_EXCLUSIVE};
	struct vscsi_dev_opts opts = {
		.size = sizeof(opts), .queues = 2, .queue_size = 32, .timeout_ms = 1000};
	uint8_t how = input_u8(&t.in);

	opts.mem = pool();
	opts.indirect = how & 1 ? VSCSI_OFF : VSCSI_ON;
	opts.event_idx = how & 2 ? VSCSI_OFF : VSCSI_ON;
	if (how & 0x20)
		t.model->fake.ops.features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	if (how & 0x40) {
		t.model->fake.ops.features |= VIRTIO_BIT(VIRTIO_F_IN_ORDER);
		opts.in_order = VSCSI_ON;
	}
	MUST(!vscsi_dev_open("fake:ring", &opts, &t.dev));
	MUST(!vscsi_lun_open(t.dev, 1, 2, NULL, &t.lun));
	MUST(!vscsi_queue_open(t.dev, &exclusive, &t.queue));
	t.buf = vscsi_mem_alloc(opts.mem, BLOCKS * MODEL_BLOCK, 64);
	MUST(t.buf);
}

static void close_all(void)
{
	vscsi_mem_free(vscsi_dev_mem(t.dev), t.buf);
	MUST(!vscsi_queue_close(t.queue));
	MUST(!vscsi_lun_close(t.lun));
	MUST(!vscsi_dev_close(t.dev));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kernel_hooks nobody;
	static struct model model;

	memset(&t, 0, sizeof(t));
	t.in = (struct input){data, size};
	t.model = &model;
	model_renew(&model);
	pool();
	kernel_begin(&nobody);
	open_all();
	t.model->held = UINT64_C(1) << QUEUE | 2;
	while (t.in.left)
		step();
	finish();
	close_all();
	model_fini(&model);
	kernel_end();
	return 0;
}
