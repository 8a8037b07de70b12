/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What librte_vhost calls, all in one thread of its own.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"
#include "target/error.h"

#define SET_MEM_TABLE  5
#define SET_VRING_NUM  8
#define GET_VRING_BASE 11
#define GET_CONFIG     24

/* A message as librte_vhost hands it on. */
struct received {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		struct vhost_vring_state state;
		struct {
			uint32_t offset;
			uint32_t size;
			uint32_t flags;
			uint8_t bytes[sizeof(struct virtio_scsi_config)];
		} config;
	};
};

/* Locks. Return: whether it is the current connection; the end of one may come late. */
static bool enter(int vid)
{
	pthread_mutex_lock(&backend.lock);
	return vid == backend.session.watch.fd;
}

static void leave(void)
{
	pthread_mutex_unlock(&backend.lock);
}

static int on_ring(int vid, uint16_t i, int ready)
{
	if (enter(vid) && (!ready || !backend.all_or_none || backend.is_new))
		(ready ? ring_serve : ring_end)(i);
	leave();
	return 0;
}

/* Rings may follow: without STATUS, librte_vhost knows of no ring before its first message. */
static int on_new(int vid)
{
	unsigned i;

	if (enter(vid)) {
		backend.is_new = true;
		for (i = 0; backend.all_or_none && i < rte_vhost_get_vring_num(vid); i++)
			ring_serve(i);
	}
	leave();
	return 0;
}

static void on_destroy(int vid)
{
	if (enter(vid)) {
		backend.is_new = false;
		if (backend.all_or_none)
			rings_end();
	}
	leave();
}

static void on_notified(int vid)
{
	(void)vid;
	backend.device.counters.calls++;
}

static enum rte_vhost_msg_result get_config(struct received *m)
{
	struct virtio_scsi_config config = session_config(&backend.session);

	if (m->config.offset || m->config.size > sizeof(config))
		return RTE_VHOST_MSG_RESULT_ERR;
	memcpy(m->config.bytes, &config, m->config.size);
	return RTE_VHOST_MSG_RESULT_REPLY;
}

/*
 * Before librte_vhost does its part. GET_VRING_BASE is answered before the ring is called not
 * ready; SET_MEM_TABLE unmaps what rings use, so the library must have stopped them.
 */
static enum rte_vhost_msg_result handle(struct received *m)
{
	if (m->request == GET_CONFIG)
		return get_config(m);
	if (m->request == GET_VRING_BASE && m->state.index < RINGS_MAX)
		ring_end(m->state.index);
	if (m->request == SET_VRING_NUM && m->state.num > backend.device.options.queue_size)
		return RTE_VHOST_MSG_RESULT_ERR;
	if (m->request == SET_MEM_TABLE && session_any_started(&backend.session))
		return RTE_VHOST_MSG_RESULT_ERR;
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static enum rte_vhost_msg_result on_message(int vid, void *message)
{
	enum rte_vhost_msg_result result = RTE_VHOST_MSG_RESULT_ERR;

	if (enter(vid))
		result = handle(message);
	leave();
	return result;
}

static int on_connection(int vid)
{
	static const struct rte_vhost_user_extern_ops extern_ops = {.pre_msg_handle = on_message};

	enter(vid);
	rings_end();
	session_reset(&backend.session);
	backend.is_new = false;
	backend.session.watch.fd = vid;
	backend.device.counters.clients++;
	leave();
	return rte_vhost_extern_callback_register(vid, &extern_ops, NULL);
}

static void on_disconnection(int vid)
{
	if (enter(vid)) {
		rings_end();
		backend.session.watch.fd = -1;
	}
	leave();
}

static void on_interrupt(int number)
{
	(void)number;
}

/*
 * librte_vhost's thread begins by waiting a second, without the new socket: it is interrupted by a
 * signal that all other threads block.
 */
static int start(const char *path)
{
	sigset_t set;
	int rc;

	signal(SIGUSR1, on_interrupt);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	rc = rte_vhost_driver_start(path);
	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGUSR1);
	return rc;
}

int vhost_listen(const char *path)
{
	static const struct rte_vhost_device_ops device_ops = {
		.new_device = on_new,
		.destroy_device = on_destroy,
		.vring_state_changed = on_ring,
		.new_connection = on_connection,
		.destroy_connection = on_disconnection,
		.guest_notified = on_notified,
	};
	const struct features *offered = &backend.device.options.features;
	uint64_t protocol;

	unlink(path);
	if (rte_vhost_driver_register(path, 0) ||
	    rte_vhost_driver_set_features(path, offered->virtio & ~BIT(VIRTIO_F_IN_ORDER)) ||
	    rte_vhost_driver_get_protocol_features(path, &protocol))
		return set_error(EIO, "librte_vhost doesn't take %s", path);
	protocol |= BIT(P_CONFIG) | BIT(P_INFLIGHT_SHMFD);
	if (rte_vhost_driver_set_protocol_features(path, protocol & offered->protocol) ||
	    rte_vhost_driver_callback_register(path, &device_ops) || start(path))
		return set_error(EIO, "librte_vhost can't listen on %s", path);
	return 0;
}
