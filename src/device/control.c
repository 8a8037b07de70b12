/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task management on the control queue: sending functions and finding their answers, without ever
 * waiting. A place is a pair of descriptors and two cache lines of DMA memory; one that the device
 * never answered stays its property until it does.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "device/control.h"
#include "util/clock.h"
#include "util/error.h"

#define RING_SIZE 16u
#define PLACES    (RING_SIZE / 2)

/* How callers name a place: its index, and which of the device's lives it was used in. */
#define ERAS               (INT_MAX / PLACES)
#define PLACE_NAME(era, i) ((int)((era)*PLACES + (i)))
#define PLACE_ERA(place)   ((unsigned)(place) / PLACES)
#define PLACE_INDEX(place) ((unsigned)(place) % PLACES)

/* Aborts leave places for what is stronger, even when the device answers none of them. */
#define ABORTS_MOST (PLACES / 2)

/* One function in DMA memory: what the device reads, then what it writes, in lines of their own. */
struct place {
	struct virtio_scsi_ctrl_tmf_req request;
	char pad[CACHE_LINE - sizeof(struct virtio_scsi_ctrl_tmf_req)];
	struct virtio_scsi_ctrl_tmf_resp response;
	char pad2[CACHE_LINE - sizeof(struct virtio_scsi_ctrl_tmf_resp)];
};

/**
 * struct task - What is known of a place; the device can't reach it
 * @request: what was sent
 * @sent_ms: when
 * @waiters: how many want the answer
 * @busy: it is not free; @answered: and the device has given it back
 * @response: its answer
 */
struct task {
	struct virtio_scsi_ctrl_tmf_req request;
	uint64_t sent_ms;
	unsigned waiters;
	bool busy;
	bool answered;
	uint8_t response;
};

/**
 * struct control - The control queue of a device
 * @vq: control virtqueue; place i has descriptors 2i and 2i + 1
 * @places: DMA memory
 * @tasks: what is in them
 * @owes_kick: control_kick() has to follow
 * @era: how often the device came back; what was sent before has no place any more
 * @lock: guards it all; held for moments only, as threads that poll take it
 */
struct control {
	struct virtq vq;
	struct place *places;
	struct task tasks[PLACES];
	atomic_bool owes_kick;
	unsigned era;
	pthread_mutex_t lock;
};

struct virtq *control_virtq(struct vscsi_dev *dev)
{
	return &dev->control->vq;
}

uint32_t control_stood(struct vscsi_dev *dev)
{
	uint32_t stood;

	pthread_mutex_lock(&dev->control->lock);
	stood = virtq_resume_base(&dev->control->vq);
	pthread_mutex_unlock(&dev->control->lock);
	return stood;
}

static void prepare_places(struct vscsi_dev *dev, struct control *control)
{
	struct dma_cache cache = {.table = NULL};
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
			 dev->virtio.features);
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

	pthread_mutex_lock(&control->lock);
	memset(control->tasks, 0, sizeof(control->tasks));
	control->era = (control->era + 1) % ERAS;
	err = virtq_renew(&control->vq, dev->virtio.features);
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

/* Takes back what the device answered; an answer that nobody wants any more makes room. */
static int drain(struct control *control)
{
	struct ring_used used;
	int pending = virtq_pending(&control->vq);
	int err = pending < 0 ? pending : 0;

	for (; pending > 0; pending--) {
		struct task *task;

		err = virtq_take(&control->vq, &used);
		if (err)
			break;
		task = &control->tasks[used.head / 2];
		task->answered = true;
		/* One byte, copied once; what was never written is a failure (5.6.6.2). */
		task->response =
			*(volatile uint8_t *)&control->places[used.head / 2].response.response;
		task->busy = task->waiters > 0;
	}
	return err < 0 ? err : 0;
}

static int drain_running(struct vscsi_dev *dev)
{
	if (!dev_running(dev))
		return -ENOTCONN;
	return drain(dev->control);
}

