/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Disks that each have an identity, a capacity and errors of their own. Everything else is answered
 * by the model.
 */
#include <string.h>

#include "disks.h"
#include "fixture.h"

void disks_init(struct fixture *f)
{
	unsigned target;
	unsigned lun;

	for (target = 0; target < MODEL_TARGETS; target++) {
		for (lun = 0; lun < MODEL_LUNS; lun++) {
			f->disks[target][lun].blocks = FIXTURE_BLOCKS;
			f->disks[target][lun].serial = "SN42";
		}
	}
	f->disks[0][0].present = true;
	f->disks[1][2].present = true;
}

static struct answer reply(const struct chain *chain, const uint8_t *data, size_t len)
{
	uint32_t room = (uint32_t)chain_data_in(chain);
	uint32_t part = len < room ? (uint32_t)len : room;

	assert_true(chain->nin <= 2);
	if (part)
		memcpy(chain->in[1].iov_base, data, part);
	return (struct answer){.residual = room - part, .used_len = RESPONSE_BYTES + part};
}

static struct answer serial_page(const struct disk *disk, const struct chain *chain)
{
	uint8_t page[260] = {0, SCSI_VPD_SERIAL};
	size_t len = strlen(disk->serial);

	put_be16(page + 2, (uint16_t)len);
	memcpy(page + 4, disk->serial, len);
	return reply(chain, page, 4 + len);
}

static struct answer names_page(const struct disk *disk, const struct chain *chain)
{
	uint8_t page[4096] = {0, SCSI_VPD_IDENTITY};

	put_be16(page + 2, (uint16_t)disk->names_len);
	memcpy(page + 4, disk->names, disk->names_len);
	return reply(chain, page, 4 + disk->names_len);
}

static struct answer list_page(const struct disk *disk, const struct chain *chain)
{
	uint8_t page[16] = {0, SCSI_VPD_PAGES, 0, 0};
	uint8_t *at = page + 4;

	*at++ = SCSI_VPD_PAGES;
	if (disk->serial)
		*at++ = SCSI_VPD_SERIAL;
	if (disk->names)
		*at++ = SCSI_VPD_IDENTITY;
	*at++ = SCSI_VPD_LIMITS;
	*at++ = SCSI_VPD_PROVISIONING;
	page[3] = (uint8_t)(at - page - 4);
	return reply(chain, page, (size_t)(at - page));
}

static struct answer vpd(struct fixture *f, const struct disk *disk, const struct chain *chain)
{
	uint8_t page = chain_cdb(chain)[2];

	if (disk->no_pages)
		return model_sense(chain, 5, 0x24, 0);
	if (page == SCSI_VPD_PAGES)
		return list_page(disk, chain);
	if (page == SCSI_VPD_SERIAL && disk->serial)
		return serial_page(disk, chain);
	if (page == SCSI_VPD_IDENTITY && disk->names)
		return names_page(disk, chain);
	return model_execute(f->m, chain);
}

static struct answer answer(struct fixture *f, struct disk *disk, const struct chain *chain)
{
	const uint8_t *cdb = chain_cdb(chain);
	uint16_t attention = disk->attention;

	if (disk->refuses && cdb[0] == disk->refuses) {
		struct answer refusal = model_sense(chain, 5, 0x20, 0);

		refusal.response = disk->fails ? VIRTIO_SCSI_S_FAILURE : VIRTIO_SCSI_S_OK;
		return refusal;
	}
	/* INQUIRY and REPORT LUNS do not report it (SPC). */
	if (attention && cdb[0] != SCSI_INQUIRY && cdb[0] != SCSI_REPORT_LUNS) {
		disk->attention = 0;
		return model_sense(chain, 6, (uint8_t)(attention >> 8), (uint8_t)attention);
	}
	if (disk->not_ready && cdb[0] != SCSI_INQUIRY)
		return model_sense(chain, 2, 0x04, 0x02);
	if (disk->list && cdb[0] == SCSI_REPORT_LUNS)
		return reply(chain, disk->list, disk->list_len);
	if (disk->present && cdb[0] == SCSI_INQUIRY && (cdb[1] & 1))
		return vpd(f, disk, chain);
	f->m->blocks = disk->blocks;
	return model_execute(f->m, chain);
}

static struct disk *disk_of(struct fixture *f, const struct chain *chain)
{
	const uint8_t *header = chain->out[0].iov_base;

	assert_true(header[1] < MODEL_TARGETS && header[3] < MODEL_LUNS);
	return &f->disks[header[1]][header[3]];
}

static void give_answer(struct fixture *f, const struct chain *chain)
{
	struct disk *disk = disk_of(f, chain);
	struct answer a;
	unsigned target;
	unsigned lun;

	for (target = 0; target < MODEL_TARGETS; target++) {
		for (lun = 0; lun < MODEL_LUNS; lun++)
			f->m->present[target][lun] = f->disks[target][lun].present;
	}
	a = answer(f, disk, chain);
	model_answer(f->m, chain, &a);
}

static void take(struct fixture *f, const struct chain *chain)
{
	const uint8_t *header = chain->out[0].iov_base;
	struct disk *disk = disk_of(f, chain);
	struct received *entry = &f->log[f->logged];

	assert_true(f->logged++ < FIXTURE_LOG);
	entry->target = header[1];
	entry->lun = header[3];
	memcpy(entry->cdb, chain_cdb(chain), sizeof(entry->cdb));
	if (f->before)
		f->before(f, disk, entry->cdb);
	if (!disk->silent) {
		give_answer(f, chain);
		return;
	}
	assert_true(f->kept_count < FIXTURE_KEPT);
	f->kept[f->kept_count++] = *chain;
}

void disks_serve(struct fixture *f)
{
	struct chain chain;
	unsigned i;

	for (i = 0; i < FIXTURE_QUEUES; i++) {
		while (model_take(f->m, VQ_REQUEST + i, &chain))
			take(f, &chain);
	}
}

void fixture_speak(struct fixture *f)
{
	unsigned count = f->kept_count;
	unsigned i;

	f->kept_count = 0;
	for (i = 0; i < count; i++)
		give_answer(f, &f->kept[i]);
}

unsigned fixture_count(const struct fixture *f, unsigned target, unsigned number, uint8_t opcode,
		       unsigned from)
{
	unsigned count = 0;
	unsigned i;

	for (i = from; i < f->logged; i++)
		count += f->log[i].target == target && f->log[i].lun == number &&
			 f->log[i].cdb[0] == opcode;
	return count;
}
