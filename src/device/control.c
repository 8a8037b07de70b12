/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Task management on the control queue: sends functions and finds their answers, without waiting. A
 * slot is a pair of descriptors and a few cache lines of DMA memory; it stays in use until the
 * device answers.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_scsi.h>

#include "device/control.h"
#include "device/device.h"
#include "util/clock.h"
#include "util/error.h"

#define TMF_SLOTS 8u

/* A number that identifies a function: its slot, and how often the slot was used. */
#define TMF_SLOT(tmf)     ((unsigned)(tmf) % TMF_SLOTS)
#define TMF_NAME(uses, i) ((int)(((uses) % (INT_MAX / TMF_SLOTS)) * TMF_SLOTS + (i)))

/*
 * One function in DMA memory: what the device reads and what it writes are in different cache
 * lines. LIO answers a function for a target that doesn't exist with the response of a command,
 * although the descriptor has one byte, so there is room for that.
 */
struct tmf_slot {
	struct virtio_scsi_ctrl_tmf_req request;
	char pad[CACHE_LINE - sizeof(struct virtio_scsi_ctrl_tmf_req)];
	union {
		struct virtio_scsi_ctrl_tmf_resp response;
		struct virtio_scsi_cmd_resp command_response;
		char lines[2 * CACHE_LINE];
	};
};

/**
 * struct task - The private part of a slot
 * @request: what was sent; @sent_ms: when
 * @uses: how often the slot was used
 * @in_flight: the device has it
 * @held: a caller waits for the answer, see control_release()
 * @response: the answer
 */
struct task {
	struct virtio_scsi_ctrl_tmf_req request;
	uint64_t sent_ms;
	unsigned uses;
	bool in_flight;
	bool held;
	uint8_t response;
};

/**
 * struct control - The control queue of a device
 * @vq: control virtqueue; slot i has descriptors 2i and 2i + 1
 * @memory: the slots in DMA memory
 * @tasks: private parts, @slots of them
 * @kick_pending: control_kick() must follow
 * @lock: protects everything; held briefly, because threads that poll take it
 */
struct control {
	struct virtq vq;
	struct tmf_slot *memory;
	struct task tasks[TMF_SLOTS];
	unsigned slots;
	atomic_bool kick_pending;
	pthread_mutex_t lock;
};

struct virtq *control_virtq(struct vscsi_dev *dev)
{
	return &dev->control->vq;
}

static void prepare_slots(struct vscsi_dev *dev, struct control *control)
{
	struct dma_cache cache = {.version = 0};
	uint64_t regions = 0;
	uint64_t iova = 0;
	size_t i;

	memset(control->memory, 0, sizeof(struct tmf_slot) * TMF_SLOTS);
	for (i = 0; i < control->slots; i++) {
		struct vring_desc *desc = &virtq_table(&control->vq)[2 * i];

		dma_translate(dev->queues.map, &cache, &control->memory[i], sizeof(struct tmf_slot),
			      &iova, &regions);
		desc[0].addr = htole64(iova);
		desc[0].len = htole32(sizeof(struct virtio_scsi_ctrl_tmf_req));
		desc[0].flags = htole16(VRING_DESC_F_NEXT);
		desc[0].next = htole16((uint16_t)(2 * i + 1));
		desc[1].addr = htole64(iova + offsetof(struct tmf_slot, response));
		desc[1].len = htole32(sizeof(struct virtio_scsi_ctrl_tmf_resp));
		desc[1].flags = htole16(VRING_DESC_F_WRITE);
	}
}

int control_create(struct vscsi_dev *dev, unsigned size)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	if (!control)
		return error_set(-ENOMEM, "out of memory");
	dev->control = control;
	pthread_mutex_init(&control->lock, NULL);
	control->slots = size / 2 < TMF_SLOTS ? size / 2 : TMF_SLOTS;
	err = virtq_init(&control->vq, dev->virtio.transport, dev->mem, VQ_CONTROL, size,
			 dev->virtio.features);
	if (err)
		return err;
	control->memory = dma_alloc(dev->mem, sizeof(struct tmf_slot) * TMF_SLOTS, 0);
	if (!control->memory)
		return error_set(-ENOMEM, "no room for control buffers in the DMA memory; "
					  "give the device a larger pool");
	prepare_slots(dev, control);
	return 0;
}

int control_renew(struct vscsi_dev *dev)
{
	struct control *control = dev->control;
	unsigned i;
	int err;

	pthread_mutex_lock(&control->lock);
	for (i = 0; i < TMF_SLOTS; i++)
		control->tasks[i] = (struct task){.uses = control->tasks[i].uses + 1};
	err = virtq_renew(&control->vq, dev->virtio.features);
	if (!err)
		prepare_slots(dev, control);
	pthread_mutex_unlock(&control->lock);
	return err;
}

void control_destroy(struct vscsi_dev *dev)
{
	struct control *control = dev->control;

	if (!control)
		return;
	virtq_fini(&control->vq);
	if (control->memory)
		dma_free(dev->mem, control->memory);
	pthread_mutex_destroy(&control->lock);
	free(control);
	dev->control = NULL;
}

