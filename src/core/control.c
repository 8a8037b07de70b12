/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task management on the control queue. A place is a pair of descriptors and a cache line of DMA
 * memory; one that the device never answered stays its property until it does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include <vscsi/scsi.h>
#include <vscsi/task.h>

#include "core/control.h"
#include "core/lun.h"
#include "scsi/lun_addr.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/export.h"

#define RING_SIZE 16u
#define PLACES    (RING_SIZE / 2)

/* One function in DMA memory: what the device reads, then what it writes, in lines of their own. */
struct place {
	struct virtio_scsi_ctrl_tmf_req request;
	char pad[CACHE_LINE - sizeof(struct virtio_scsi_ctrl_tmf_req)];
	struct virtio_scsi_ctrl_tmf_resp response;
	char pad2[CACHE_LINE - sizeof(struct virtio_scsi_ctrl_tmf_resp)];
};

/**
 * struct control - The control queue of a device
 * @vq: control virtqueue; place i has descriptors 2i and 2i + 1
 * @places: DMA memory
 * @busy: places that the device has; @answered: of those, the ones that it gave back
 * @lock: guards it all
 */
struct control {
	struct virtq vq;
	struct place *places;
	bool busy[PLACES];
	bool answered[PLACES];
	pthread_mutex_t lock;
};

struct virtq *control_virtq(struct vscsi_dev *dev)
{
	return &dev->control->vq;
}

static void prepare_places(struct vscsi_dev *dev, struct control *control)
{
	struct dma_cache cache = {0};
	uint64_t regions = 0;
	uint64_t iova = 0;
	unsigned i;

	memset(control->places, 0, sizeof(struct place) * PLACES);
	for (i = 0; i < PLACES; i++) {
		struct vring_desc *desc = &virtq_table(&control->vq)[2 * i];

		dma_translate(dev->map, &cache, &control->places[i], sizeof(struct place), &iova,
			      &regions);
		desc[0].addr = htole64(iova);
		desc[0].len = htole32(sizeof(struct virtio_scsi_ctrl_tmf_req));
		desc[0].flags = htole16(VRING_DESC_F_NEXT);
		desc[0].next = htole16((uint16_t)(2 * i + 1));
		desc[1].addr = htole64(iova + offsetof(struct place, response));
		desc[1].len = htole32(sizeof(struct virtio_scsi_ctrl_tmf_resp));
		desc[1].flags = htole16(VRING_DESC_F_WRITE);
	}
}

int control_create(struct vscsi_dev *dev)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	if (!control)
		return error_set(-ENOMEM, "out of memory");
	dev->control = control;
	pthread_mutex_init(&control->lock, NULL);
	err = virtq_init(&control->vq, dev->virtio.transport, dev->mem, VQ_CONTROL, RING_SIZE,
			 virtio_has(&dev->virtio, VIRTIO_RING_F_EVENT_IDX));
	if (err)
		return err;
	control->places = dma_alloc(dev->mem, sizeof(struct place) * PLACES, 0);
	if (!control->places)
		return error_set(-ENOMEM, "no room for control buffers in the DMA memory; "
					  "give the device a larger pool");
	prepare_places(dev, control);
	return 0;
}

int control_renew(struct vscsi_dev *dev)
{
	struct control *control = dev->control;
	int err;

	/* Not waited for: whoever waits with it for an answer may need the device's lock to end. */
	if (pthread_mutex_trylock(&control->lock))
		return error_set(-EBUSY, "a task management function is still waited for");
	memset(control->busy, 0, sizeof(control->busy));
	memset(control->answered, 0, sizeof(control->answered));
	err = virtq_renew(&control->vq, virtio_has(&dev->virtio, VIRTIO_RING_F_EVENT_IDX));
	if (!err)
		prepare_places(dev, control);
	pthread_mutex_unlock(&control->lock);
	return err;
}

void control_destroy(struct vscsi_dev *dev)
{
	struct control *control = dev->control;

	if (!control)
		return;
	virtq_fini(&control->vq);
	if (control->places)
		dma_free(dev->mem, control->places);
	pthread_mutex_destroy(&control->lock);
	free(control);
	dev->control = NULL;
}

/* Takes back what the device answered. A place whose caller gave up waiting becomes free. */
static int drain(struct control *control)
{
	struct split_used used;
	int pending = virtq_pending(&control->vq);

	for (; pending > 0; pending--) {
		if (virtq_take(&control->vq, &used))
			return -EPROTO;
		control->answered[used.head / 2] = true;
	}
	return pending;
}

