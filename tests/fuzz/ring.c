/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that breaks its rings. The bytes are steps of both sides: requests, truthful answers,
 * used entries and indexes that were never due, and scribbling over all that is shared. Whatever it
 * does, each request is returned once.
 */
#include "fuzz.h"

#include <errno.h>

#include <vscsi/vscsi.h>

#include "core/model.h"

#define QUEUE    3u /* the second request queue: the first is for those who share */
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

/* Gives a chain back that was taken, in any order, with any length and any response. */
static void give(bool honest)
{
	struct chain chain;
	unsigned which;

	if (!t.ntaken)
		return;
	which = input_u8(&t.in) % t.ntaken;
	chain = t.taken[which];
	t.taken[which] = t.taken[--t.ntaken];
	if (honest) {
		model_serve_chain(t.model, &chain);
		return;
	}
	input_take(&t.in, chain.in[0].iov_base, input_u8(&t.in) % RESPONSE_BYTES);
	model_give(t.model, &chain, input_u32(&t.in));
}

static void scribble(void)
{
	struct ring_device *ring = &t.model->rings[QUEUE];
	uint16_t at = input_u16(&t.in);
	uint8_t value = input_u8(&t.in);

	t.spoilt |= at >> 14 != 2;
	switch (at >> 14) {
	case 0:
		((uint8_t *)ring->desc)[at % (16 * ring->size)] = value;
		break;
	case 1:
		((uint8_t *)ring->avail)[at % (6 + 2 * ring->size)] = value;
		break;
	case 2:
		((uint8_t *)ring->used)[at % (6 + 8 * ring->size)] = value;
		break;
	default:
		/* Headers and tables: the slots lie where the first header that it saw does. */
		if (t.ntaken)
			((uint8_t *)t.taken[0].out[0].iov_base)[at % 512] = value;
	}
}

static void step(void)
{
	struct ring_device *ring = &t.model->rings[QUEUE];
	uint8_t lun[8];

	switch (input_u8(&t.in) % 12) {
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
		device_show_idx(ring, input_u16(&t.in));
		break;
	case 10:
		scribble();
		break;
	default:
		input_take(&t.in, lun, sizeof(lun));
		model_event(t.model, input_u32(&t.in), lun, input_u32(&t.in));
	}
}

/* What is still out comes back once the device is lost: an index that can't be loses it. */
static void finish(void)
{
	struct ring_device *ring = &t.model->rings[QUEUE];
	unsigned polls;

	for (polls = 0; t.inflight && polls < 2 * REQUESTS; polls++) {
		/* One of two that far apart is far from where the driver stands. */
		device_show_idx(ring, polls & 1 ? 0x8000 : 0x4000);
		poll_some(16);
	}
	MUST(!t.inflight);
}

static void open_all(void)
{
	const struct vscsi_queue_opts exclusive = {.size = sizeof(exclusive),
						   .flags = VSCSI_QUEUE_EXCLUSIVE};
	const struct vscsi_mem_opts ordinary = {
		.size = sizeof(ordinary), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 << 20};
	struct vscsi_dev_opts opts = {
		.size = sizeof(opts), .queues = 2, .queue_size = 32, .timeout_ms = 1000};
	static struct vscsi_mem *mem;
	uint8_t how = input_u8(&t.in);

	if (!mem)
		MUST(!vscsi_mem_create(&ordinary, &mem));
	opts.mem = mem;
	opts.indirect = how & 1 ? VSCSI_OFF : VSCSI_ON;
	opts.event_idx = how & 2 ? VSCSI_OFF : VSCSI_ON;
	MUST(!vscsi_dev_open("fake:ring", &opts, &t.dev));
	MUST(!vscsi_lun_open(t.dev, 1, 2, NULL, &t.lun));
	MUST(!vscsi_queue_open(t.dev, &exclusive, &t.queue));
	t.buf = vscsi_mem_alloc(mem, BLOCKS * MODEL_BLOCK, 64);
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
	memset(&t, 0, sizeof(t));
	t.in = (struct input){data, size};
	t.model = malloc(sizeof(*t.model));
	MUST(t.model);
	model_init(t.model);
	open_all();
	t.model->held = UINT64_C(1) << QUEUE | 2;
	while (t.in.left)
		step();
	finish();
	close_all();
	model_fini(t.model);
	free(t.model);
	return 0;
}
