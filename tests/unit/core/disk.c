/* SPDX-License-Identifier: BSD-3-Clause */
/* The model's disks. A LUN that is not there answers BAD TARGET, or 5/25 where its target is. */
#include <string.h>

#include "disk.h"
#include "scsi/cdb.h"
#include "util/bits.h"

/* Copies between the segments of a chain and one piece of memory. */
static uint32_t copy(const struct iovec *iov, unsigned count, uint8_t *data, uint32_t len, bool out)
{
	uint32_t done = 0;
	unsigned i;

	for (i = 1; i < count && done < len; i++) {
		uint32_t part = (uint32_t)iov[i].iov_len;

		if (part > len - done)
			part = len - done;
		memcpy(out ? data + done : iov[i].iov_base, out ? iov[i].iov_base : data + done,
		       part);
		done += part;
	}
	return done;
}

static struct answer reply(const struct chain *chain, uint8_t *data, uint32_t len)
{
	uint32_t done = copy(chain->in, chain->nin, data, len, false);

	return (struct answer){
		.residual = (uint32_t)chain_data_in(chain) - done,
		.used_len = RESPONSE_BYTES + done,
	};
}

static struct answer inquiry(struct model *m, const struct chain *chain)
{
	static const uint8_t pages[] = {0, 0, 0, 4, 0x00, 0x80, 0xb0, 0xb2};
	static const uint8_t serial[] = {0, 0x80, 0, 4, 'S', 'N', '4', '2'};
	const uint8_t *cdb = chain_cdb(chain);
	uint8_t data[96] = {m->type, 0, 6, 2, 91};

	if (!(cdb[1] & 1)) {
		memcpy(data + 8, "TESTS   MODEL DISK      1.0 ", 28);
		return reply(chain, data, sizeof(data));
	}
	data[1] = cdb[2];
	switch (cdb[2]) {
	case 0x00:
		memcpy(data, pages, sizeof(pages));
		return reply(chain, data, sizeof(pages));
	case 0x80:
		memcpy(data, serial, sizeof(serial));
		return reply(chain, data, sizeof(serial));
	case 0xb0:
		memset(data + 2, 0, sizeof(data) - 2);
		data[3] = 0x3c;
		data[5] = 4; /* blocks of COMPARE AND WRITE */
		put_be32(data + 8, m->max_transfer);
		put_be32(data + 20, 0x10000);
		put_be32(data + 24, 8);
		put_be32(data + 40, 0x8000);
		return reply(chain, data, 64);
	case 0xb2:
		memset(data + 2, 0, sizeof(data) - 2);
		data[3] = 4;
		data[5] = 0xe4;
		data[6] = 2;
		return reply(chain, data, 8);
	default:
		return model_sense(chain, 5, 0x24, 0);
	}
}

static struct answer capacity_10(struct model *m, const struct chain *chain)
{
	uint8_t data[8];

	put_be32(data, (uint32_t)(m->blocks - 1));
	put_be32(data + 4, m->block_size);
	return reply(chain, data, sizeof(data));
}

static struct answer capacity_16(struct model *m, const struct chain *chain)
{
	uint8_t data[32] = {0};

	put_be64(data, m->blocks - 1);
	put_be32(data + 8, m->block_size);
	return reply(chain, data, sizeof(data));
}

static struct answer mode_sense(struct model *m, const struct chain *chain)
{
	uint8_t data[24] = {23, 0, m->mode, 0, 0x08, 0x12, 0x04};

	return reply(chain, data, sizeof(data));
}

static struct answer report_luns(struct model *m, const struct chain *chain, unsigned target)
{
	uint8_t data[8 + 8 * MODEL_LUNS] = {0};
	unsigned count = 0;
	unsigned i;

	for (i = 0; i < MODEL_LUNS; i++) {
		if (m->present[target][i])
			data[8 + 8 * count++ + 1] = (uint8_t)i;
	}
	put_be32(data, 8 * count);
	return reply(chain, data, 8 + 8 * count);
}

static struct answer transfer(struct model *m, const struct chain *chain, uint64_t lba,
			      uint32_t blocks, bool write)
{
	uint64_t at = lba * m->block_size;
	uint32_t len = blocks * m->block_size;

	if (!range_inside(at, len, 0, sizeof(m->disk)))
		return model_sense(chain, 5, 0x21, 0);
	if (!write)
		return reply(chain, m->disk + at, len);
	copy(chain->out, chain->nout, m->disk + at, len, true);
	return model_good(chain);
}

static bool target_is_there(const struct model *m, unsigned target)
{
	unsigned i;

	for (i = 0; i < MODEL_LUNS; i++) {
		if (m->present[target][i])
			return true;
	}
	return false;
}

/* What the test has to say to it, if anything. */
static const struct said *find_said(const struct model *m, const uint8_t *cdb)
{
	unsigned i;

	for (i = 0; i < m->nsaid; i++) {
		if (memcmp(m->said[i].cdb, cdb, sizeof(m->said[i].cdb)) == 0)
			return &m->said[i];
	}
	return NULL;
}

struct answer disk_answer(struct model *m, const struct chain *chain)
{
	const uint8_t *header = chain->out[0].iov_base;
	const uint8_t *cdb = chain_cdb(chain);
	const struct said *said = find_said(m, cdb);
	unsigned target = header[1];
	unsigned lun = header[3];

	if (target >= MODEL_TARGETS || !target_is_there(m, target))
		return (struct answer){.response = VIRTIO_SCSI_S_BAD_TARGET,
				       .used_len = RESPONSE_BYTES};
	if (cdb[0] == 0xa0)
		return report_luns(m, chain, target);
	if (lun >= MODEL_LUNS || !m->present[target][lun])
		return model_sense(chain, 5, 0x25, 0);
	if (said)
		return said->data ? reply(chain, (uint8_t *)(uintptr_t)said->data, said->len)
				  : said->end;
	switch (cdb[0]) {
	case SCSI_INQUIRY:
		return inquiry(m, chain);
	case SCSI_READ_CAPACITY_10:
		return capacity_10(m, chain);
	case 0x9e:
		return capacity_16(m, chain);
	case SCSI_MODE_SENSE_6:
		return mode_sense(m, chain);
	case SCSI_READ_10:
	case SCSI_WRITE_10:
		return transfer(m, chain, get_be32(cdb + 2), get_be16(cdb + 7),
				cdb[0] == SCSI_WRITE_10);
	case SCSI_READ_16:
	case SCSI_WRITE_16:
		return transfer(m, chain, get_be64(cdb + 2), get_be32(cdb + 10),
				cdb[0] == SCSI_WRITE_16);
	case SCSI_TEST_UNIT_READY:
	case SCSI_SYNC_CACHE_10:
	case SCSI_SYNC_CACHE_16:
	case SCSI_UNMAP:
	case SCSI_WRITE_SAME_16:
		return model_good(chain);
	default:
		return model_sense(chain, 5, 0x20, 0);
	}
}
