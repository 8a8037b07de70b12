/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MODE SENSE: no parameter is changeable, so current and default values are the same (SPC-4 and
 * SBC-3, "Mode parameters").
 */
#include <string.h>

#include "../../src/util/bits.h"
#include "scsi_op.h"

#define PAGES_MAX 64

/* All zeros: no automatic reallocation, errors are reported. */
static unsigned int page_recovery(const struct lun *lun, uint8_t *p)
{
	(void)lun;
	p[0] = 0x01;
	p[1] = 0x0a;
	return 12;
}

static unsigned int page_caching(const struct lun *lun, uint8_t *p)
{
	p[0] = 0x08;
	p[1] = 0x12;
	if (lun->store->volatile_cache)
		p[2] = 0x04; /* WCE: a write may be lost until SYNCHRONIZE CACHE */
	return 20;
}

static unsigned int page_control(const struct lun *lun, uint8_t *p)
{
	(void)lun;
	p[0] = 0x0a;
	p[1] = 0x0a;
	p[3] = 0x10; /* unrestricted reordering */
	return 12;
}

static const struct mode_page {
	uint8_t code;
	unsigned int (*fill)(const struct lun *lun, uint8_t *p);
} pages[] = {
	{0x01, page_recovery},
	{0x08, page_caching},
	{0x0a, page_control},
};

/* The pages selected by @code; 0 bytes means that there is no such page. */
static unsigned int fill_pages(const struct lun *lun, uint8_t code, bool changeable, uint8_t *p)
{
	unsigned int len = 0;
	unsigned int n;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(pages); i++) {
		if (code != 0x3f && code != pages[i].code)
			continue;
		n = pages[i].fill(lun, p + len);
		if (changeable)
			memset(p + len + 2, 0, n - 2);
		len += n;
	}
	return len;
}

/*
 * The short form has 32 bits for the number of blocks; all ones means that it does not fit (SPC-4,
 * "Mode parameter block descriptor").
 */
static unsigned int fill_block_descriptor(const struct lun *lun, bool long_lba, uint8_t *p)
{
	if (long_lba) {
		put_be64(p, lun->blocks);
		put_be32(p + 12, lun->block_size);
		return 16;
	}
	put_be32(p, lun->blocks > UINT32_MAX ? UINT32_MAX : (uint32_t)lun->blocks);
	put_be32(p + 4, lun->block_size); /* the upper byte is reserved */
	return 8;
}

void run_mode_sense(struct scsi_task *t)
{
	bool ten = t->cdb[0] == 0x5a;
	unsigned int head = ten ? 8 : 4;
	uint8_t control = t->cdb[2] >> 6;
	uint8_t device = t->lun->read_only ? 0x90 : 0x10; /* WP; DPOFUA */
	uint8_t d[8 + 16 + PAGES_MAX] = {0};
	unsigned int block = 0;
	unsigned int pages_len;

	if (control == 3) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_SAVING_NOT_SUPPORTED);
		return;
	}
	if (t->cdb[3] && t->cdb[3] != 0xff) {
		task_fail_field(t, true, 3, -1);
		return;
	}
	if (!(t->cdb[1] & 0x08))
		block = fill_block_descriptor(t->lun, ten && t->cdb[1] & 0x10, d + head);
	pages_len = fill_pages(t->lun, t->cdb[2] & 0x3f, control == 1, d + head + block);
	if (!pages_len) {
		task_fail_field(t, true, 2, 5);
		return;
	}
	if (ten) {
		put_be16(d, (uint16_t)(head + block + pages_len - 2));
		d[3] = device;
		d[4] = block == 16; /* LONGLBA */
		put_be16(d + 6, (uint16_t)block);
	} else {
		d[0] = (uint8_t)(head + block + pages_len - 1);
		d[2] = device;
		d[3] = (uint8_t)block;
	}
	task_reply(t, d, head + block + pages_len);
}
