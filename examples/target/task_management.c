/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control requests. Commands are executed completely when they are taken, so once the request rings
 * are drained there is no task of this client to abort or to query; what is left is the state after
 * a reset. Commands that other clients have in their rings are not begun: they find the reset's
 * unit attention.
 */
#include "task_management.h"

#include <errno.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "request.h"
#include "session.h"

/* A reset restores the unit's state, and every client gets a unit attention. */
static void reset_unit(struct lun *lun)
{
	lun->stopped = false;
	lun->write_through = false;
	lun_attention(lun, UA_DEVICE_RESET);
}

/* Only the client's own nexus is lost; what the units are in does not change (SAM-5). */
static void reset_nexus(struct session *s, uint8_t target)
{
	struct lun *lun;

	for (lun = s->device->luns.targets[target]; lun; lun = lun->next)
		nexus_attention(lun, s->nexus, UA_NEXUS_LOSS);
}

static uint8_t run_function(struct session *s, const struct virtio_scsi_ctrl_tmf_req *req)
{
	struct scsi_task t = {.luns = &s->device->luns};
	uint32_t subtype = le32toh(req->subtype);

	/* Only the target of the address counts (5.6.6.2). */
	if (subtype == VIRTIO_SCSI_T_TMF_I_T_NEXUS_RESET) {
		if (req->lun[0] != 1 || !t.luns->targets[req->lun[1]])
			return VIRTIO_SCSI_S_BAD_TARGET;
		reset_nexus(s, req->lun[1]);
		return VIRTIO_SCSI_S_OK;
	}
	if (!request_address(req->lun, &t) || t.to == TO_REPORT_LUNS)
		return VIRTIO_SCSI_S_BAD_TARGET;
	if (!t.lun)
		return VIRTIO_SCSI_S_INCORRECT_LUN;
	switch (subtype) {
	case VIRTIO_SCSI_T_TMF_LOGICAL_UNIT_RESET:
		reset_unit(t.lun);
		return VIRTIO_SCSI_S_OK;
	case VIRTIO_SCSI_T_TMF_ABORT_TASK:
	case VIRTIO_SCSI_T_TMF_ABORT_TASK_SET:
	case VIRTIO_SCSI_T_TMF_CLEAR_TASK_SET:
	case VIRTIO_SCSI_T_TMF_QUERY_TASK:
	case VIRTIO_SCSI_T_TMF_QUERY_TASK_SET:
		/* FUNCTION COMPLETE: there is no such task (SAM-5, "Task management functions"). */
		return VIRTIO_SCSI_S_OK;
	default:
		return VIRTIO_SCSI_S_FUNCTION_REJECTED;
	}
}

/*
 * Commands made available before this request must be complete before the reply, otherwise one that
 * is to be aborted could be executed after its abort (virtio 1.4, 5.6.6.2).
 */
static int64_t run_tmf(struct session *s, struct chain *c)
{
	struct virtio_scsi_ctrl_tmf_req req;
	struct virtio_scsi_ctrl_tmf_resp resp;

	if (c->out.len < sizeof(req) || c->in.len < sizeof(resp))
		return set_error(EINVAL, "a task management request is too short");
	sgl_read(&c->out, &req, sizeof(req));
	s->device->counters.tmfs++;
	session_drain(s);
	resp.response = run_function(s, &req);
	return (int64_t)sgl_write(&c->in, &resp, sizeof(resp));
}

/* No unit supports asynchronous notifications: none is ever subscribed to. */
static int64_t run_notification(struct session *s, struct chain *c)
{
	struct scsi_task t = {.luns = &s->device->luns};
	struct virtio_scsi_ctrl_an_resp resp = {0};
	struct virtio_scsi_ctrl_an_req req;

	if (c->out.len < sizeof(req) || c->in.len < sizeof(resp))
		return set_error(EINVAL, "an asynchronous notification request is too short");
	sgl_read(&c->out, &req, sizeof(req));
	if (!request_address(req.lun, &t))
		resp.response = VIRTIO_SCSI_S_BAD_TARGET;
	else if (t.to == TO_ABSENT_LUN)
		resp.response = VIRTIO_SCSI_S_INCORRECT_LUN;
	return (int64_t)sgl_write(&c->in, &resp, sizeof(resp));
}

int64_t task_management(struct session *s, struct chain *c)
{
	struct sgl peek = c->out;
	uint32_t type;

	if (sgl_read(&peek, &type, sizeof(type)) != sizeof(type))
		return set_error(EINVAL, "a control request is too short for its type");
	switch (le32toh(type)) {
	case VIRTIO_SCSI_T_TMF:
		return run_tmf(s, c);
	case VIRTIO_SCSI_T_AN_QUERY:
	case VIRTIO_SCSI_T_AN_SUBSCRIBE:
		return run_notification(s, c);
	default:
		/* Unknown type, so the place of the response is unknown: used with length 0. */
		return 0;
	}
}
