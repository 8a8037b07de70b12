/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Initializes a device (virtio 1.4, 3.1.1), and verifies each step before the next. Only the
 * transport waits, if calls may wait.
 */
#include <errno.h>

#include <linux/virtio_config.h>

#include "util/bits.h"
#include "util/error.h"
#include "virtio/device.h"
#include "virtio/features.h"

/*
 * Dependencies between features (2.2.1): none of those that the driver accepts has one.
 */
static const struct feature_rule rules[] = {
	{0, 0},
};

/* A step of an operation: calls the transport, and is repeated while that is in progress. */
struct virtio_step {
	int (*run)(struct virtio_dev *dev, const struct virtio_request *request, uint8_t bit);
	uint8_t bit;
};

static int run_steps(struct virtio_dev *dev, const struct virtio_step *steps, unsigned count,
		     const struct virtio_request *request)
{
	int err = 0;

	if (dev->steps != steps)
		dev->step = 0;
	dev->steps = steps;
	while (!err && dev->step < count) {
		err = steps[dev->step].run(dev, request, steps[dev->step].bit);
		dev->step += err != -EINPROGRESS;
	}
	if (err == -EINPROGRESS)
		return err;
	dev->steps = NULL;
	return err ? virtio_fail(dev, err) : 0;
}

/* Only a reset clears bits (2.1.1). */
static int set_bit(struct virtio_dev *dev, const struct virtio_request *request, uint8_t bit)
{
	(void)request;
	/* Stored before: if this fails, setting FAILED must not clear a bit that did arrive. */
	dev->status |= bit;
	return dev->transport->ops->set_status(dev->transport, dev->status);
}

static int check_bit(struct virtio_dev *dev, const struct virtio_request *request, uint8_t bit)
{
	int now = dev->transport->ops->get_status(dev->transport);

	(void)request;
	if (now < 0)
		return now;
	if (now & VIRTIO_CONFIG_S_NEEDS_RESET)
		return error_set(-EIO,
				 "the device needs a reset (status 0x%02x) while it is being "
				 "started; restart the back-end",
				 now);
	/* Without FEATURES_OK the device rejects the features; other missing bits are errors. */
	if ((now & dev->status) != dev->status)
		return error_set(bit == VIRTIO_CONFIG_S_FEATURES_OK ? -EOPNOTSUPP : -EIO,
				 "the device refused status 0x%02x and reports 0x%02x", dev->status,
				 now);
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

static int reset(struct virtio_dev *dev, const struct virtio_request *request, uint8_t bit)
{
	(void)request;
	(void)bit;
	return virtio_reset(dev);
}

/* The remedy for a missing feature, for the error text; "" if there is none. */
static const char *remedy(unsigned bit)
{
	if (bit == VIRTIO_F_ACCESS_PLATFORM)
		return "; it would bypass the IOMMU: set iommu_platform=on for QEMU's device";
	return "";
}

/*
 * The platform determines which addresses and barriers a device needs: these two are accepted
 * whenever they are offered and the transport allows them (6.1).
 */
static const uint64_t platform =
	VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM);

/* Reads the offer at every negotiation: it may change with a reset (2.2). */
static int read_offer(struct virtio_dev *dev, const struct virtio_request *request, uint8_t bit)
{
	(void)request;
	(void)bit;
	return dev->transport->ops->get_features(dev->transport, &dev->offered);
}

static int choose(struct virtio_dev *dev, const struct virtio_request *request, uint8_t bit)
{
	const struct transport_ops *ops = dev->transport->ops;
	uint64_t must = request->must | ops->needs | VIRTIO_BIT(VIRTIO_F_VERSION_1);
	uint64_t missing;
	unsigned first;

	(void)bit;
	dev->features = features_choose(dev->offered, request->want | must | platform,
					ops->features, rules, ARRAY_LEN(rules));
	missing = must & ~dev->features;
	if (missing) {
		first = (unsigned)__builtin_ctzll(missing);
		return error_set(
			-EOPNOTSUPP,
			"the device doesn't offer %s (bit %u), which is required; it offers "
			"0x%016llx%s",
			feature_name(first), first, (unsigned long long)dev->offered,
			remedy(first));
	}
	return ops->set_features(dev->transport, dev->features);
}

int virtio_negotiate(struct virtio_dev *dev, const struct virtio_request *request)
{
	static const struct virtio_step steps[] = {
		{reset, 0},
		{set_bit, VIRTIO_CONFIG_S_ACKNOWLEDGE},
		{check_bit, VIRTIO_CONFIG_S_ACKNOWLEDGE},
		{set_bit, VIRTIO_CONFIG_S_DRIVER},
		{check_bit, VIRTIO_CONFIG_S_DRIVER},
		{read_offer, 0},
		{choose, 0},
		{set_bit, VIRTIO_CONFIG_S_FEATURES_OK},
		/* Step 6: a device that rejects the features clears the bit. */
		{check_bit, VIRTIO_CONFIG_S_FEATURES_OK},
	};

	return run_steps(dev, steps, ARRAY_LEN(steps), request);
}

int virtio_run(struct virtio_dev *dev)
{
	static const struct virtio_step steps[] = {
		{set_bit, VIRTIO_CONFIG_S_DRIVER_OK},
		{check_bit, VIRTIO_CONFIG_S_DRIVER_OK},
	};

	return run_steps(dev, steps, ARRAY_LEN(steps), NULL);
}

int virtio_fail(struct virtio_dev *dev, int err)
{
	struct transport *t = dev->transport;
	int ret;

	/* Best effort, and without replacing the error text of the failure. */
	error_keep(true);
	ret = t->ops->set_status(t, dev->status | VIRTIO_CONFIG_S_FAILED);
	/* The answer doesn't matter: disconnect instead of waiting for it. */
	if (ret && !t->wait)
		virtio_disconnect(dev);
	error_keep(false);
	return err;
}

uint64_t virtio_protocol_mask(const char *address, const char *name)
{
	return transport_feature_mask(transport_find(address), name);
}

bool virtio_has_option(const char *address, const char *name)
{
	const struct transport_ops *ops = transport_find(address);

	return ops && transport_has_option(ops, name);
}

uint64_t virtio_possible_features(const char *address)
{
	const struct transport_ops *ops = transport_find(address);

	return ops ? ops->features : 0;
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
	if (dev->transport->wait)
		virtio_reset(dev);
	else
		virtio_disconnect(dev);
	dev->transport->ops->close(dev->transport);
	dev->transport = NULL;
}

int virtio_check(struct virtio_dev *dev, unsigned *what)
{
	unsigned found;
	int status = 0;
	int err;

	*what = 0;
	if (!dev->found) {
		err = dev->transport->ops->check(dev->transport, &dev->found);
		if (err)
			return err;
	}
	if (dev->found & TRANSPORT_CONFIG)
		status = dev->transport->ops->get_status(dev->transport);
	if (status == -EINPROGRESS)
		return status;
	found = dev->found;
	dev->found = 0;
	if (found & TRANSPORT_CONFIG)
		*what |= VIRTIO_CHANGED;
	if (status < 0)
		return status;
	if ((found & TRANSPORT_BROKEN) || (status & VIRTIO_CONFIG_S_NEEDS_RESET))
		*what |= VIRTIO_BROKEN;
	return 0;
}

void virtio_disconnect(struct virtio_dev *dev)
{
	dev->steps = NULL;
	dev->found = 0;
	dev->transport->ops->disconnect(dev->transport);
}
