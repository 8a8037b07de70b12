/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked of a device, and what it says of itself. */
#ifndef DEVICE_CONFIG_H
#define DEVICE_CONFIG_H

#include "device/device.h"

/**
 * config_read - Read a device's limits. Locked
 *
 * Before DRIVER_OK it also sets the sizes of CDB and sense data to those of our headers.
 *
 * Return: 0, -EINPROGRESS, or a negative errno with its text set; then @dev->limits is as before.
 */
int config_read(struct vscsi_dev *dev);

/* The features to ask for. */
struct virtio_request config_features(const struct vscsi_dev *dev);

/* The options of a connection: 0, or -EINVAL for one that the transport doesn't have. */
int config_transport_opts(const struct vscsi_dev_opts *opts, const char *where,
			  struct transport_opts *out);

#endif
