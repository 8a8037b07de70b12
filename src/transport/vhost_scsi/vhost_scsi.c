/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vhost-scsi transport as the layer above sees it: opening, closing, checking, and the table of
 * operations.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_scsi.h>

#include "transport/vhost_scsi/endpoint.h"
#include "transport/vhost_scsi/vhost_scsi.h"
#include "util/bits.h"
#include "util/error.h"

static void destroy(struct vs *vs)
{
	vs_close_rings(vs);
	free(vs);
}

static int connect(struct vs *vs)
{
	int ret = vs_connect(vs);

	if (!ret)
		ret = vs_count_vrings(vs);
	if (ret)
		vs_hang_up(vs);
	return ret;
}

static int vs_open(const char *where, const struct transport_opts *opts, struct transport **out)
{
	struct vs *vs;
	unsigned i;
	int ret;

	(void)opts;
	if (!*where || strlen(where) >= sizeof(vs->target.vhost_wwpn))
		return error_set(-EINVAL,
				 "\"%s\" is not the name of a target; write vhost-scsi:naa.NUMBER, "
				 "as below /sys/kernel/config/target/vhost",
				 where);
	vs = calloc(1, sizeof(*vs));
	if (!vs)
		return error_set(-ENOMEM, "out of memory");
	vs->t.ops = &vhost_scsi_ops;
	vs->t.wait = true;
	vs->fd = -1;
	strcpy(vs->target.vhost_wwpn, where);
	for (i = 0; i < VS_MAX_VRINGS; i++) {
		atomic_init(&vs->vrings[i].kick, -1);
		vs->vrings[i].call = -1;
	}
	ret = connect(vs);
	if (ret) {
		destroy(vs);
		return ret;
	}
	*out = &vs->t;
	return 0;
}

static void vs_close(struct transport *t)
{
	vs_hang_up(vs_of(t));
	destroy(vs_of(t));
}

/* The parent has the same file open, so closing it here stops nothing. */
static void vs_abandon(struct transport *t)
{
	if (vs_of(t)->fd >= 0)
		close(vs_of(t)->fd);
	destroy(vs_of(t));
}

/* The buffers of a request that the kernel has begun can't be taken back. */
static bool vs_cut_off(struct transport *t)
{
	struct vs *vs = vs_of(t);

	if (vs->state != VS_CLOSED && vs_is_drained(vs))
		vs_hang_up(vs);
	return vs->state == VS_CLOSED;
}

static void vs_disconnect(struct transport *t)
{
	struct vs *vs = vs_of(t);

	if (vs->state == VS_RUNNING)
		vs->state = VS_ENDING;
	vs_cut_off(t);
}

/* The device file of the running kernel can always be opened again. */
static bool vs_can_reopen(struct transport *t)
{
	(void)t;
	return true;
}

static int vs_reopen(struct transport *t)
{
	struct vs *vs = vs_of(t);
	int ret = vs_may_call(vs);

	if (ret)
		return ret;
	vs_hang_up(vs);
	ret = connect(vs);
	if (!ret && vs->count)
		ret = vs_send_table(vs);
	if (ret)
		vs_hang_up(vs);
	return ret;
}

/*
 * The kernel reports no changes. VHOST_SET_VRING_ERR is not used, because the kernel signals it for
 * every command to a target that doesn't exist.
 */
static int vs_check(struct transport *t, unsigned *what)
{
	*what = 0;
	return vs_is_gone(vs_of(t)) ? vs_gone(vs_of(t)) : 0;
}

static uint64_t vs_protocol(struct transport *t)
{
	(void)t;
	return 0;
}

/*
 * T10_PI is not among the features: the kernel's layout of a request with protection information
 * is its own.
 */
const struct transport_ops vhost_scsi_ops = {
	.scheme = "vhost-scsi",
	.features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
		    BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_SCSI_F_HOTPLUG),
	.no_used_len = true,
	.no_lun_reset = true,
	.open = vs_open,
	.close = vs_close,
	.abandon = vs_abandon,
	.disconnect = vs_disconnect,
	.cut_off = vs_cut_off,
	.wait_ready = vs_wait_ready,
	.can_reopen = vs_can_reopen,
	.reopen = vs_reopen,
	.get_features = vs_get_features,
	.set_features = vs_set_features,
	.get_status = vs_get_status,
	.set_status = vs_set_status,
	.read_config = vs_read_config,
	.write_config = vs_write_config,
	.queue_count = vs_queue_count,
	.queue_max = vs_queue_max,
	.queue_start = vs_queue_start,
	.queue_stop = vs_queue_stop,
	.notify = vs_notify,
	.mem_map = vs_mem_map,
	.mem_unmap = vs_mem_unmap,
	.mem_map_live = vs_mem_map_live,
	.check = vs_check,
	.call_fd = vs_call_fd,
	.protocol = vs_protocol,
};
