/* SPDX-License-Identifier: BSD-3-Clause */
/* The status dance of virtio 1.4, 3.1.1, each step verified before the next. */
#include <errno.h>

#include <linux/virtio_config.h>

#include "util/bits.h"
#include "util/error.h"
#include "virtio/device.h"
#include "virtio/features.h"

/*
 * None of the features that we take needs another one; the rules of 2.2.1 are kept here for those
 * that will.
 */
static const struct feature_rule rules[] = {
	{0, 0},
};

/* Adds a status bit and reads it back; bits are never taken away but by a reset (2.1.1). */
static int add_status(struct virtio_dev *dev, uint8_t bit)
{
	uint8_t status = dev->status | bit;
	int now;
	int err;

	/* Noted even if it fails: FAILED, which follows then, must not clear what did arrive. */
	dev->status = status;
	err = dev->transport->ops->set_status(dev->transport, status);
	if (err)
		return err;
	now = dev->transport->ops->get_status(dev->transport);
	if (now < 0)
		return now;
	if (now & VIRTIO_CONFIG_S_NEEDS_RESET)
		return error_set(-EIO,
				 "the device asks for a reset (status 0x%02x) while it is "
				 "being started; restart the back-end",
				 now);
	/* Only the set of features is something to agree about. */
	if ((now & status) != status)
		return error_set(bit == VIRTIO_CONFIG_S_FEATURES_OK ? -ENOTSUP : -EIO,
				 "the device refused status 0x%02x and shows 0x%02x", status, now);
	return 0;
}

int virtio_reset(struct virtio_dev *dev)
{
	int err = dev->transport->ops->set_status(dev->transport, 0);

	if (err)
		return err;
	dev->status = 0;
	dev->features = 0;
	return 0;
}

/* What to do about a feature that is needed and not there, where anything can be done. */
static const char *remedy(unsigned bit)
{
	if (bit == VIRTIO_F_ACCESS_PLATFORM)
		return "; it would go round the IOMMU: give QEMU's device iommu_platform=on";
	return "";
}

/*
 * Which addresses a device sees and which barriers reach it is not for the driver to choose: those
 * two are taken wherever the transport can have them (6.1).
 */
static const uint64_t platform =
	VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM);

static int choose(struct virtio_dev *dev, const struct virtio_wish *wish)
{
	const struct transport_ops *ops = dev->transport->ops;
	uint64_t must = wish->must | ops->needs | VIRTIO_BIT(VIRTIO_F_VERSION_1);
	uint64_t missing;
	unsigned bit;
	int err;

	/* The offer is read anew at every negotiation: it may change with a reset (2.2). */
	err = dev->transport->ops->get_features(dev->transport, &dev->offered);
	if (err)
		return err;
	dev->features = features_choose(dev->offered, wish->want | must | platform, ops->features,
					rules, ARRAY_LEN(rules));
	missing = must & ~dev->features;
	if (missing) {
		bit = (unsigned)__builtin_ctzll(missing);
		return error_set(
			-ENOTSUP,
			"the device doesn't offer %s (bit %u), which is needed: 0x%016llx%s",
			feature_name(bit), bit, (unsigned long long)dev->offered, remedy(bit));
	}
	return dev->transport->ops->set_features(dev->transport, dev->features);
}

int virtio_negotiate(struct virtio_dev *dev, const struct virtio_wish *wish)
{
	int err;

	err = virtio_reset(dev);
	if (err)
		return err;
	err = add_status(dev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	if (!err)
		err = add_status(dev, VIRTIO_CONFIG_S_DRIVER);
	if (!err)
		err = choose(dev, wish);
	/* Step 6: a device that can't live with the set takes the bit back. */
	if (!err)
		err = add_status(dev, VIRTIO_CONFIG_S_FEATURES_OK);
	return err ? virtio_give_up(dev, err) : 0;
}

int virtio_run(struct virtio_dev *dev)
{
	int err = add_status(dev, VIRTIO_CONFIG_S_DRIVER_OK);

	return err ? virtio_give_up(dev, err) : 0;
}

int virtio_give_up(struct virtio_dev *dev, int err)
{
	/*
	 * Best effort: the device may be the reason, and the first sentence is the one that
	 * matters.
	 */
	error_keep(true);
	dev->transport->ops->set_status(dev->transport, dev->status | VIRTIO_CONFIG_S_FAILED);
	error_keep(false);
	return err;
}

int virtio_open(struct virtio_dev *dev, const char *address, const struct transport_opts *opts)
{
	return transport_open(address, opts, &dev->transport);
}

void virtio_hand_back(struct virtio_dev *dev)
{
	if (dev->transport && dev->transport->ops->hand_back)
		dev->transport->ops->hand_back(dev->transport);
}

void virtio_close(struct virtio_dev *dev)
{
	if (!dev->transport)
		return;
	virtio_reset(dev);
	dev->transport->ops->close(dev->transport);
	dev->transport = NULL;
}

int virtio_check(struct virtio_dev *dev, unsigned *what)
{
	unsigned found = 0;
	int status = 0;
	int err;

	*what = 0;
	err = dev->transport->ops->check(dev->transport, &found);
	if (err)
		return err;
	if (found & TRANSPORT_CONFIG) {
		*what |= VIRTIO_CHANGED;
		status = dev->transport->ops->get_status(dev->transport);
		if (status < 0)
			return status;
	}
	if ((found & TRANSPORT_BROKEN) || (status & VIRTIO_CONFIG_S_NEEDS_RESET))
		*what |= VIRTIO_BROKEN;
	return 0;
}
