/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport in memory. */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "fake.h"
#include "transport/vhost_user/vhost_user.h"
#include "util/bits.h"
#include "util/error.h"

static struct fake *fake_of(struct transport *t)
{
	return (struct fake *)(void *)t;
}

/* Whether a call is in progress once more. Locked. */
static bool is_pending(struct fake *fake, enum fake_call call, uint64_t value)
{
	bool fits = fake->pending == FAKE_ANY || fake->pending == call;

	/* A kick comes from any thread: it must not look at what only the control path may use. */
	if (call == FAKE_NOTIFY || call >= FAKE_CHECK || call == FAKE_CLOSE || fake->transport.wait)
		return false;
	if (fake->going_on) {
		fake->misused |= call != fake->going_on || value != fake->going_value;
		if (fake->going_times--)
			return true;
		fake->going_on = 0;
		return false;
	}
	if (!fake->pending_times || !fits)
		return false;
	if (fake->pending_skip) {
		fake->pending_skip--;
		return false;
	}
	fake->going_on = call;
	fake->going_value = value;
	fake->going_times = fake->pending_times - 1;
	if (fake->pending != FAKE_ANY)
		fake->pending_times = 0;
	return true;
}

/* Logs a call; 0, or the error that it is to fail with. */
static int enter(struct fake *fake, enum fake_call call, uint64_t value, uint64_t len)
{
	bool pending;
	int err = 0;

	/* Long enough for another thread to run into it. */
	if (call != FAKE_NOTIFY && atomic_fetch_add(&fake->inside, 1))
		atomic_fetch_add(&fake->overlaps, 1);
	sched_yield();
	pthread_mutex_lock(&fake->lock);
	pending = is_pending(fake, call, value);
	if (!pending && fake->logged < FAKE_LOG)
		fake->log[fake->logged++] = (struct fake_entry){call, value, len};
	if (!pending && fake->fail_err && (fake->fail == FAKE_ANY || fake->fail == call) &&
	    fake->fail_skip-- == 0) {
		err = fake->fail_err;
		fake->fail_err = 0;
		fake->fail_skip = 0;
	}
	pthread_mutex_unlock(&fake->lock);
	if (call != FAKE_NOTIFY)
		atomic_fetch_sub(&fake->inside, 1);
	if (pending)
		return -EINPROGRESS;
	return err ? error_set(err, "call %d was told to fail", call) : 0;
}

static void tell(struct fake *fake, enum fake_call call, unsigned queue)
{
	if (fake->hook)
		fake->hook(fake->ctx, call, queue);
}

static void fake_close(struct transport *t)
{
	struct fake *fake = fake_of(t);

	enter(fake, FAKE_CLOSE, 0, 0);
	fake->closed = true;
	memset(fake->started, 0, sizeof(fake->started));
	fake->nregions = 0;
}

static void disconnect(struct transport *t)
{
	struct fake *fake = fake_of(t);

	enter(fake, FAKE_DISCONNECT, 0, 0);
	fake->going_on = 0;
	if (fake->keeps)
		return;
	fake->status = 0;
	memset(fake->started, 0, sizeof(fake->started));
}

static bool cut_off(struct transport *t)
{
	return !fake_of(t)->keeps;
}

static int wait_ready(struct transport *t, int timeout_ms)
{
	return enter(fake_of(t), FAKE_WAIT_READY, (uint64_t)timeout_ms, 0);
}

static int get_features(struct transport *t, uint64_t *features)
{
	struct fake *fake = fake_of(t);

	*features = fake->offer;
	return enter(fake, FAKE_GET_FEATURES, fake->offer, 0);
}

static int set_features(struct transport *t, uint64_t features)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_SET_FEATURES, features, 0);

	if (!err)
		fake->accepted = features;
	return err;
}

static int get_status(struct transport *t)
{
	struct fake *fake = fake_of(t);
	int status = fake->status | fake->insist;
	int err = enter(fake, FAKE_GET_STATUS, (uint64_t)status, 0);

	return err ? err : status;
}

static int set_status(struct transport *t, uint8_t status)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_SET_STATUS, status, 0);

	if (err)
		return err;
	fake->status = status & (uint8_t)~fake->refuse;
	if (!status) {
		fake->accepted = 0;
		memset(fake->started, 0, sizeof(fake->started));
	}
	tell(fake, FAKE_SET_STATUS, 0);
	return 0;
}

static int read_config(struct transport *t, unsigned offset, void *buf, unsigned len)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_READ_CONFIG, offset, len);

	if (err)
		return err;
	if (!fake->config_len)
		return error_set(-EOPNOTSUPP, "no configuration space");
	if (offset + len > fake->config_len || offset + len > sizeof(fake->config))
		return error_set(-EPROTO, "the configuration space has %u bytes", fake->config_len);
	memcpy(buf, (char *)&fake->config + offset, len);
	return 0;
}

static int write_config(struct transport *t, unsigned offset, const void *buf, unsigned len)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_WRITE_CONFIG, offset, len);

	if (!err && !fake->ignore_config_writes)
		memcpy((char *)&fake->config + offset, buf, len);
	return err;
}

static int queue_count(struct transport *t)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_QUEUE_COUNT, 0, 0);

	return err ? err : fake->queue_count;
}

static int queue_max(struct transport *t, unsigned index)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_QUEUE_MAX, index, 0);

	if (err)
		return err;
	return index < 2 && fake->fixed_max ? fake->fixed_max : fake->queue_max;
}

