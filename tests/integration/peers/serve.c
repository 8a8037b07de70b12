/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer does with a chain: which unit it is for, and how much of the answer it writes. */
#include "peer.h"

#define CONTROL 0u
#define EVENTS  1u

/* The 8 bytes of a request's address, as the habit reads them. False: they name nothing. */
static bool read_address(enum lun_form form, const uint8_t lun[8], unsigned *target,
			 unsigned *number)
{
	static const uint8_t zeros[4];
	unsigned field = (unsigned)lun[2] << 8 | lun[3];

	*target = lun[1];
	*number = field & 0x3fff;
	if (lun[0] != 1 || memcmp(lun + 4, zeros, sizeof(zeros)) != 0)
		return false;
	switch (form) {
	case LUN_FIRST:
		return *target == 0 && field == 0x4000;
	case LUN_FLAT:
		return field >> 14 == 1;
	case LUN_ANY:
		return field >> 14 <= 1;
	default:
		return true;
	}
}

static bool has_target(const struct peer *peer, unsigned target)
{
	unsigned i;

	for (i = 0; i < peer->unit_count; i++) {
		if (peer->units[i].target == target)
			return true;
	}
	return false;
}

static struct unit *find_unit(struct peer *peer, unsigned target, unsigned number)
{
	unsigned i;

	for (i = 0; i < peer->unit_count; i++) {
		if (peer->units[i].target == target && peer->units[i].lun == number)
			return &peer->units[i];
	}
	return NULL;
}

static uint32_t used_len(const struct habit *habit, size_t moved, size_t in, size_t out)
{
	switch (habit->used_len) {
	case USED_ZERO:
		return 0;
	case USED_IN:
		return (uint32_t)(PEER_RESPONSE + in);
	case USED_BOTH:
		return (uint32_t)(PEER_RESPONSE + in + out);
	default:
		return (uint32_t)(PEER_RESPONSE + (in ? moved : 0));
	}
}

/* A target that isn't there: how much of the response is written. Returns the used length. */
static uint32_t answer_absent(const struct habit *habit, struct virtio_scsi_cmd_resp *resp)
{
	if (habit->absent == ABSENT_UNWRITTEN)
		return 0;
	if (habit->absent == ABSENT_BAD_TARGET)
		memset(resp, 0, PEER_RESPONSE);
	resp->response = VIRTIO_SCSI_S_BAD_TARGET;
	return habit->used_len == USED_ZERO ? 0 : PEER_RESPONSE;
}

static void answer(const struct habit *habit, struct virtio_scsi_cmd_resp *resp,
		   const struct disk_end *end, size_t total)
{
	uint32_t residual = (uint32_t)(total - end->moved);

	if (habit->no_residual || (habit->residual_if_good && end->status))
		residual = 0;
	resp->resid = residual;
	resp->status_qualifier = 0;
	resp->status = end->status;
	resp->response = VIRTIO_SCSI_S_OK;
	if (end->status) {
		resp->sense_len = disk_sense(end, resp->sense);
		if (habit->failure_with_sense)
			resp->response = VIRTIO_SCSI_S_FAILURE;
	} else if (!habit->sense_len_unwritten) {
		resp->sense_len = 0;
	}
}

static void serve_command(struct peer *peer, unsigned queue, const struct rig_chain *chain)
{
	const struct virtio_scsi_cmd_req *req = rig_command(chain);
	size_t in = rig_data_in_room(chain);
	size_t out = rig_data_out(chain, NULL, 0);
	struct disk_end end;
	unsigned target;
	unsigned number;
	uint32_t len;

	if (in && out)
		peer_complain(peer, "a request has data in both directions");
	pthread_mutex_lock(&peer->lock);
	if (!read_address(peer->habit->lun_form, req->lun, &target, &number) ||
	    !has_target(peer, target)) {
		len = answer_absent(peer->habit, rig_response(chain));
	} else {
		end = unit_execute(peer, find_unit(peer, target, number), chain);
		answer(peer->habit, rig_response(chain), &end, in + out);
		len = used_len(peer->habit, end.moved, in, out);
	}
	pthread_mutex_unlock(&peer->lock);
	rig_put(peer->rig, queue, chain->head, len);
}

/* LOGICAL UNIT RESET is said to be done before it is; every other function gets response 2. */
static void serve_control(struct peer *peer, const struct rig_chain *chain)
{
	const struct virtio_scsi_ctrl_tmf_req *req = chain->elems[0].addr;
	struct virtio_scsi_ctrl_tmf_resp *resp = chain->elems[1].addr;
	bool known = req->type == VIRTIO_SCSI_T_TMF &&
		     req->subtype == VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET;
	unsigned target;
	unsigned number;

	if (peer->habit->control == CONTROL_DEAD)
		return;
	pthread_mutex_lock(&peer->lock);
	if (known && (!read_address(peer->habit->lun_form, req->lun, &target, &number) ||
		      !find_unit(peer, target, number)))
		peer_complain(peer, "a unit is reset that isn't there, which the original dies of");
	pthread_mutex_unlock(&peer->lock);
	resp->response = known ? VIRTIO_SCSI_S_OK : VIRTIO_SCSI_S_ABORTED;
	rig_put(peer->rig, CONTROL, chain->head, known ? 0 : sizeof(*resp));
}

static void keep_buffer(struct peer *peer, const struct rig_chain *chain)
{
	const struct rig_elem *e = &chain->elems[0];

	if (peer->habit->event_bytes && e->len != peer->habit->event_bytes)
		peer_complain(peer, "an event buffer has not the only length that is accepted");
	pthread_mutex_lock(&peer->lock);
	if (peer->buffer_count < PEER_BUFFERS)
		peer->buffers[peer->buffer_count++] = (struct event_buffer){chain->head, e->addr};
	pthread_mutex_unlock(&peer->lock);
}

void serve_chain(struct peer *peer, unsigned queue, const struct rig_chain *chain)
{
	if (queue == CONTROL)
		serve_control(peer, chain);
	else if (queue == EVENTS)
		keep_buffer(peer, chain);
	else
		serve_command(peer, queue, chain);
}
