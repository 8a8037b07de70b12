/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asks logical units who they are, on the fresh ring of a request queue, which nobody else has by
 * then. One question at a time, with buffers that are for this alone.
 */
#include <errno.h>
#include <string.h>

#include "device/events.h"
#include "lun/lun.h"
#include "lun/recognize.h"
#include "scsi/capacity.h"
#include "scsi/cdb.h"
#include "scsi/inquiry.h"
#include "scsi/response.h"
#include "scsi/vpd.h"
#include "util/clock.h"
#include "util/error.h"

/* UNIT ATTENTION after a start can come several at once. */
#define TRIES 8

/* What a LUN turns out to be. What it doesn't say, it may say later. */
enum { MISSING, SAME, OTHER };

/* A question in DMA memory: header and response as in a slot, and data. */
struct question {
	struct virtio_scsi_cmd_req request;
	char pad[SLOT_RESPONSE - sizeof(struct virtio_scsi_cmd_req)];
	struct virtio_scsi_cmd_resp response;
	char pad2[2 * CACHE_LINE - sizeof(struct virtio_scsi_cmd_resp)];
	uint8_t data[RECOGNIZE_BYTES - SLOT_RESPONSE - 2 * CACHE_LINE];
};
_Static_assert(sizeof(struct question) == RECOGNIZE_BYTES, "the device's page has room");
_Static_assert(SCSI_VPD_ALLOC <= sizeof(((struct question *)0)->data), "data fit");

static void put_desc(struct vring_desc *desc, uint64_t iova, size_t len, unsigned flags,
		     unsigned next)
{
	desc->addr = htole64(iova);
	desc->len = htole32((uint32_t)len);
	desc->flags = htole16((uint16_t)flags);
	desc->next = htole16((uint16_t)next);
}

/* The chain lies in the ring itself, which indirect descriptors don't rule out. */
static int send(struct vscsi_dev *dev, struct virtq *vq, size_t len)
{
	struct vring_desc *desc = virtq_table(vq);
	struct question *q = dev->question;
	struct dma_cache cache = {.table = NULL};
	uint64_t regions = 0;
	uint64_t iova;

	if (dma_translate(dev->map, &cache, q, sizeof(*q), &iova, &regions) < sizeof(*q))
		return error_set(-EFAULT, "the pool's own memory is not mapped for the device");
	memset(&q->response, 0, sizeof(q->response));
	q->response.response = RESPONSE_UNWRITTEN;
	memset(q->data, 0, sizeof(q->data));
	put_desc(&desc[0], iova, sizeof(q->request), VRING_DESC_F_NEXT, 1);
	put_desc(&desc[1], iova + offsetof(struct question, response), sizeof(q->response),
		 VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 2);
	put_desc(&desc[2], iova + offsetof(struct question, data), len, VRING_DESC_F_WRITE, 0);
	virtq_push(vq, 0);
	virtq_submit(vq);
	return 0;
}

/* Whether the device is still there and well, which it may say only once. */
static int check(struct vscsi_dev *dev)
{
	unsigned what = 0;
	int err = virtio_check(&dev->virtio, &what);

	if (err)
		return err;
	if (what & VIRTIO_CHANGED)
		dev_config_changed(dev);
	if (what & VIRTIO_BROKEN)
		return error_set(-EIO, "it says that a queue is broken or that it needs a reset");
	return 0;
}

/* The time for one answer is also bounded by that for all of them. */
static int await(struct vscsi_dev *dev, struct virtq *vq, const char *what)
{
	uint64_t begin = clock_ms();
	uint64_t limit = begin + dev->opts.timeout_ms;
	struct ring_used used;
	unsigned spins = 0;
	int pending;
	int err;

	if (limit > dev->recovery.answers_by)
		limit = dev->recovery.answers_by;
	while (!(pending = virtq_pending(vq))) {
		clock_relax(&spins);
		err = spins % 1024 ? 0 : check(dev);
		if (err)
			return err;
		if (clock_ms() > limit)
			return error_set(-ETIMEDOUT, "no answer to %s in %u ms", what,
					 (unsigned)(clock_ms() - begin));
	}
	if (pending < 0 || virtq_take(vq, &used))
		return error_set(-EPROTO, "%s", virtq_rule(vq));
	return 0;
}

/*
 * One command; its data are copied to @out, as the device can still write to where they were.
 * Return: bytes; 0 when the LUN refuses or isn't there; or a negative errno.
 */
static int ask(struct vscsi_lun *lun, const uint8_t cdb[SCSI_CDB_LEN], uint8_t *out, size_t len)
{
	struct vscsi_dev *dev = lun->dev;
	struct virtq *vq = &dev->recovery.asked->spare;
	const char *what = cdb[0] == SCSI_INQUIRY ? "INQUIRY" : "READ CAPACITY";
	struct question *q = dev->question;
	unsigned tries;
	struct virtio_scsi_cmd_resp resp;
	uint32_t missing;
	int err;

	memset(&q->request, 0, sizeof(q->request));
	memcpy(q->request.lun, lun->addr, sizeof(lun->addr));
	memcpy(q->request.cdb, cdb, SCSI_CDB_LEN);
	for (tries = 0; tries < TRIES; tries++) {
		err = send(dev, vq, len);
		if (!err)
			err = await(dev, vq, what);
		if (err)
			return err;
		memcpy(&resp, &q->response, offsetof(struct virtio_scsi_cmd_resp, sense));
		if (resp.response != VIRTIO_SCSI_S_OK)
			return 0;
		missing = le32toh(resp.resid);
		memcpy(out, q->data, len);
		if (!resp.status)
			return missing < len ? (int)(len - missing) : 0;
		if (resp.status != SCSI_CHECK_CONDITION)
			return 0;
	}
	return 0;
}

