/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Standard INQUIRY data and vital product data pages (SPC-4 and SBC-3, "Vital product data
 * parameters").
 */
#include <stdio.h>
#include <string.h>

#include "../../src/util/bits.h"
#include "scsi_op.h"

#define VENDOR  "VSCSI   "
#define PRODUCT "TARGET DISK     "
#define NO_UNIT 0x7f /* qualifier 011b, type 1Fh: no unit at this address */
#define W_LUN   0x1e

static uint8_t device_type(const struct scsi_task *t)
{
	if (t->to == TO_ABSENT_LUN)
		return NO_UNIT;
	return t->to == TO_REPORT_LUNS ? W_LUN : 0x00;
}

static void standard(struct scsi_task *t)
{
	static const uint16_t versions[] = {
		0x00a0, /* SAM-5 */
		0x0460, /* SPC-4 */
		0x04c0, /* SBC-3 */
	};
	uint8_t d[96] = {0};
	size_t i;

	d[0] = device_type(t);
	d[2] = 0x06; /* SPC-4 */
	d[3] = 0x12; /* HISUP, response format 2 */
	d[4] = sizeof(d) - 5;
	if (t->to == TO_LUN)
		d[5] = 0x10; /* TPGS: see REPORT TARGET PORT GROUPS */
	d[7] = 0x02;         /* CMDQUE */
	memcpy(d + 8, VENDOR, 8);
	memcpy(d + 16, PRODUCT, 16);
	memcpy(d + 32, "1.0 ", 4);
	for (i = 0; i < ARRAY_LEN(versions); i++)
		put_be16(d + 58 + 2 * i, versions[i]);
	task_reply(t, d, sizeof(d));
}

/* Always fits: SERIAL_MAX is far smaller than a page. */
static uint16_t page_serial(const struct scsi_task *t, uint8_t *d)
{
	size_t n = strlen(t->lun->serial);

	memcpy(d, t->lun->serial, n);
	return (uint16_t)n;
}

/*
 * Of the unit: NAA, and T10 with vendor, product and serial number. Of the port: its number and
 * that of its group, as in REPORT TARGET PORT GROUPS.
 */
static uint16_t page_names(const struct scsi_task *t, uint8_t *d)
{
	static const uint8_t port[16] = {0x01, 0x14, 0, 4, 0, 0, 0, TARGET_PORT,
					 0x01, 0x15, 0, 4, 0, 0, 0, TARGET_PORT_GROUP};
	size_t n = strlen(t->lun->serial);

	d[0] = 0x01; /* binary */
	d[1] = 0x03; /* logical unit, NAA */
	d[3] = 8;
	put_be64(d + 4, t->lun->naa);
	d += 12;
	d[0] = 0x02; /* ASCII */
	d[1] = 0x01; /* logical unit, T10 vendor identification */
	d[3] = (uint8_t)(24 + n);
	memcpy(d + 4, VENDOR, 8);
	memcpy(d + 12, PRODUCT, 16);
	memcpy(d + 28, t->lun->serial, n);
	memcpy(d + 28 + n, port, sizeof(port));
	return (uint16_t)(12 + 28 + n + sizeof(port));
}

/* Offsets count from byte 4 of the page. */
static uint16_t page_extended(const struct scsi_task *t, uint8_t *d)
{
	d[1] = 0x01;                          /* SIMPSUP: simple tasks */
	d[2] = t->lun->store->volatile_cache; /* V_SUP */
	return 60;
}

static uint16_t page_limits(const struct scsi_task *t, uint8_t *d)
{
	struct scsi_limits l = scsi_limits(t);

	d[0] = 0x01; /* WSNZ: WRITE SAME of 0 blocks is rejected */
	d[1] = (uint8_t)l.compare;
	put_be16(d + 2, (uint16_t)(t->lun->block_size < 4096 ? 4096 / t->lun->block_size : 1));
	put_be32(d + 4, l.transfer);
	put_be32(d + 8, l.transfer & ~(4096 / t->lun->block_size - 1)); /* whole pages */
	if (t->lun->thin) {
		put_be32(d + 16, l.unmap);
		put_be32(d + 20, UNMAP_MAX_DESCRIPTORS);
		put_be32(d + 24, t->lun->block_size < 4096 ? 4096 / t->lun->block_size : 1);
	}
	put_be64(d + 32, l.write_same);
	return 60;
}

static uint16_t page_characteristics(const struct scsi_task *t, uint8_t *d)
{
	(void)t;
	put_be16(d, 1); /* non-rotating */
	return 60;
}

static uint16_t page_provisioning(const struct scsi_task *t, uint8_t *d)
{
	if (t->lun->thin) {
		d[1] = 0xe4; /* LBPU, LBPWS, LBPWS10; LBPRZ: unmapped blocks read as zeros */
		d[2] = 0x02; /* thin provisioned */
	}
	return 4;
}

static uint16_t page_list(const struct scsi_task *t, uint8_t *d);

static const struct page {
	uint8_t code;
	uint16_t (*fill)(const struct scsi_task *t, uint8_t *d);
} pages[] = {
	{0x00, page_list},         {0x80, page_serial}, {0x83, page_names},
	{0x86, page_extended},     {0xb0, page_limits}, {0xb1, page_characteristics},
	{0xb2, page_provisioning},
};

static uint16_t page_list(const struct scsi_task *t, uint8_t *d)
{
	unsigned int i;

	(void)t;
	for (i = 0; i < ARRAY_LEN(pages); i++)
		d[i] = pages[i].code;
	return ARRAY_LEN(pages);
}

static void vital_data(struct scsi_task *t)
{
	uint8_t d[128] = {0};
	uint16_t len;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(pages); i++) {
		if (pages[i].code != t->cdb[2])
			continue;
		d[0] = device_type(t);
		d[1] = pages[i].code;
		len = pages[i].fill(t, d + 4);
		put_be16(d + 2, len);
		task_reply(t, d, 4u + len);
		return;
	}
	task_fail_field(t, true, 2, -1);
}

void run_inquiry(struct scsi_task *t)
{
	uint8_t none[5] = {0};

	if (t->cdb[1] & 0x01 && t->to == TO_LUN) {
		vital_data(t);
	} else if (t->cdb[2]) {
		task_fail_field(t, true, 2, -1);
	} else if (t->cdb[1] & 0x01) {
		/* Without a unit there is only page 00h, which lists itself. */
		none[0] = device_type(t);
		none[3] = 1;
		task_reply(t, none, sizeof(none));
	} else {
		standard(t);
	}
}
