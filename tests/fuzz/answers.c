/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device that follows the rules of its rings but returns false data: while it is opened and
 * scanned, while its LUNs are identified, and in its events.
 */
#include "fuzz.h"

#include <vscsi/vscsi.h>

#include "harness/model.h"
#include "kernel.h"

#define MOST 16u

static struct {
	struct input in;
	struct model *model;
	void (*honest)(void *ctx, enum fake_call call, unsigned queue);
} liar;

/* Whatever the bytes say, over data, response, or both. */
static void lie(const struct chain *chain, unsigned how)
{
	struct answer answer = model_good(chain);
	unsigned i;

	for (i = 1; i < chain->nin && how & 1; i++)
		input_take(&liar.in, chain->in[i].iov_base, chain->in[i].iov_len);
	if (how & 2) {
		answer.response = input_u8(&liar.in);
		answer.status = input_u8(&liar.in);
		answer.sense_len = input_u32(&liar.in);
		answer.residual = input_u32(&liar.in);
		input_take(&liar.in, answer.sense, 24);
	}
	if (how & 4)
		answer.used_len = input_u32(&liar.in);
	model_answer(liar.model, chain, &answer);
}

static void answer(const struct chain *chain)
{
	unsigned how = liar.in.left ? input_u8(&liar.in) & 15 : 0;

	if (chain->queue == 0 && how & 1)
		*(uint8_t *)chain->in[0].iov_base = input_u8(&liar.in);
	if (chain->queue >= 2 && how >= 8)
		lie(chain, how);
	else if (chain->queue == 0)
		model_give(liar.model, chain, 1);
	else
		model_serve_chain(liar.model, chain);
}

static void hook(void *ctx, enum fake_call call, unsigned queue)
{
	struct model *m = liar.model;
	struct chain chain;

	liar.honest(ctx, call, queue);
	if (call != FAKE_NOTIFY || queue == 1)
		return;
	do {
		while (model_take(m, queue, &chain))
			answer(&chain);
	} while (m->fake.started[queue] && !m->broken && !device_sleep(&m->rings[queue]));
}

static void use_lun(struct vscsi_dev *dev, const struct vscsi_lun_addr *addr)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};
	uint8_t block[4096] = {0};
	struct vscsi_lun *lun;

	if (vscsi_lun_open(dev, addr->target, addr->lun, NULL, &lun))
		return;
	MUST(!vscsi_lun_get_info(lun, &info));
	if (info.block_size) {
		MUST(!(info.block_size & (info.block_size - 1)));
		MUST(info.blocks <= UINT64_MAX / info.block_size);
		MUST(info.max_blocks);
	}
	if (info.block_size && info.block_size <= sizeof(block))
		vscsi_pread(lun, block, info.block_size, 0);
	vscsi_lun_refresh(lun);
	vscsi_lun_reset(lun);
	MUST(!vscsi_lun_close(lun));
}

static void tell_events(struct vscsi_dev *dev)
{
	struct vscsi_event events[4];
	uint8_t lun[8];
	unsigned i;
	int count;

	for (i = 0; i < 4 && liar.in.left; i++) {
		input_take(&liar.in, lun, sizeof(lun));
		model_event(liar.model, input_u32(&liar.in), lun, input_u32(&liar.in));
		count = vscsi_dev_poll_events(dev, events, 4);
		MUST(count <= 4);
	}
}

static void use_device(struct vscsi_dev *dev)
{
	struct vscsi_lun_addr found[MOST];
	int count = vscsi_dev_scan(dev, found, MOST);
	int i;

	for (i = 0; i < count && i < (int)MOST; i++) {
		MUST(found[i].target < 256 && found[i].lun < 16384);
		if (i < 3)
			use_lun(dev, &found[i]);
	}
	tell_events(dev);
	MUST(!vscsi_dev_close(dev));
}

static struct vscsi_mem *pool(void)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts), .flags = VSCSI_MEM_ORDINARY, .bytes = 2 << 20};
	static struct vscsi_mem *mem;

	if (!mem)
		MUST(!vscsi_mem_create(&opts, &mem));
	return mem;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vscsi_dev_opts opts = {
		.size = sizeof(opts), .queues = 1, .queue_size = 32, .timeout_ms = 20};
	static const struct kernel_hooks nobody;
	static struct model model;
	struct model *m = &model;
	struct vscsi_mem_stats before = {.size = sizeof(before)};
	struct vscsi_mem_stats after = {.size = sizeof(after)};
	struct vscsi_dev *dev;

	opts.mem = pool();
	MUST(!vscsi_mem_get_stats(opts.mem, &before));
	model_renew(m);
	kernel_begin(&nobody);
	liar.in = (struct input){data, size};
	liar.model = m;
	liar.honest = m->fake.hook;
	m->fake.hook = hook;
	m->held = MODEL_ALL;
	/* Fewer than it could have, so that a scan is over soon. */
	input_take(&liar.in, &m->fake.config, sizeof(m->fake.config));
	m->fake.config.max_target &= htole16(7);
	m->fake.config.max_lun &= htole32(15);
	if (!vscsi_dev_open("fake:liar", &opts, &dev))
		use_device(dev);
	MUST(!vscsi_mem_get_stats(opts.mem, &after));
	MUST(after.used == before.used);
	model_fini(m);
	kernel_end();
	return 0;
}
