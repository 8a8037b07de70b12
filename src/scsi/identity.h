/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The identity of a logical unit: all its names, complete, to tell one disk from another. The texts
 * in struct vscsi_lun_info are for display and may be truncated (vpd.h).
 */
#ifndef SCSI_IDENTITY_H
#define SCSI_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scsi/vpd.h"

/* Room for all names of a device identification page of this size. */
#define SCSI_IDENTITY_BYTES 2048u

/**
 * struct scsi_identity - The names of a logical unit
 * @len: used bytes of @names
 * @names: records of kind, length and name, without duplicates
 */
struct scsi_identity {
	uint16_t len;
	uint8_t names[SCSI_IDENTITY_BYTES];
};

enum scsi_identity_match {
	SCSI_IDENTITY_SAME,
	SCSI_IDENTITY_OTHER,   /* a different logical unit */
	SCSI_IDENTITY_UNKNOWN, /* the names that would decide are missing from the later one */
};

/* Adds the unit serial number of VPD page 80h. Return: 0, or -EPROTO if it is not that page. */
int scsi_identity_add_serial(struct scsi_identity *identity, const uint8_t *data, size_t len);

/**
 * scsi_identity_set_names - Store the names of VPD page 83h
 * @identity: names from an earlier read of the page are replaced; the serial number is kept
 * @data: what the device sent
 * @len: bytes received
 *
 * Stores the NAA, EUI-64, T10 vendor ID, SCSI name string, UUID and vendor specific designators
 * that are associated with the logical unit.
 *
 * Return: 0, or -EPROTO if it is not that page.
 */
int scsi_identity_set_names(struct scsi_identity *identity, const uint8_t *data, size_t len);

/**
 * scsi_identity_text - One of the names as text
 * @index: 0, 1, 2 ...
 * @out: receives it, in the form of scsi_vpd_parse_identity(); the serial number as "serial.TEXT"
 *
 * Return: false after the last one.
 */
bool scsi_identity_text(const struct scsi_identity *identity, unsigned index,
			char out[SCSI_WWID_SIZE]);

/* Whether one of the names has this text. Ignores the case of a name that is digits. */
bool scsi_identity_has(const struct scsi_identity *identity, const char *id);

/**
 * scsi_identity_compare - Decide whether two identities belong to the same logical unit
 * @was: the earlier one
 * @now: the later one
 *
 * They are the same if the serial numbers are equal, there is a kind of designator that both have,
 * and for each such kind the sets of names are equal; the order does not matter. Vendor specific
 * designators count only if @was has no others, because with some back-ends they change with the
 * configuration. If @was has no name at all, any unit is the same.
 */
enum scsi_identity_match scsi_identity_compare(const struct scsi_identity *was,
					       const struct scsi_identity *now);

#endif
