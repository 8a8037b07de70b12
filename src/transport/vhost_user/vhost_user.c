/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-user transport as the layer above sees it: opening, closing, checking, and the table of
 * operations. The other files of this folder exchange the messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_scsi.h>

#include "transport/vhost_user/session.h"
#include "transport/vhost_user/vhost_user.h"
#include "util/bits.h"
#include "util/error.h"
#include "util/fd.h"

/* The protocol has no message for it; SPDK's target has the lowest known limit. */
#define QUEUE_MAX 1024

static struct vu *new_session(const struct transport_opts *opts)
{
	struct vu *vu = calloc(1, sizeof(*vu));
	unsigned i;

	if (!vu)
		return NULL;
	vu->t.ops = &vhost_user_ops;
	vu->t.wait = true;
	vu->fd = -1;
	vu->ended = -1;
	vu->at.directory = -1;
	vu->channel.fd = vu->channel.theirs = -1;
	vu->exchange.fd = -1;
	vu->inflight_fd = -1;
	vu->left.pidfd = -1;
	vu->opts = *opts;
	vu->timeout_ms = opts->timeout_ms;
	vu->guest_base = opts->guest_base;
	for (i = 0; i < VU_MAX_VRINGS; i++) {
		atomic_init(&vu->vrings[i].kick, -1);
		vu->vrings[i].call = -1;
	}
	/* One for all rings: a ring that fails makes the device fail. */
	vu->err = fd_raise(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	return vu;
}

static void destroy(struct vu *vu)
{
	vu_forget_message(vu);
	vu_channel_close(vu);
	vu_inflight_drop(vu);
	vu_vrings_free(vu);
	socket_peer_forget(&vu->left);
	if (vu->err >= 0)
		close(vu->err);
	socket_forget_path(&vu->at);
	if (vu->fd >= 0 && vu->owned)
		close(vu->fd);
	if (vu->ended >= 0 && vu->owned)
		close(vu->ended);
	free(vu);
}

static int vu_open(const char *where, const struct transport_opts *opts, struct transport **out)
{
	struct vu *vu = new_session(opts);
	int ret;

	if (!vu)
		return error_set(-ENOMEM, "no memory for a connection");
	if (vu->err < 0) {
		ret = error_no_fd();
		goto fail;
	}
	ret = vu_take_address(vu, where);
	if (ret)
		goto fail;
	ret = vu_handshake(vu);
	if (ret)
		goto fail;
	/* From here on the library owns a handed-over socket. */
	vu->handed_over = !vu->owned;
	if (vu->handed_over)
		fcntl(vu->fd, F_SETFD, FD_CLOEXEC);
	vu->owned = true;
	*out = &vu->t;
	return 0;
fail:
	destroy(vu);
	return ret;
}

static void vu_close(struct transport *t)
{
	static vu_step *const steps[] = {vu_stop_rings};
	struct vu *vu = vu_of(t);

	/* Errors are ignored: closing the connection stops the rings too. */
	if (t->wait)
		vu_run_steps(vu, steps, ARRAY_LEN(steps), NULL);
	if (vu->fd >= 0)
		shutdown(vu->fd, SHUT_RDWR);
	destroy(vu);
}

/* Does not shut the socket down: the parent uses the same one. */
static void vu_abandon(struct transport *t)
{
	destroy(vu_of(t));
}

static void vu_disconnect(struct transport *t)
{
	vu_fail(vu_of(t), 0);
}

static void vu_hand_back(struct transport *t)
{
	vu_of(t)->owned = !vu_of(t)->handed_over;
}

/* Resets the state of a connection; eventfds stay open, because other threads may use them. */
static void forget_connection(struct vu *vu)
{
	vu_fail(vu, 0);
	vu_forget_rings(vu);
	fd_clear(vu->err);
	vu->protocol = 0;
	vu->bit30 = false;
	vu->accepted = false;
	vu->status = 0;
	vu->config_changed = false;
	vu->table_stale = true;
}

/* A handed-over socket can't be connected again: its path is not known. */
static bool vu_can_reopen(struct transport *t)
{
	return *vu_of(t)->at.path;
}

/* A new connection repeats the whole handshake (vhost-user, "Communication", SET_OWNER). */
static int vu_reopen(struct transport *t)
{
	struct vu *vu = vu_of(t);
	int ret;

	if (!vu_busy(vu)) {
		forget_connection(vu);
		vu_inflight_drop(vu);
	}
	ret = vu_handshake(vu);
	return ret && ret != -EINPROGRESS ? vu_fail(vu, ret) : ret;
}

static bool vu_outlived(struct transport *t)
{
	return socket_peer_outlived(&vu_of(t)->left, vu_of(t)->fd);
}

static int vu_queue_count(struct transport *t)
{
	return (int)vu_of(t)->vring_count;
}

static int vu_queue_max(struct transport *t, unsigned index)
{
	return index < vu_of(t)->vring_count ? QUEUE_MAX : 0;
}

/*
 * Checks the main socket, the back-end's channel and the ring errors, without waiting. This is how
 * a dead back-end is detected while no message is under way.
 */
static int vu_check(struct transport *t, unsigned *what)
{
	struct vu *vu = vu_of(t);
	int ret;

	*what = 0;
	/* Bytes on the socket belong to the answer. */
	if (vu_busy(vu))
		return 0;
	ret = vu_quiet(vu, NULL);
	if (ret)
		return ret;
	vu_channel_serve(vu);
	if (vu->config_changed)
		*what |= TRANSPORT_CONFIG;
	vu->config_changed = false;
	if (fd_take(vu->err) == 1)
		*what |= TRANSPORT_BROKEN;
	return 0;
}

static int vu_watch_fd(struct transport *t)
{
	return vu_of(t)->fd;
}

static uint64_t vu_protocol(struct transport *t)
{
	return vu_of(t)->protocol;
}

static const char *const options[] = {"guest_base", NULL};

/*
 * ACCESS_PLATFORM is not among the features: over vhost-user it would make all addresses those of
 * an IOMMU, which does not exist here (virtio 1.4, 2.2.1 lets a transport exclude a feature).
 */
const struct transport_ops vhost_user_ops = {
	.scheme = "vhost-user",
	.features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		    BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_RING_PACKED) |
		    BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_SCSI_F_INOUT) | BIT(VIRTIO_SCSI_F_HOTPLUG) |
		    BIT(VIRTIO_SCSI_F_CHANGE),
	.protocol_features = vu_features,
	.protocol_feature_count = VU_FEATURES,
	.options = options,
	.open = vu_open,
	.close = vu_close,
	.abandon = vu_abandon,
	.disconnect = vu_disconnect,
	.wait_ready = vu_wait_ready,
	.can_reopen = vu_can_reopen,
	.reopen = vu_reopen,
	.outlived = vu_outlived,
	.track = vu_track,
	.tracked = vu_tracked,
	.hand_back = vu_hand_back,
	.get_features = vu_get_features,
	.set_features = vu_set_features,
	.get_status = vu_get_status,
	.set_status = vu_set_status,
	.read_config = vu_read_config,
	.write_config = vu_write_config,
	.queue_count = vu_queue_count,
	.queue_max = vu_queue_max,
	.queue_start = vu_queue_start,
	.queue_stop = vu_queue_stop,
	.notify = vu_notify,
	.mem_map = vu_mem_map,
	.mem_unmap = vu_mem_unmap,
	.mem_map_live = vu_mem_map_live,
	.check = vu_check,
	.watch_fd = vu_watch_fd,
	.call_fd = vu_call_fd,
	.protocol = vu_protocol,
};
