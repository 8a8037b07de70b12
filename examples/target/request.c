/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Converts a chain to a SCSI command, and its result to a response.
 */
#include "request.h"

#include <errno.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "error.h"
#include "session.h"
#include "worker.h"

#define HEADER_FIXED   offsetof(struct virtio_scsi_cmd_req, cdb)
#define RESPONSE_FIXED offsetof(struct virtio_scsi_cmd_resp, sense)

bool request_address(const uint8_t lun[8], struct scsi_task *t)
{
	static const uint8_t report_luns[8] = {0xc1, 0x01};
	uint16_t number = get_be16(lun + 2);

	t->lun = NULL;
	t->target = lun[1];
	if (!memcmp(lun, report_luns, 8)) {
		t->to = TO_REPORT_LUNS;
		return true;
	}
	/* 5.6.6.1: one, target, single-level LUN, four zero bytes. */
	if (lun[0] != 1 || get_be32(lun + 4) || !t->luns->targets[t->target])
		return false;
	/*
	 * Peripheral device addressing on bus 0, or flat space addressing (SAM-5, "Single level
	 * LUN structure").
	 */
	if (lun[2] && lun[2] >> 6 != 1)
		return false;
	t->lun = lun_find(t->luns, t->target, number & 0x3fff);
	t->to = t->lun ? TO_LUN : TO_ABSENT_LUN;
	return true;
}

/* Without INOUT a request has data in at most one direction (5.6.6.1.1). */
static bool directions_ok(const struct session *s, const struct scsi_task *t)
{
	return s->features & BIT(VIRTIO_SCSI_F_INOUT) || !t->out.len || !t->in.len;
}

/* Every SCSI status, good or bad, has the virtio response OK. */
static uint8_t run(struct session *s, struct worker *w, const uint8_t *lun, struct scsi_task *t)
{
	t->luns = &s->device->luns;
	t->nexus = s->nexus;
	t->max_sectors = s->device->options.max_sectors;
	if (!directions_ok(s, t))
		return VIRTIO_SCSI_S_FAILURE;
	if (!request_address(lun, t))
		return VIRTIO_SCSI_S_BAD_TARGET;
	if (w)
		worker_execute(w, t);
	else
		scsi_run(t);
	switch (t->outcome) {
	case RAN:
		return VIRTIO_SCSI_S_OK;
	case OVERRAN:
		return VIRTIO_SCSI_S_OVERRUN;
	default:
		return VIRTIO_SCSI_S_TRANSPORT_FAILURE;
	}
}

/* Counts what was transferred, for the control command "stat". */
static void count(struct counters *c, const struct scsi_task *t)
{
	c->requests++;
	c->bytes_in += t->in_done;
	c->bytes_out += t->out_done;
	c->check_conditions += t->status == STATUS_CHECK_CONDITION;
}

/* Sense data is truncated to sense_size; the unused part is cleared. */
static void respond(struct session *s, struct sgl to, const struct scsi_task *t, uint8_t response)
{
	struct virtio_scsi_cmd_resp head = {.status = t->status, .response = response};
	uint64_t residual = t->out.len + t->in.len - t->out_done - t->in_done;
	uint32_t n = 0;

	if (t->status == STATUS_CHECK_CONDITION)
		n = s->sense_size < SENSE_MAX ? s->sense_size : SENSE_MAX;
	head.sense_len = htole32(n);
	head.resid = htole32(residual > UINT32_MAX ? UINT32_MAX : (uint32_t)residual);
	sgl_write(&to, &head, RESPONSE_FIXED);
	sgl_write(&to, t->sense, n);
	sgl_clear(&to, s->sense_size - n);
}

int64_t request(struct session *s, const struct ring *r, struct chain *c)
{
	uint8_t header[HEADER_FIXED + CDB_MAX];
	size_t header_len = HEADER_FIXED + s->cdb_size;
	size_t response_len = RESPONSE_FIXED + s->sense_size;
	struct sgl response_at = c->in;
	struct scsi_task t = {.status = STATUS_GOOD};
	uint8_t response;

	if (c->out.len < header_len || c->in.len < response_len)
		return set_error(
			EINVAL,
			"a request has %zu readable and %zu writable bytes; header and response "
			"need %zu and %zu (virtio 1.4, 5.6.6.1)",
			c->out.len, c->in.len, header_len, response_len);
	/* Handlers use 16 bytes of CDB even if cdb_size is smaller. */
	memset(header + HEADER_FIXED, 0, 16);
	sgl_read(&c->out, header, header_len);
	sgl_advance(&c->in, response_len);
	t.cdb = header + HEADER_FIXED;
	t.out = c->out;
	t.in = c->in;
	response = run(s, r->worker, header, &t);
	respond(s, response_at, &t, response);
	count(r->counters, &t);
	return (int64_t)(response_len + t.in_done);
}