/* Whether it is there at all. Return: SAME, MISSING, or a negative errno. */
static int is_there(struct vscsi_lun *lun)
{
	uint8_t data[SCSI_INQUIRY_ALLOC];
	struct scsi_inquiry inquiry;
	uint8_t cdb[SCSI_CDB_LEN];
	int len;

	scsi_cdb_inquiry(cdb, false, 0, sizeof(data));
	len = ask(lun, cdb, data, sizeof(data));
	if (len <= 0)
		return len;
	return !scsi_inquiry_parse(data, (size_t)len, &inquiry) &&
			       inquiry.qualifier == SCSI_QUALIFIER_CONNECTED
		       ? SAME
		       : MISSING;
}

/*
 * Whether it has the name that it had: a world-wide one, else its serial number. One that never had
 * either can't be told from another. Return: SAME, OTHER, MISSING, or a negative errno.
 */
static int is_named(struct vscsi_lun *lun)
{
	const struct vscsi_lun_info *info = &lun->info;
	uint8_t page = *info->wwid ? SCSI_VPD_IDENTITY : SCSI_VPD_SERIAL;
	uint8_t data[SCSI_VPD_ALLOC];
	char serial[SCSI_SERIAL_SIZE] = "";
	char wwid[SCSI_WWID_SIZE] = "";
	uint8_t cdb[SCSI_CDB_LEN];
	int differs;
	int len;

	if (!*info->wwid && !*info->serial)
		return SAME;
	scsi_cdb_inquiry(cdb, true, page, sizeof(data));
	len = ask(lun, cdb, data, sizeof(data));
	if (len <= 0)
		return len;
	if (page == SCSI_VPD_IDENTITY)
		scsi_vpd_parse_identity(data, (size_t)len, wwid);
	else
		scsi_vpd_parse_serial(data, (size_t)len, serial);
	differs =
		page == SCSI_VPD_IDENTITY ? strcmp(wwid, info->wwid) : strcmp(serial, info->serial);
	return differs ? OTHER : SAME;
}

static int read_capacity(struct vscsi_lun *lun, struct scsi_capacity *capacity)
{
	uint8_t data[SCSI_READ_CAPACITY_16_LEN];
	uint8_t cdb[SCSI_CDB_LEN];
	int len;

	memset(capacity, 0, sizeof(*capacity));
	scsi_cdb_read_capacity_16(cdb);
	len = ask(lun, cdb, data, SCSI_READ_CAPACITY_16_LEN);
	if (len > 0)
		scsi_capacity_parse_16(data, (size_t)len, capacity);
	if (len)
		return len;
	scsi_cdb_read_capacity_10(cdb);
	len = ask(lun, cdb, data, SCSI_READ_CAPACITY_10_LEN);
	if (len > 0)
		scsi_capacity_parse_10(data, (size_t)len, capacity);
	return len;
}

/* Whether requests that fitted still do; what is new beyond is an event. Return: as is_named(). */
static int is_large_enough(struct vscsi_lun *lun)
{
	struct scsi_capacity now;
	int len;

	if (!lun->block_size)
		return SAME;
	len = read_capacity(lun, &now);
	if (len <= 0)
		return len;
	if (now.block_size != lun->block_size || now.blocks < lun->info.blocks)
		return OTHER;
	if (now.blocks > lun->info.blocks)
		events_unit_attention(lun->dev, lun, ASC_PARAMETERS_CHANGED, ASCQ_CAPACITY_CHANGED);
	return SAME;
}

static int recognize(struct vscsi_lun *lun, bool wait)
{
	int what = is_there(lun);

	if (what == SAME)
		what = is_named(lun);
	if (what == SAME)
		what = is_large_enough(lun);
	if (what == MISSING && wait)
		return error_set(-EAGAIN, "LUN %u:%u is missing, or not ready to tell what it is",
				 lun->info.target, lun->info.lun);
	if (what == SAME || what < 0)
		return what < 0 ? what : 0;
	atomic_store(&lun->gone, true);
	atomic_store(&lun->dev->strangers, true);
	events_unit_attention(lun->dev, lun, ASC_TARGET_CHANGED, ASCQ_INQUIRY_CHANGED);
	return 1;
}

int recognize_all(struct vscsi_dev *dev, bool wait)
{
	struct vscsi_lun *lun;
	int gone = 0;
	int ret;

	for (lun = dev->open; lun; lun = lun->next) {
		if (atomic_load(&lun->gone))
			continue;
		ret = recognize(lun, wait);
		if (ret < 0)
			return ret;
		gone += ret;
	}
	return gone;
}