static bool is_abort(const struct virtio_scsi_ctrl_tmf_req *request)
{
	return request->subtype == htole32(VIRTIO_SCSI_T_TMF_ABORT_TASK);
}

/*
 * The place of the same function, if it was sent late enough to serve the caller too. Whether it is
 * answered doesn't matter: the effect is what is wanted.
 */
static int find_same(const struct control *control, const struct virtio_scsi_ctrl_tmf_req *request,
		     uint64_t not_before)
{
	unsigned i;

	for (i = 0; i < PLACES; i++) {
		const struct task *task = &control->tasks[i];

		if (task->busy && task->waiters && task->sent_ms >= not_before &&
		    !memcmp(&task->request, request, sizeof(*request)))
			return (int)i;
	}
	return -ENOENT;
}

static int find_free(const struct control *control, bool abort)
{
	int found = -EBUSY;
	unsigned aborts = 0;
	unsigned i;

	for (i = PLACES; i-- > 0;) {
		if (!control->tasks[i].busy)
			found = (int)i;
		else
			aborts += is_abort(&control->tasks[i].request);
	}
	return abort && aborts >= ABORTS_MOST ? -EBUSY : found;
}

/* Puts a function into a place and shows it to the device. */
static void put(struct control *control, unsigned i, const struct virtio_scsi_ctrl_tmf_req *request)
{
	control->tasks[i] = (struct task){
		.request = *request,
		.sent_ms = clock_ms(),
		.busy = true,
	};
	control->places[i].request = *request;
	control->places[i].response.response = RESPONSE_UNWRITTEN;
	virtq_push(&control->vq, (uint16_t)(2 * i));
	if (virtq_publish(&control->vq))
		atomic_store(&control->owes_kick, true);
}

void control_kick(struct vscsi_dev *dev)
{
	struct control *control = dev->control;

	if (atomic_load(&control->owes_kick) && atomic_exchange(&control->owes_kick, false))
		virtq_kick(&control->vq);
}

int control_send(struct vscsi_dev *dev, uint32_t subtype, const uint8_t lun[8], uint64_t tag,
		 uint64_t not_before)
{
	struct virtio_scsi_ctrl_tmf_req request = {
		.type = htole32(VIRTIO_SCSI_T_TMF),
		.subtype = htole32(subtype),
		.tag = htole64(tag),
	};
	struct control *control = dev->control;
	int ret;

	memcpy(request.lun, lun, sizeof(request.lun));
	pthread_mutex_lock(&control->lock);
	ret = drain_running(dev);
	if (!ret)
		ret = find_same(control, &request, not_before);
	if (ret == -ENOENT) {
		ret = find_free(control, is_abort(&request));
		if (ret >= 0)
			put(control, (unsigned)ret, &request);
	}
	if (ret >= 0) {
		control->tasks[ret].waiters++;
		ret = PLACE_NAME(control->era, (unsigned)ret);
	}
	pthread_mutex_unlock(&control->lock);
	return ret;
}

int control_answer(struct vscsi_dev *dev, int place)
{
	struct control *control = dev->control;
	const struct task *task = &control->tasks[PLACE_INDEX(place)];
	int ret;

	pthread_mutex_lock(&control->lock);
	ret = PLACE_ERA(place) == control->era ? drain_running(dev) : -ENOTCONN;
	if (!ret)
		ret = task->answered ? task->response : -EINPROGRESS;
	pthread_mutex_unlock(&control->lock);
	return ret;
}

void control_forget(struct vscsi_dev *dev, int place)
{
	struct control *control = dev->control;
	struct task *task = &control->tasks[PLACE_INDEX(place)];

	pthread_mutex_lock(&control->lock);
	if (PLACE_ERA(place) == control->era) {
		task->waiters--;
		if (task->answered && !task->waiters)
			task->busy = false;
	}
	pthread_mutex_unlock(&control->lock);
}
