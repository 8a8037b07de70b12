/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a peer: how it starts, when it looks at its rings, and how it stops. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "peer.h"

#define TEST_LIMIT 100 /* seconds that one test may take */
#define LOOKED_AT  8u  /* rings that a peer which polls looks at */
#define EVENTS     1u
#define DRIVER_OK  4u

void peer_complain(struct peer *peer, const char *message)
{
	const char *none = NULL;

	atomic_compare_exchange_strong(&peer->complaint, &none, message);
}

/* Called by the rig when a message has been read. Each is good for once and asks for the next. */
static void watch(struct peer *peer, uint32_t request, void (*seen)(struct rig *, void *))
{
	rig_fault(peer->rig, (struct rig_fault){.request = request, .before = seen, .ctx = peer});
}

static void on_stop(struct rig *rig, void *ctx)
{
	struct peer *peer = ctx;

	(void)rig;
	atomic_store(&peer->halted, true);
	watch(peer, RIG_GET_VRING_BASE, on_stop);
}

static void on_kick(struct rig *rig, void *ctx)
{
	struct peer *peer = ctx;

	(void)rig;
	atomic_store(&peer->halted, false);
	watch(peer, RIG_SET_VRING_KICK, on_kick);
}

static void on_status(struct rig *rig, void *ctx)
{
	struct peer *peer = ctx;
	uint64_t status = rig_value(rig, RIG_SET_STATUS, rig_seen(rig, RIG_SET_STATUS) - 1);

	atomic_store(&peer->driver_ok, (status & DRIVER_OK) != 0);
	watch(peer, RIG_SET_STATUS, on_status);
}

static void on_chain(struct rig *rig, unsigned queue, const struct rig_chain *chain, void *ctx)
{
	(void)rig;
	serve_chain(ctx, queue, chain);
}

static bool may_serve(struct peer *peer)
{
	unsigned i;

	if (!peer->habit->whole_device)
		return true;
	for (i = 0; i < 3; i++) {
		if (!rig_running(peer->rig, i))
			return false;
	}
	return atomic_load(&peer->driver_ok) && !atomic_load(&peer->halted);
}

/* Event buffers stay in the ring until there is an event. */
static void look(struct peer *peer)
{
	struct rig_chain chain;
	unsigned i;

	for (i = 0; i < LOOKED_AT; i++) {
		if (i == EVENTS)
			continue;
		while (rig_take(peer->rig, i, &chain))
			serve_chain(peer, i, &chain);
	}
}

static void *poll_rings(void *ctx)
{
	struct peer *peer = ctx;
	unsigned i;

	while (!atomic_load(&peer->stop)) {
		bool ready = may_serve(peer);

		for (i = 0; ready && !atomic_load(&peer->serving) && i < LOOKED_AT; i++)
			rig_set_used_flags(peer->rig, i, 1);
		atomic_store(&peer->serving, ready);
		if (ready)
			look(peer);
		sched_yield();
	}
	return NULL;
}

void peer_wait_serving(struct peer *peer)
{
	while (!atomic_load(&peer->serving))
		sched_yield();
}

void peer_plug(struct peer *peer, unsigned target, unsigned lun)
{
	struct unit *unit;

	pthread_mutex_lock(&peer->lock);
	unit = &peer->units[peer->unit_count++];
	*unit = (struct unit){.target = target, .lun = lun, .data = calloc(1, PEER_BYTES)};
	pthread_mutex_unlock(&peer->lock);
	assert_non_null(unit->data);
}

static void start_rig(struct peer *peer)
{
	const struct habit *habit = peer->habit;
	struct rig_opts opts = {
		.features = habit->features,
		.protocol = habit->protocol,
		.queues = habit->queues,
		.slots = 32,
		.config = habit->config,
		.start_on_kick = habit->start_on_kick,
		.on_chain = habit->polls ? NULL : on_chain,
		.ctx = peer,
	};

	peer->rig = rig_start(&opts);
	if (habit->whole_device) {
		watch(peer, RIG_GET_VRING_BASE, on_stop);
		watch(peer, RIG_SET_VRING_KICK, on_kick);
		watch(peer, RIG_SET_STATUS, on_status);
	}
	/* One of them ends its process at any SET_CONFIG; none has to live with one. */
	rig_plan(peer->rig, RIG_SET_CONFIG, RIG_FAULT_CLOSE, 0);
	if (habit->polls)
		assert_int_equal(pthread_create(&peer->poller, NULL, poll_rings, peer), 0);
}

/* The device owns the socket from here on. */
static void open_device(struct peer *peer)
{
	int fd = rig_socket(peer->rig);
	char address[128];

	if (peer->habit->strict)
		peer->strict = strict_start(peer, &fd);
	snprintf(address, sizeof(address), "vhost-user:fd=%d?queues=2&timeout_ms=%d%s", fd,
		 PEER_TIMEOUT, peer->habit->features & RIG_F_IN_ORDER ? "&in_order=on" : "");
	if (vscsi_dev_open(address, NULL, &peer->dev))
		fail_msg("%s: %s", peer->habit->name, vscsi_last_error());
	rig_taken(peer->rig);
}

struct peer *peer_start(const struct habit *habit)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	unsigned i;

	alarm(TEST_LIMIT);
	assert_non_null(peer);
	peer->habit = habit;
	pthread_mutex_init(&peer->lock, NULL);
	for (i = 0; i < habit->unit_count; i++) {
		peer_plug(peer, habit->units[i].target, habit->units[i].lun);
		/* POWER ON, RESET, OR BUS DEVICE RESET OCCURRED */
		peer->units[i].asc = habit->attention ? 0x29 : 0;
	}
	start_rig(peer);
	open_device(peer);
	return peer;
}

void peer_stop(struct peer *peer)
{
	const char *complaint;
	unsigned i;

	assert_int_equal(vscsi_dev_close(peer->dev), 0);
	atomic_store(&peer->stop, true);
	if (peer->habit->polls)
		pthread_join(peer->poller, NULL);
	if (peer->strict)
		strict_stop(peer->strict);
	complaint = atomic_load(&peer->complaint);
	/* The rig's thread may still look at the units until it is gone. */
	rig_stop(peer->rig);
	for (i = 0; i < peer->unit_count; i++)
		free(peer->units[i].data);
	pthread_mutex_destroy(&peer->lock);
	free(peer);
	if (complaint)
		fail_msg("%s", complaint);
}

void peer_event(struct peer *peer, uint32_t event, const uint8_t lun[8], uint32_t reason)
{
	struct virtio_scsi_event bytes = {.event = event, .reason = reason};
	struct event_buffer buffer = {.addr = NULL};

	if (peer->habit->polls) {
		assert_true(rig_event(peer->rig, event, lun, reason));
		return;
	}
	pthread_mutex_lock(&peer->lock);
	if (peer->buffer_count)
		buffer = peer->buffers[--peer->buffer_count];
	pthread_mutex_unlock(&peer->lock);
	assert_non_null(buffer.addr);
	memcpy(bytes.lun, lun, sizeof(bytes.lun));
	memcpy(buffer.addr, &bytes, sizeof(bytes));
	rig_put(peer->rig, EVENTS, buffer.head,
		peer->habit->used_len == USED_ZERO ? 0 : sizeof(bytes));
	rig_call(peer->rig, EVENTS);
}
