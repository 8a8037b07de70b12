/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks the list that REPORT LUNS returns (SPC-4, "REPORT LUNS command").
 */
#ifndef SCSI_REPORT_LUNS_H
#define SCSI_REPORT_LUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct scsi_lun_list - A walk over a REPORT LUNS list
 * @wanted: bytes that the whole list has, header included. When this is more than was asked for,
 *	ask again with this allocation length; but it is the device's word, so within limits
 * @entries: private: the next entry, in the caller's data, which must stay while the walk lasts
 * @left: whole entries from there on: no more LUNs than this are to come
 */
struct scsi_lun_list {
	uint64_t wanted;
	const uint8_t *entries;
	size_t left;
};

/**
 * scsi_lun_list_begin - Begin a walk
 * @list: the walk
 * @data: what the device sent
 * @len: bytes really received
 *
 * The list is cut to whole entries, and to those that were really received.
 *
 * Return: 0, or -EPROTO when the header of 8 bytes is missing; then the walk is empty.
 */
int scsi_lun_list_begin(struct scsi_lun_list *list, const uint8_t *data, size_t len);

/**
 * scsi_lun_list_next - Take the next LUN
 * @list: the walk
 * @lun: receives 0 to SCSI_MAX_LUN
 *
 * Skips what the library cannot address, see scsi_lun_decode_single(). A hostile device can list a
 * LUN more than once.
 *
 * Return: false at the end.
 */
bool scsi_lun_list_next(struct scsi_lun_list *list, unsigned *lun);

#endif
