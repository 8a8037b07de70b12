/* SPDX-License-Identifier: BSD-3-Clause */
/* The requested features, the limits from the configuration space, and the transport's options. */
#ifndef DEVICE_CONFIG_H
#define DEVICE_CONFIG_H

#include "device/device.h"

/**
 * config_read - Read a device's limits. Locked
 *
 * Before DRIVER_OK it also sets the device's sizes of CDB and sense data to those of the slots.
 *
 * Return: 0, -EINPROGRESS, or a negative errno with its text set; then @dev->limits is as before.
 */
int config_read(struct vscsi_dev *dev);

/* The features to request. */
struct virtio_request config_features(const struct vscsi_dev *dev);

/* The options of a connection: 0, or -EINVAL for one that the transport doesn't have. */
int config_transport_opts(const struct vscsi_dev_opts *opts, const char *where,
			  struct transport_opts *out);

#endif
