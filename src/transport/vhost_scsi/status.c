/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Features and the device status. The kernel keeps no status, so it is emulated here (virtio 1.4,
 * 2.1): DRIVER_OK is VHOST_SCSI_SET_ENDPOINT, a reset is VHOST_SCSI_CLEAR_ENDPOINT.
 */
#include <errno.h>

#include <linux/virtio_config.h>

#include "transport/vhost_scsi/endpoint.h"
#include "util/error.h"

int vs_get_features(struct transport *t, uint64_t *features)
{
	return vs_call(vs_of(t), VHOST_GET_FEATURES, features, "VHOST_GET_FEATURES");
}

int vs_set_features(struct transport *t, uint64_t features)
{
	struct vs *vs = vs_of(t);
	int ret = vs_call(vs, VHOST_SET_FEATURES, &features, "VHOST_SET_FEATURES");

	if (!ret)
		vs->accepted = true;
	return ret;
}

int vs_get_status(struct transport *t)
{
	struct vs *vs = vs_of(t);

	return vs_is_gone(vs) ? vs_gone(vs) : vs->status;
}

/*
 * The kernel accepts only a target that has a nexus and that no other endpoint uses. Kicks from
 * before the endpoint was set are lost.
 */
static int start(struct vs *vs)
{
	const char *name = vs->target.vhost_wwpn;
	int ret = vs_call(vs, VHOST_SCSI_SET_ENDPOINT, &vs->target, "VHOST_SCSI_SET_ENDPOINT");

	/* Kernels differ in the errno. */
	if (ret == -ENODEV || ret == -EEXIST)
		return error_set(-ENODEV,
				 "LIO has no target %s for us: it needs a TPG with a nexus, below "
				 "/sys/kernel/config/target/vhost, that no other program has open",
				 name);
	if (ret == -ENOMEM)
		return error_set(ret,
				 "the kernel has no memory for the requests of %s, 160 KiB for "
				 "each entry of a queue; use fewer queues or a smaller queue_size",
				 name);
	if (ret)
		return ret;
	vs->state = VS_RUNNING;
	vs_kick_all(vs);
	return 0;
}

/* Waits for requests in flight if calls may wait; otherwise in progress until there are none. */
static int stop(struct vs *vs)
{
	int ret = vs_may_call(vs);

	if (ret)
		return ret;
	if (vs->state != VS_IDLE)
		ret = vs_call(vs, VHOST_SCSI_CLEAR_ENDPOINT, &vs->target,
			      "VHOST_SCSI_CLEAR_ENDPOINT");
	if (ret)
		return ret;
	vs->state = VS_IDLE;
	vs->accepted = false;
	vs->status = 0;
	vs_forget_rings(vs);
	return 0;
}

int vs_set_status(struct transport *t, uint8_t status)
{
	struct vs *vs = vs_of(t);
	int ret = 0;

	if (!status)
		return stop(vs);
	if (vs_is_gone(vs))
		return vs_gone(vs);
	/* A device that rejects the features clears FEATURES_OK. */
	if (!vs->accepted)
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	if (status & ~vs->status & VIRTIO_CONFIG_S_DRIVER_OK)
		ret = start(vs);
	if (!ret)
		vs->status = status;
	return ret;
}
