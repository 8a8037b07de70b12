/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VPD pages with fields at fixed offsets. Page 83h, a list, is in vpd_identity.c.
 */
#include "scsi/text.h"
#include "scsi/vpd.h"
#include "scsi/vpd_page.h"

int scsi_vpd_parse_pages(const uint8_t *data, size_t len, struct scsi_vpd_pages *out)
{
	struct span page;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (vpd_page(data, len, SCSI_VPD_PAGES, &page))
		return -EPROTO;
	/*
	 * A device that ignores EVPD returns standard INQUIRY data, whose second byte can be the
	 * page code; but its version field is then in the place of the page length, which becomes
	 * far too large.
	 */
	if (get_be16(data + 2) > 256)
		return -EPROTO;
	for (i = VPD_HEADER; i < page.len; i++)
		out->bits[page.data[i] >> 6] |= UINT64_C(1) << (page.data[i] & 63);
	return 0;
}

int scsi_vpd_parse_serial(const uint8_t *data, size_t len, char out[SCSI_SERIAL_SIZE])
{
	struct span page;

	out[0] = '\0';
	if (vpd_page(data, len, SCSI_VPD_SERIAL, &page))
		return -EPROTO;
	page = scsi_text_skip_blanks(span_after(page, VPD_HEADER));
	scsi_text_put(out, SCSI_SERIAL_SIZE, page);
	return 0;
}

/* In SBC-2 this page ends after the transfer lengths; the other fields are then 0. */
int scsi_vpd_parse_limits(const uint8_t *data, size_t len, struct scsi_vpd_limits *out)
{
	struct span page;

	memset(out, 0, sizeof(*out));
	if (vpd_page(data, len, SCSI_VPD_LIMITS, &page))
		return -EPROTO;
	out->max_caw = span_u8(page, 5);
	out->max_transfer = span_be32(page, 8);
	out->optimal_transfer = span_be32(page, 12);
	out->max_unmap_blocks = span_be32(page, 20);
	out->max_unmap_ranges = span_be32(page, 24);
	out->unmap_granularity = span_be32(page, 28);
	out->max_write_same = span_be64(page, 36);
	return 0;
}

int scsi_vpd_parse_rotation(const uint8_t *data, size_t len, uint16_t *rate)
{
	struct span page;

	*rate = 0;
	if (vpd_page(data, len, SCSI_VPD_MEDIUM, &page))
		return -EPROTO;
	*rate = span_be16(page, 4);
	return 0;
}

int scsi_vpd_parse_provisioning(const uint8_t *data, size_t len, struct scsi_vpd_provisioning *out)
{
	struct span page;
	uint8_t bits;

	memset(out, 0, sizeof(*out));
	if (vpd_page(data, len, SCSI_VPD_PROVISIONING, &page))
		return -EPROTO;
	bits = span_u8(page, 5);
	out->unmap = bits & 0x80;
	out->write_same_16 = bits & 0x40;
	/*
	 * LBPRZ has three bits since SBC-4; the lowest, the only one in SBC-3, still means zeros.
	 */
	out->read_zeros = bits & 0x04;
	out->type = span_u8(page, 6) & 0x07;
	return 0;
}