/* Takes the functions that the device has answered. */
static int take_answers(struct control *control)
{
	struct ring_used used = {0};
	int pending = virtq_pending(&control->vq);
	int err = pending < 0 ? pending : 0;

	for (; pending > 0; pending--) {
		struct task *task;

		err = virtq_take(&control->vq, &used);
		if (err)
			break;
		task = &control->tasks[used.head / 2];
		task->in_flight = false;
		/* One byte, copied once; what was never written is a failure (5.6.6.2). */
		task->response =
			*(volatile uint8_t *)&control->memory[used.head / 2].response.response;
	}
	return err < 0 ? err : 0;
}

static int take_answers_running(struct vscsi_dev *dev)
{
	return device_running(dev) ? take_answers(dev->control) : -ENOTCONN;
}

static bool is_abort(const struct virtio_scsi_ctrl_tmf_req *request)
{
	return request->subtype == htole32(VIRTIO_SCSI_T_TMF_ABORT_TASK);
}

/*
 * The slot of the same function, if it was sent late enough to serve the caller too, whether or not
 * it has been answered.
 */
static int find_same(const struct control *control, const struct virtio_scsi_ctrl_tmf_req *request,
		     uint64_t not_before)
{
	unsigned i;

	for (i = 0; i < TMF_SLOTS; i++) {
		const struct task *task = &control->tasks[i];

		if (task->sent_ms && task->sent_ms >= not_before &&
		    !memcmp(&task->request, request, sizeof(*request)))
			return (int)i;
	}
	return -ENOENT;
}

/* The free slot that was used least recently: callers may still read the answers of others. */
static int find_free(const struct control *control, bool abort)
{
	int found = -EBUSY;
	unsigned aborts = 0;
	unsigned i;

	for (i = control->slots; i-- > 0;) {
		const struct task *task = &control->tasks[i];

		aborts += task->in_flight && is_abort(&task->request);
		if (!task->in_flight && !task->held &&
		    (found < 0 || task->sent_ms <= control->tasks[found].sent_ms))
			found = (int)i;
	}
	/*
	 * Aborts leave slots for resets, even if the device answers none of them. A single slot
	 * serves both.
	 */
	return abort && aborts >= (control->slots + 1) / 2 ? -EBUSY : found;
}

/* Writes a function to a slot and publishes it. */
static void put(struct control *control, unsigned i, const struct virtio_scsi_ctrl_tmf_req *request,
		bool held)
{
	control->tasks[i] = (struct task){
		.request = *request,
		.sent_ms = clock_ms(),
		.uses = control->tasks[i].uses + 1,
		.in_flight = true,
		.held = held,
	};
	control->memory[i].request = *request;
	control->memory[i].response.response = RESPONSE_UNWRITTEN;
	virtq_push(&control->vq, (uint16_t)(2 * i));
	if (virtq_publish(&control->vq))
		atomic_store(&control->kick_pending, true);
}

void control_kick(struct vscsi_dev *dev)
{
	struct control *control = dev->control;

	if (atomic_load(&control->kick_pending) && atomic_exchange(&control->kick_pending, false))
		virtq_kick(&control->vq);
}

int control_send(struct vscsi_dev *dev, uint32_t subtype, const uint8_t lun[8], uint64_t tag,
		 uint64_t not_before, bool *sent)
{
	struct virtio_scsi_ctrl_tmf_req request = {
		.type = htole32(VIRTIO_SCSI_T_TMF),
		.subtype = htole32(subtype),
		.tag = htole64(tag),
	};
	struct control *control = dev->control;
	bool fresh = false;
	int ret;

	memcpy(request.lun, lun, sizeof(request.lun));
	pthread_mutex_lock(&control->lock);
	ret = take_answers_running(dev);
	if (!ret)
		ret = find_same(control, &request, not_before);
	if (ret == -ENOENT) {
		ret = find_free(control, is_abort(&request));
		fresh = ret >= 0;
		if (fresh)
			put(control, (unsigned)ret, &request, not_before == CONTROL_HELD);
	}
	if (ret >= 0)
		ret = TMF_NAME(control->tasks[ret].uses, (unsigned)ret);
	pthread_mutex_unlock(&control->lock);
	if (sent)
		*sent = fresh;
	return ret;
}

static bool is_current(const struct control *control, int tmf)
{
	unsigned i = TMF_SLOT(tmf);

	return TMF_NAME(control->tasks[i].uses, i) == tmf;
}

int control_answer(struct vscsi_dev *dev, int tmf)
{
	struct control *control = dev->control;
	const struct task *task = &control->tasks[TMF_SLOT(tmf)];
	int ret;

	pthread_mutex_lock(&control->lock);
	ret = take_answers_running(dev);
	if (!ret && !is_current(control, tmf))
		ret = -ESTALE;
	if (!ret)
		ret = task->in_flight ? -EINPROGRESS : task->response;
	pthread_mutex_unlock(&control->lock);
	return ret;
}

void control_release(struct vscsi_dev *dev, int tmf)
{
	struct control *control = dev->control;

	pthread_mutex_lock(&control->lock);
	if (is_current(control, tmf))
		control->tasks[TMF_SLOT(tmf)].held = false;
	pthread_mutex_unlock(&control->lock);
}
