/* SPDX-License-Identifier: BSD-3-Clause */
/* The queues and the table over the transport in memory. The disks are in disks.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <vscsi/error.h>

#include "disks.h"
#include "fixture.h"
#include "queue/notice.h"
#include "util/clock.h"
#include "virtio/device.h"

#define RING_SIZE  64
#define POOL_BYTES (4u << 20)
#define FEATURES                                                                    \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
	 VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX))

static int map_region(void *ctx, const struct dma_region *region, uint64_t *iova)
{
	struct fixture *f = ctx;

	return f->m->fake.ops.mem_map(&f->m->fake.transport, region, iova);
}

static int unmap_region(void *ctx, const struct dma_region *region, uint64_t iova)
{
	struct fixture *f = ctx;

	return f->m->fake.ops.mem_unmap(&f->m->fake.transport, region, iova);
}

static bool is_busy(void *ctx, uint64_t regions)
{
	(void)ctx;
	(void)regions;
	return false;
}

static const struct dma_map_ops map_ops = {map_region, unmap_region, is_busy};

static void start_queues(struct fixture *f)
{
	unsigned i;

	for (i = 0; i < FIXTURE_QUEUES; i++) {
		assert_int_equal(ioq_create(&f->set, VQ_REQUEST + i, RING_SIZE, &f->ioqs[i]), 0);
		f->set.count = f->set.usable = i + 1;
		assert_int_equal(virtq_start(&f->ioqs[i]->vq), 0);
		pthread_mutex_lock(&f->set.lock);
		ioq_set_state(f->ioqs[i], IOQ_RESUMING);
		ioq_set_state(f->ioqs[i], IOQ_RUNNING);
		pthread_mutex_unlock(&f->set.lock);
	}
	assert_int_equal(queue_create(&f->set, VSCSI_QUEUE_SHARED, true, &f->queue), 0);
	assert_int_equal(queue_create(&f->set, VSCSI_QUEUE_EXCLUSIVE, false, &f->app), 0);
}

struct fixture *fixture_new(void)
{
	const struct vscsi_mem_opts opts = {
		.size = sizeof(opts),
		.flags = VSCSI_MEM_ORDINARY,
		.bytes = POOL_BYTES,
	};
	struct fixture *f = calloc(1, sizeof(*f));

	clock_stop(true);
	assert_non_null(f);
	f->m = malloc(sizeof(*f->m));
	assert_non_null(f->m);
	model_init(f->m);
	memset(f->m->present, 0, sizeof(f->m->present));
	f->m->held = MODEL_ALL;
	f->m->fake.accepted = FEATURES;
	disks_init(f);
	assert_int_equal(vscsi_mem_create(&opts, &f->mem), 0);
	assert_int_equal(dma_map_create(f->mem, &map_ops, f, &f->map), 0);
	pthread_mutex_init(&f->set.lock, NULL);
	f->set.transport = &f->m->fake.transport;
	f->set.mem = f->mem;
	f->set.map = f->map;
	f->set.features = FEATURES;
	f->set.doubled = true;
	f->set.ioqs = f->ioqs;
	f->set.seg_max = SLOT_MAX_SEGS;
	start_queues(f);
	f->buf = dma_alloc(f->mem, 65536, 4096);
	assert_non_null(f->buf);
	lun_table_init(&f->table);
	f->table.queue = f->queue;
	f->table.timeout_ms = 30000;
	f->table.io_timeout_ms = 30000;
	f->table.lost = "it hung up";
	f->table.limits = (struct lun_limits){
		.max_sectors = 0xffff,
		.cmd_per_lun = UINT32_MAX,
		.slots = FIXTURE_QUEUES * RING_SIZE,
		.max_target = MODEL_TARGETS - 1,
		.max_lun = MODEL_LUNS - 1,
	};
	return f;
}

void fixture_free(struct fixture *f)
{
	const char *broken;
	unsigned i;

	assert_null(f->table.first);
	assert_null(f->table.opening);
	assert_int_equal(lun_table_doubts(&f->table), 0);
	/* Abandoned calls are freed when they complete. */
	fixture_speak(f);
	fixture_pump(f);
	assert_int_equal(queue_inflight(f->queue), 0);
	assert_int_equal(queue_inflight(f->app), 0);
	lun_table_fini(&f->table);
	dma_free(f->mem, f->buf);
	queue_destroy(f->app);
	queue_destroy(f->queue);
	for (i = 0; i < FIXTURE_QUEUES; i++)
		ioq_destroy(f->ioqs[i]);
	dma_map_destroy(f->map);
	assert_int_equal(vscsi_mem_destroy(f->mem), 0);
	pthread_mutex_destroy(&f->set.lock);
	model_fini(f->m);
	broken = f->m->broken;
	assert_string_equal(broken ? broken : "none", "none");
	clock_stop(false);
	free(f->m);
	free(f);
}

/* As vscsi_poll(), without what a device layer adds. */
static int poll_queue(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned max)
{
	int count = queue_path(queue)->poll(queue, out, max);

	if (!ioq_running(queue->ioq))
		return queue_poll_away(queue, out, max);
	return count & INT32_MAX;
}