/* Sends in a free place; its number, or -EBUSY. */
static int send(struct control *control, const struct virtio_scsi_ctrl_tmf_req *request)
{
	unsigned i;

	for (i = 0; i < PLACES; i++) {
		if (!control->busy[i] || control->answered[i])
			break;
	}
	if (i == PLACES)
		return error_set(-EBUSY,
				 "the device answers none of %u task management functions; "
				 "close it and restart the back-end",
				 PLACES);
	control->busy[i] = true;
	control->answered[i] = false;
	control->places[i].request = *request;
	control->places[i].response.response = RESPONSE_UNWRITTEN;
	virtq_push(&control->vq, (uint16_t)(2 * i));
	virtq_submit(&control->vq);
	return (int)i;
}

/* As drain(), for a device that runs; one that breaks the ring runs no longer. */
static int drain_running(struct vscsi_dev *dev)
{
	const char *rule;

	if (dev_running(dev) && drain(dev->control)) {
		rule = virtq_rule(&dev->control->vq);
		dev_fail(dev, rule);
		return error_set(-EPROTO, "%s", rule);
	}
	if (dev_failed(dev))
		return error_set(-ENOTCONN, "the device is lost: %s; close it and open it again",
				 dev->failure);
	if (!dev_running(dev))
		return error_set(-ENOTCONN, "the device is lost and looked for; try again later");
	return 0;
}

/*
 * Waits for place @i with the lock held: functions are rare, and one at a time is what devices
 * expect.
 */
static int wait_for(struct vscsi_dev *dev, unsigned i)
{
	struct control *control = dev->control;
	uint64_t limit = clock_ms() + dev->opts.timeout_ms;
	unsigned spins = 0;
	int err;

	while (!control->answered[i]) {
		err = drain_running(dev);
		if (err)
			return err;
		if (!control->answered[i] && clock_ms() > limit)
			return error_set(-ETIMEDOUT,
					 "no answer to a task management function in %u ms; "
					 "the device may still carry it out",
					 dev->opts.timeout_ms);
		clock_relax(&spins);
		if (spins % 1024 == 0)
			dev_check(dev);
	}
	control->busy[i] = false;
	/* One byte, copied once; what was never written is a failure (5.6.6.2). */
	return *(volatile uint8_t *)&control->places[i].response.response;
}

/*
 * Sends a function that names no single command (tag 0) and waits for its answer, at most the
 * device's time limit; after that the place stays the device's until it answers.
 *
 * Return: the response (5.6.6.2), 0 to 255; or a negative errno with its sentence set.
 */
static int run(struct vscsi_dev *dev, uint32_t subtype, const uint8_t lun[8])
{
	struct virtio_scsi_ctrl_tmf_req request = {
		.type = htole32(VIRTIO_SCSI_T_TMF),
		.subtype = htole32(subtype),
	};
	int ret;

	memcpy(request.lun, lun, sizeof(request.lun));
	pthread_mutex_lock(&dev->control->lock);
	ret = drain_running(dev);
	if (!ret)
		ret = send(dev->control, &request);
	if (ret >= 0)
		ret = wait_for(dev, (unsigned)ret);
	pthread_mutex_unlock(&dev->control->lock);
	return ret;
}

/* The answer of a reset as an errno: complete and succeeded both mean done (SAM). */
static int reset_result(int response)
{
	switch (response) {
	case VIRTIO_SCSI_S_OK:
	case VIRTIO_SCSI_S_FUNCTION_SUCCEEDED:
		return 0;
	case VIRTIO_SCSI_S_BAD_TARGET:
	case VIRTIO_SCSI_S_INCORRECT_LUN:
		return error_set(-ENODEV, "the device says: %s",
				 vscsi_response_text((unsigned)response));
	case VIRTIO_SCSI_S_FUNCTION_REJECTED:
		return error_set(-EOPNOTSUPP, "the device doesn't have this function");
	case VIRTIO_SCSI_S_BUSY:
		return error_set(-EBUSY, "the device is busy; try again");
	default:
		if (response < 0)
			return response;
		return error_set(-EIO, "the device says: %s",
				 vscsi_response_text((unsigned)response));
	}
}

EXPORT int vscsi_lun_reset(struct vscsi_lun *lun)
{
	error_enter(__func__);
	return reset_result(run(lun->dev, VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET, lun->addr));
}

EXPORT int vscsi_target_reset(struct vscsi_dev *dev, unsigned target)
{
	uint8_t addr[8];

	error_enter(__func__);
	if (!scsi_lun_encode(addr, target, 0))
		return error_set(-EINVAL, "target %u: the largest is %u", target, SCSI_MAX_TARGET);
	return reset_result(run(dev, VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET, addr));
}