static int queue_start(struct transport *t, const struct transport_queue *queue)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_QUEUE_START, queue->index, queue->base);

	if (err)
		return err;
	fake->queues[queue->index] = *queue;
	fake->started[queue->index] = true;
	tell(fake, FAKE_QUEUE_START, queue->index);
	return 0;
}

static int queue_stop(struct transport *t, unsigned index, uint32_t *base)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_QUEUE_STOP, index, 0);

	if (err)
		return err;
	fake->started[index] = false;
	tell(fake, FAKE_QUEUE_STOP, index);
	*base = fake->base[index];
	return 0;
}

static void notify(struct transport *t, unsigned index, uint32_t data)
{
	struct fake *fake = fake_of(t);

	enter(fake, FAKE_NOTIFY, index, data);
	atomic_fetch_add(&fake->notified[index], 1);
	tell(fake, FAKE_NOTIFY, index);
}

static int mem_map(struct transport *t, const struct dma_region *region, uint64_t *iova)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_MEM_MAP, region->addr, region->len);

	if (err)
		return err;
	*iova = region->addr + fake->shift;
	fake->regions[fake->nregions++] = (struct fake_region){*iova, region->addr, region->len};
	return 0;
}

static int mem_unmap(struct transport *t, const struct dma_region *region, uint64_t iova)
{
	struct fake *fake = fake_of(t);
	int err = enter(fake, FAKE_MEM_UNMAP, region->addr, region->len);
	unsigned i;

	for (i = 0; !err && i < fake->nregions; i++) {
		if (fake->regions[i].iova == iova)
			fake->regions[i] = fake->regions[--fake->nregions];
	}
	return err;
}

static bool mem_map_live(struct transport *t)
{
	return fake_of(t)->map_live;
}

static int check(struct transport *t, unsigned *what)
{
	struct fake *fake = fake_of(t);

	*what = fake->going_on ? 0 : atomic_exchange(&fake->events, 0);
	return enter(fake, FAKE_CHECK, *what, 0);
}

static int call_fd(struct transport *t, unsigned index)
{
	return fake_of(t)->call_fds[index];
}

static uint64_t protocol(struct transport *t)
{
	(void)t;
	return 0;
}

void fake_init(struct fake *fake)
{
	unsigned i;

	memset(fake, 0, offsetof(struct fake, log));
	pthread_mutex_init(&fake->lock, NULL);
	fake->ops = (struct transport_ops){
		.scheme = "fake",
		.features = vhost_user_ops.features,
		.close = fake_close,
		.disconnect = disconnect,
		.cut_off = cut_off,
		.wait_ready = wait_ready,
		.get_features = get_features,
		.set_features = set_features,
		.get_status = get_status,
		.set_status = set_status,
		.read_config = read_config,
		.write_config = write_config,
		.queue_count = queue_count,
		.queue_max = queue_max,
		.queue_start = queue_start,
		.queue_stop = queue_stop,
		.notify = notify,
		.mem_map = mem_map,
		.mem_unmap = mem_unmap,
		.mem_map_live = mem_map_live,
		.check = check,
		.call_fd = call_fd,
		.protocol = protocol,
	};
	fake->transport.ops = &fake->ops;
	fake->transport.wait = true;
	fake->offer = UINT64_MAX;
	fake->config = (struct virtio_scsi_config){
		.num_queues = htole32(4),
		.seg_max = htole32(64),
		.max_sectors = htole32(0xffff),
		.cmd_per_lun = htole32(128),
		.event_info_size = htole32(16),
		.sense_size = htole32(VIRTIO_SCSI_SENSE_DEFAULT_SIZE),
		.cdb_size = htole32(VIRTIO_SCSI_CDB_DEFAULT_SIZE),
		.max_channel = 0,
		.max_target = htole16(3),
		.max_lun = htole32(7),
	};
	fake->config_len = sizeof(fake->config);
	fake->queue_count = 6;
	fake->queue_max = 128;
	fake->map_live = true;
	for (i = 0; i < FAKE_QUEUES; i++)
		fake->call_fds[i] = -1;
}

void fake_fini(struct fake *fake)
{
	pthread_mutex_destroy(&fake->lock);
}

void fake_forget(struct fake *fake)
{
	fake->logged = 0;
}

int fake_find(const struct fake *fake, enum fake_call call, unsigned skip)
{
	unsigned i;

	for (i = 0; i < fake->logged; i++) {
		if (fake->log[i].call == call && skip-- == 0)
			return (int)i;
	}
	return -1;
}

unsigned fake_count(const struct fake *fake, enum fake_call call)
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < fake->logged; i++)
		count += fake->log[i].call == call;
	return count;
}

unsigned fake_statuses(const struct fake *fake, uint8_t *out, unsigned max)
{
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < fake->logged; i++) {
		if (fake->log[i].call != FAKE_SET_STATUS)
			continue;
		if (count < max)
			out[count] = (uint8_t)fake->log[i].value;
		count++;
	}
	return count;
}

bool fake_status_only_grows(const struct fake *fake)
{
	uint8_t statuses[64];
	unsigned count = fake_statuses(fake, statuses, ARRAY_LEN(statuses));
	unsigned i;

	for (i = 1; i < count && i < ARRAY_LEN(statuses); i++) {
		if (statuses[i] && (statuses[i] & statuses[i - 1]) != statuses[i - 1])
			return false;
	}
	return true;
}

void *fake_memory(const struct fake *fake, uint64_t iova, uint64_t len)
{
	unsigned i;

	for (i = 0; i < fake->nregions; i++) {
		const struct fake_region *r = &fake->regions[i];

		if (range_inside(iova, len, r->iova, r->len))
			return (void *)(uintptr_t)(iova - r->iova + r->addr);
	}
	return NULL;
}
