/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MODE SENSE and MODE SELECT (SPC-4 and SBC-3, "Mode parameters"). One bit is changeable: WCE,
 * where the store has a volatile cache. Without it every write is durable when it completes.
 */
#include <string.h>

#include "../../src/util/bits.h"
#include "scsi_op.h"

#define PAGES_MAX    64
#define SELECT_MAX   (8 + 16 + PAGES_MAX)
#define PAGE_CACHING 0x08
#define WCE          0x04 /* in byte 2 of that page */

/* The PC field: which values are wanted. */
enum { CURRENT, CHANGEABLE, DEFAULT, SAVED };

/* All zeros: no automatic reallocation, errors are reported. */
static unsigned int page_recovery(const struct lun *lun, uint8_t control, uint8_t *p)
{
	(void)lun;
	(void)control;
	p[0] = 0x01;
	p[1] = 0x0a;
	return 12;
}

static unsigned int page_caching(const struct lun *lun, uint8_t control, uint8_t *p)
{
	p[0] = PAGE_CACHING;
	p[1] = 0x12;
	/* A write may be lost until SYNCHRONIZE CACHE. */
	if (lun->store->volatile_cache && !(control == CURRENT && lun->write_through))
		p[2] = WCE;
	return 20;
}

static unsigned int page_control(const struct lun *lun, uint8_t control, uint8_t *p)
{
	(void)lun;
	(void)control;
	p[0] = 0x0a;
	p[1] = 0x0a;
	p[3] = 0x10; /* unrestricted reordering */
	return 12;
}

static const struct mode_page {
	uint8_t code;
	unsigned int (*fill)(const struct lun *lun, uint8_t control, uint8_t *p);
} pages[] = {
	{0x01, page_recovery},
	{PAGE_CACHING, page_caching},
	{0x0a, page_control},
};

/* The pages selected by @code; 0 bytes means that there is no such page. */
static unsigned int fill_pages(const struct lun *lun, uint8_t code, uint8_t control, uint8_t *p)
{
	unsigned int len = 0;
	unsigned int n;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(pages); i++) {
		if (code != 0x3f && code != pages[i].code)
			continue;
		n = pages[i].fill(lun, control, p + len);
		/* The caching page has nothing but WCE: its mask is its default value. */
		if (control == CHANGEABLE && pages[i].code != PAGE_CACHING)
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

	if (control == SAVED) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_SAVING_NOT_SUPPORTED);
		return;
	}
	if (t->cdb[3] && t->cdb[3] != 0xff) {
		task_fail_field(t, true, 3, -1);
		return;
	}
	if (!(t->cdb[1] & 0x08))
		block = fill_block_descriptor(t->lun, ten && t->cdb[1] & 0x10, d + head);
	pages_len = fill_pages(t->lun, t->cdb[2] & 0x3f, control, d + head + block);
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

/*
 * The block descriptor at @d may only say what is so already; 0 means no change, and all ones in
 * the short form that the number of blocks does not fit (SBC-3, "Mode parameter block
 * descriptors").
 */
static bool same_blocks(const struct lun *lun, const uint8_t *d, unsigned int len)
{
	uint64_t blocks = len == 16 ? get_be64(d) : get_be32(d);
	uint32_t size = get_be32(d + len - 4);

	if (size && size != lun->block_size)
		return false;
	return !blocks || blocks == lun->blocks || (len == 8 && blocks == UINT32_MAX);
}

/*
 * Checks the page at @d + @at of a list of @len bytes. Returns its length, or 0 after failing the
 * task: a field that can't be changed must have its current value.
 */
static unsigned int check_page(struct scsi_task *t, const uint8_t *d, unsigned int at,
			       unsigned int len)
{
	uint8_t now[PAGES_MAX] = {0};
	uint8_t mask[PAGES_MAX] = {0};
	unsigned int n = fill_pages(t->lun, d[at] & 0x3f, CURRENT, now);
	unsigned int i;

	if (!n || (d[at] & 0x3f) == 0x3f || d[at] & 0xc0) {
		task_fail_field(t, false, at, -1);
		return 0;
	}
	if (len - at < 2 || len - at < n) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_PARAM_LIST_LENGTH);
		return 0;
	}
	fill_pages(t->lun, d[at] & 0x3f, CHANGEABLE, mask);
	mask[0] = 0;
	mask[1] = 0;
	for (i = 1; i < n; i++) {
		if ((d[at + i] ^ now[i]) & (uint8_t)~mask[i]) {
			task_fail_field(t, false, at + i, -1);
			return 0;
		}
	}
	return n;
}

/* What was written before the cache is switched off must be durable too. */
static void set_write_through(struct scsi_task *t, bool write_through)
{
	struct store *s = t->lun->store;
	unsigned int i;
	int rc;

	if (write_through == t->lun->write_through)
		return;
	rc = write_through && !t->lun->read_only ? s->ops->flush(s) : 0;
	if (rc) {
		task_fail_store(t, rc, true, 0);
		return;
	}
	t->lun->write_through = write_through;
	for (i = 0; i < NEXUSES; i++)
		if (i != t->nexus)
			nexus_attention(t->lun, i, UA_MODE_CHANGED);
}

/* The whole list is checked before anything is changed. */
void run_mode_select(struct scsi_task *t)
{
	bool ten = t->cdb[0] == 0x55;
	unsigned int at = ten ? 8 : 4;
	bool write_through = t->lun->write_through;
	uint8_t d[SELECT_MAX + 1] = {0};
	struct sgl from = t->out;
	unsigned int block;
	unsigned int len;
	unsigned int n;

	if (t->cdb[1] & 0x01) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_SAVING_NOT_SUPPORTED);
		return;
	}
	len = (unsigned int)sgl_read(&from, d, t->wanted < sizeof(d) ? t->wanted : sizeof(d));
	if (!len)
		return;
	block = ten ? get_be16(d + 6) : d[3];
	if (len > SELECT_MAX || len < at + block) {
		task_fail(t, KEY_ILLEGAL_REQUEST, ASC_PARAM_LIST_LENGTH);
		return;
	}
	if (block &&
	    (block != (ten && d[4] & 1 ? 16u : 8u) || !same_blocks(t->lun, d + at, block))) {
		task_fail_field(t, false, at, -1);
		return;
	}
	for (at += block; at < len; at += n) {
		n = check_page(t, d, at, len);
		if (!n)
			return;
		if (d[at] == PAGE_CACHING && t->lun->store->volatile_cache)
			write_through = !(d[at + 2] & WCE);
	}
	set_write_through(t, write_through);
	t->out_done = t->wanted;
}
