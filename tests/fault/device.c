/* SPDX-License-Identifier: BSD-3-Clause */
/* Scenarios for devices, LUNs and queues: from open to close. */
#include <errno.h>

#include "scenario.h"

/* More LUNs than a scan's list has room for initially. */
#define MANY_LUNS 20u

static int open_in(struct world *w, struct vscsi_mem *mem)
{
	const struct vscsi_dev_opts opts = {
		.size = sizeof(opts), .mem = mem, .mem_bytes = 2u << 20};
	struct liar *liar = w->liar;
	char address[128];
	int err;

	if (liar->dev)
		return 0;
	if (!liar->rig)
		liar_start(liar);
	snprintf(address, sizeof(address), "vhost-user:%s%s", rig_address(liar->rig),
		 liar->options);
	err = vscsi_dev_open(address, &opts, &liar->dev);
	if (!err)
		rig_taken(liar->rig);
	return err;
}

int open_device(struct world *w)
{
	return open_in(w, w->pool);
}

static int open_with_pool(struct world *w)
{
	return open_in(w, NULL);
}

void setup_device(struct world *w)
{
	if (open_device(w))
		fail_msg("%s", vscsi_last_error());
}

void setup_all(struct world *w)
{
	setup_device(w);
	liar_up(w->liar);
}

/*
 * The rig does not serve packed rings, but no ring is used before the first command; it checks them
 * as split rings, which does not matter here.
 */
static void setup_packed(struct world *w)
{
	w->liar->opts.features |= RIG_F_PACKED;
	w->liar->spoiled = true;
	liar_start(w->liar);
}

static void setup_in_order(struct world *w)
{
	w->liar->opts.features |= RIG_F_IN_ORDER;
	liar_start(w->liar);
}

static void setup_region(struct world *w)
{
	assert_int_equal(vscsi_mem_register(w->pool, w->own, WORLD_OWN, w->own_fd, 0), 0);
	liar_start(w->liar);
}

static void setup_many(struct world *w)
{
	w->liar->luns = MANY_LUNS;
	w->liar->opts.config.max_lun = MANY_LUNS - 1;
	setup_device(w);
}

static int scan(struct world *w)
{
	struct vscsi_lun_addr found[MANY_LUNS];
	int count = vscsi_dev_scan(w->liar->dev, found, MANY_LUNS);

	if (count < 0)
		return count;
	assert_int_equal(count, MANY_LUNS);
	return 0;
}

static int open_lun(struct world *w)
{
	return vscsi_lun_open(w->liar->dev, 0, 0, NULL, &w->liar->lun);
}

/* The disk has no names: all LUNs are asked, and none is the one. */
static int open_by_id(struct world *w)
{
	int err = vscsi_lun_open_by_id(w->liar->dev, NULL, NULL, &w->liar->lun);

	return err == -ENODEV ? 0 : err;
}

static int refresh_lun(struct world *w)
{
	struct vscsi_lun_info info = {.size = sizeof(info)};

	assert_int_equal(vscsi_lun_get_info(w->liar->lun, &info), 0);
	assert_int_equal(info.blocks, LIAR_BLOCKS);
	return vscsi_lun_refresh(w->liar->lun);
}

static int watch_device(struct world *w)
{
	int fd = vscsi_dev_fd(w->liar->dev);

	return fd < 0 ? fd : 0;
}

static int open_queues(struct world *w)
{
	static const struct vscsi_queue_opts kinds[WORLD_QUEUES] = {
		{sizeof(kinds[0]), VSCSI_QUEUE_EXCLUSIVE, 0},
		{sizeof(kinds[0]), VSCSI_QUEUE_SHARED, 0},
	};
	unsigned i;
	int err = 0;

	for (i = 0; i < WORLD_QUEUES && !err; i++) {
		if (!w->queues[i])
			err = vscsi_queue_open(w->liar->dev, &kinds[i], &w->queues[i]);
	}
	return err;
}

static int close_all(struct world *w)
{
	int err = vscsi_queue_close(w->liar->queue);

	if (!err)
		err = vscsi_lun_close(w->liar->lun);
	if (!err)
		err = vscsi_dev_close(w->liar->dev);
	w->liar->queue = NULL;
	w->liar->lun = NULL;
	w->liar->dev = NULL;
	return err;
}

static int register_hot(struct world *w)
{
	return vscsi_mem_register(vscsi_dev_mem(w->liar->dev), w->own, WORLD_OWN, w->own_fd, 0);
}

static void setup_hot(struct world *w)
{
	setup_device(w);
	assert_int_equal(register_hot(w), 0);
}

static int unregister_hot(struct world *w)
{
	return vscsi_mem_unregister(vscsi_dev_mem(w->liar->dev), w->own);
}

#define SMALL     "?queues=2"
#define ONE_QUEUE "?queues=1"

const struct scenario device_scenarios[] = {
	{"open", NULL, open_device, PATH, SMALL},
	{"open an inherited socket", NULL, open_device, ONCE, ONE_QUEUE},
	{"open with few features", NULL, open_device, PATH,
	 ONE_QUEUE "&mem_slots=off&reply_ack=off&status=off&config=off&backend_req=off"},
	{"open with packed rings", setup_packed, open_device, PATH | NO_MESSAGES, SMALL},
	{"open with in-order rings", setup_in_order, open_device, PATH | NO_MESSAGES,
	 SMALL "&in_order=on"},
	{"open with a separate pool", NULL, open_with_pool, PATH | NO_MESSAGES, SMALL},
	{"open in a pool with regions", setup_region, open_device, PATH | NO_MESSAGES, SMALL},
	{"scan", setup_many, scan, CHANNEL, SMALL},
	{"open a LUN", setup_device, open_lun, CHANNEL, SMALL},
	{"open a LUN by its identity", setup_device, open_by_id, CHANNEL | NO_MESSAGES,
	 SMALL "&id=serial.SN42"},
	{"refresh a LUN", setup_all, refresh_lun, CHANNEL, SMALL},
	{"watch a device", setup_device, watch_device, FALLBACKS, SMALL},
	{"open queues", setup_device, open_queues, 0, SMALL},
	{"register memory while running", setup_device, register_hot, 0, SMALL},
	{"register memory by stopping", setup_device, register_hot, 0, ONE_QUEUE "&mem_slots=off"},
	/* A device that is lost meanwhile can't reach the memory either: no failure. */
	{"unregister memory while running", setup_hot, unregister_hot, FALLBACKS, SMALL},
	{"unregister memory by stopping", setup_hot, unregister_hot, FALLBACKS,
	 ONE_QUEUE "&mem_slots=off"},
	{"close", setup_all, close_all, CANT_FAIL, SMALL},
	{"close with few features", setup_all, close_all, CANT_FAIL,
	 SMALL "&reply_ack=off&status=off&reset_device=off"},
};
const unsigned device_scenario_count = ARRAY_LEN(device_scenarios);
