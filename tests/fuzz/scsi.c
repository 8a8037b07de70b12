/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a logical unit says of itself: INQUIRY, VPD pages, capacities, REPORT LUNS, mode pages and
 * sense data. The first byte chooses the parser, the rest is its data.
 */
#include <errno.h>

#include "fuzz.h"

#include "scsi/capacity.h"
#include "scsi/inquiry.h"
#include "scsi/lba_status.h"
#include "scsi/lun_addr.h"
#include "scsi/mode.h"
#include "scsi/report_luns.h"
#include "scsi/reserve.h"
#include "scsi/response.h"
#include "scsi/sense.h"
#include "scsi/vpd.h"

/* Ends within its room, and prints: it goes to terminals and logs. */
static void check_text(const char *text, size_t room)
{
	size_t len = strnlen(text, room);
	size_t i;

	MUST(len < room);
	for (i = 0; i < len; i++)
		MUST(text[i] >= ' ' && text[i] <= '~');
}

static void fuzz_inquiry(const uint8_t *data, size_t len)
{
	struct scsi_inquiry out;

	if (scsi_inquiry_parse(data, len, &out))
		return;
	check_text(out.vendor, sizeof(out.vendor));
	check_text(out.product, sizeof(out.product));
	check_text(out.revision, sizeof(out.revision));
}

static void fuzz_capacity(const uint8_t *data, size_t len)
{
	struct scsi_capacity out;
	int i;

	for (i = 0; i < 2; i++) {
		memset(&out, 0, sizeof(out));
		if (i ? scsi_capacity_parse_10(data, len, &out)
		      : scsi_capacity_parse_16(data, len, &out))
			continue;
		MUST(out.block_size >= SCSI_MIN_BLOCK_SIZE &&
		     out.block_size <= SCSI_MAX_BLOCK_SIZE);
		MUST(!(out.block_size & (out.block_size - 1)));
		MUST(out.blocks && out.blocks <= UINT64_MAX / out.block_size);
	}
}

static void fuzz_report_luns(const uint8_t *data, size_t len)
{
	struct scsi_lun_list list;
	unsigned lun;
	size_t count = 0;

	if (scsi_lun_list_begin(&list, data, len))
		return;
	while (scsi_lun_list_next(&list, &lun)) {
		MUST(lun < 16384);
		MUST(++count <= len / 8);
	}
}

static void fuzz_mode(const uint8_t *data, size_t len)
{
	struct scsi_mode out;

	scsi_mode_parse_6(data, len, &out);
	scsi_mode_parse_10(data, len, &out);
}

/* Where there is no sense, all of it is zero: results are made of it. */
static void fuzz_sense(const uint8_t *data, size_t len)
{
	struct scsi_sense out;
	int result;

	scsi_sense_decode(data, len, &out);
	MUST(out.key <= 15);
	result = scsi_result(0, 2, &out);
	MUST(result <= 0 && result > -4096);
	scsi_retry(0, 2, &out);
}

static void fuzz_vpd(const uint8_t *data, size_t len)
{
	struct scsi_vpd_provisioning provisioning;
	struct scsi_vpd_limits limits;
	struct scsi_vpd_pages pages;
	char serial[SCSI_SERIAL_SIZE];
	char wwid[SCSI_WWID_SIZE];
	uint16_t rate;
	unsigned page;

	if (!scsi_vpd_parse_pages(data, len, &pages)) {
		for (page = 0; page < 256; page++)
			scsi_vpd_has(&pages, (uint8_t)page);
	}
	if (!scsi_vpd_parse_serial(data, len, serial))
		check_text(serial, sizeof(serial));
	if (!scsi_vpd_parse_identity(data, len, wwid))
		check_text(wwid, sizeof(wwid));
	scsi_vpd_parse_limits(data, len, &limits);
	scsi_vpd_parse_rotation(data, len, &rate);
	scsi_vpd_parse_provisioning(data, len, &provisioning);
}

/* The first eight bytes are the block that was asked for. */
static void fuzz_lba_status(const uint8_t *data, size_t len)
{
	struct scsi_lba_run runs[4];
	uint64_t lba;
	int count;

	if (len < sizeof(lba))
		return;
	memcpy(&lba, data, sizeof(lba));
	count = scsi_lba_status_parse(data + sizeof(lba), len - sizeof(lba), lba, runs, 4);
	MUST(count == -EPROTO || (count > 0 && count <= 4));
	for (; count > 0; count--) {
		MUST(runs[count - 1].blocks && runs[count - 1].status <= SCSI_LBA_ANCHORED);
		MUST(count == 1 || runs[count - 1].status != runs[count - 2].status);
	}
}

/* The first eight bytes are the key in question. */
static void fuzz_reservations(const uint8_t *data, size_t len)
{
	struct vscsi_pr_capabilities can;
	struct vscsi_pr_reservation now;
	unsigned received = 0;
	uint32_t generation;
	uint64_t key;
	int count;

	if (len < sizeof(key))
		return;
	key = get_be64(data);
	data += sizeof(key);
	len -= sizeof(key);
	count = scsi_pr_parse_keys(data, len, &generation, &received);
	MUST(count >= -EPROTO && received <= len / 8 && (count >= 0 || !received));
	if (scsi_pr_has_key(data, len, key))
		MUST(count > 0);
	if (!scsi_pr_parse_reservation(data, len, &now))
		MUST(now.type <= 15);
	if (!scsi_pr_parse_capabilities(data, len, &can))
		MUST(can.types <= UINT16_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const uint8_t *, size_t) = {
		fuzz_inquiry, fuzz_capacity, fuzz_report_luns, fuzz_mode,
		fuzz_sense,   fuzz_vpd,      fuzz_lba_status,  fuzz_reservations};

	if (size)
		parsers[data[0] % (sizeof(parsers) / sizeof(parsers[0]))](data + 1, size - 1);
	return 0;
}