void fixture_pump(struct fixture *f)
{
	struct vscsi_completion batch[16];
	int count;
	int i;

	disks_serve(f);
	while ((count = poll_queue(f->queue, batch, ARRAY_LEN(batch))) > 0) {
		for (i = 0; i < count; i++)
			call_deliver_all(&batch[i], 1);
	}
}

void fixture_pump_on(struct fixture *f)
{
	fixture_pump(f);
	clock_skip(1);
}

static int open_with(struct fixture *f, unsigned target, unsigned number,
		     const struct lun_open_opts *opts, struct vscsi_lun **out)
{
	int err = lun_open_begin(&f->table, NULL, target, number, opts, out);

	if (err)
		return err;
	while ((err = lun_open_step(*out)) == -EINPROGRESS)
		fixture_pump_on(f);
	return err;
}

int fixture_open(struct fixture *f, unsigned target, unsigned number, struct vscsi_lun **out)
{
	const struct lun_open_opts opts = {.retries = 5};

	return open_with(f, target, number, &opts, out);
}

int fixture_open_raw(struct fixture *f, unsigned target, unsigned number, struct vscsi_lun **out)
{
	const struct lun_open_opts opts = {.retries = 5, .raw = true};

	return open_with(f, target, number, &opts, out);
}

int fixture_refresh(struct fixture *f, struct vscsi_lun *lun)
{
	struct lun_refresh *refresh;
	int err = lun_refresh_begin(lun, &refresh);

	if (err)
		return err;
	while ((err = lun_refresh_step(refresh)) == -EINPROGRESS)
		fixture_pump_on(f);
	lun_refresh_end(refresh);
	return err;
}

static void take_notices(struct fixture *f)
{
	struct notice notices[NOTICES];
	unsigned count;
	unsigned i;
	bool lost;

	if (!notice_pending(&f->set.notices))
		return;
	count = notice_take(&f->set.notices, notices, &lost);
	for (i = 0; i < count; i++)
		lun_table_suspect(&f->table, notices[i].target, notices[i].lun);
	if (lost)
		lun_table_recount(&f->table);
}

unsigned fixture_round(struct fixture *f, uint64_t missing_until)
{
	unsigned count;
	unsigned doubts;

	take_notices(f);
	doubts = lun_table_revalidate(&f->table, clock_ms(), missing_until,
				      f->changes + f->change_count,
				      ARRAY_LEN(f->changes) - f->change_count, &count);
	f->change_count += count;
	assert_int_equal(doubts, lun_table_doubts(&f->table));
	return doubts;
}

unsigned fixture_revalidate(struct fixture *f)
{
	unsigned rounds = 0;
	unsigned doubts;

	f->change_count = 0;
	while ((doubts = fixture_round(f, 0)) && ++rounds < 200)
		fixture_pump_on(f);
	return doubts;
}

void fixture_cut_off(struct fixture *f, enum inflight_policy policy)
{
	unsigned i;

	f->kept_count = 0;
	memset(f->m->fake.started, 0, sizeof(f->m->fake.started));
	pthread_mutex_lock(&f->set.lock);
	for (i = 0; i < FIXTURE_QUEUES; i++) {
		atomic_store(&f->ioqs[i]->policy, policy);
		ioq_set_state(f->ioqs[i], IOQ_DOWN);
	}
	pthread_mutex_unlock(&f->set.lock);
}

void fixture_lose(struct fixture *f, enum inflight_policy policy)
{
	fixture_cut_off(f, policy);
	lun_table_suspect_all(&f->table);
}

void fixture_return(struct fixture *f)
{
	struct vscsi_completion none;
	unsigned i;

	for (i = 0; i < FIXTURE_QUEUES; i++) {
		assert_int_equal(virtq_renew(&f->ioqs[i]->next_vq, FEATURES), 0);
		assert_int_equal(virtq_start(&f->ioqs[i]->next_vq), 0);
		pthread_mutex_lock(&f->set.lock);
		ioq_set_state(f->ioqs[i],
			      ioq_state(f->ioqs[i]) == IOQ_DOWN ? IOQ_READY : IOQ_RESUMING);
		pthread_mutex_unlock(&f->set.lock);
	}
	fixture_pump(f);
	assert_false(fixture_poll(f, &none));
	assert_true(ioq_running(f->ioqs[0]) && ioq_running(f->ioqs[1]));
}

void fixture_expect(struct fixture *f, unsigned target, unsigned number, unsigned count,
		    const uint32_t (*changes)[2])
{
	unsigned i;

	assert_int_equal(f->change_count, count);
	for (i = 0; i < count; i++) {
		assert_int_equal(f->changes[i].type, changes[i][0]);
		assert_int_equal(f->changes[i].code, changes[i][1]);
		assert_int_equal(f->changes[i].target, target);
		assert_int_equal(f->changes[i].number, number);
	}
}

void fixture_read(struct fixture *f, struct vscsi_lun *lun)
{
	assert_int_equal(queue_path(f->app)->read(f->app, &lun->io, f->buf, 0, 1, 0, 7), 0);
	assert_int_equal(queue_path(f->app)->submit(f->app), 0);
}

bool fixture_poll(struct fixture *f, struct vscsi_completion *out)
{
	disks_serve(f);
	return poll_queue(f->app, out, 1) == 1;
}
