/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Iterates over a REPORT LUNS list (SPC-4, "REPORT LUNS command").
 */
#ifndef SCSI_REPORT_LUNS_H
#define SCSI_REPORT_LUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct scsi_lun_list - Iterator over a REPORT LUNS list
 * @wanted: bytes of the complete list according to the device, header included. If it exceeds the
 *	allocation length, send the command again with this one, within limits
 * @entries: private: next entry, in the caller's data, which must stay valid
 * @left: number of entries left, an upper bound for the LUNs still to come
 */
struct scsi_lun_list {
	uint64_t wanted;
	const uint8_t *entries;
	size_t left;
};

/**
 * scsi_lun_list_begin - Start iterating
 * @list: the iterator
 * @data: what the device sent
 * @len: bytes received
 *
 * Only complete entries that were received are iterated over.
 *
 * Return: 0, or -EPROTO if fewer than the 8 bytes of the header were received; then the list is
 * empty.
 */
int scsi_lun_list_begin(struct scsi_lun_list *list, const uint8_t *data, size_t len);

/**
 * scsi_lun_list_next - Get the next LUN
 * @list: the iterator
 * @lun: receives 0 to SCSI_MAX_LUN
 *
 * Skips entries that the library can't address, see scsi_lun_decode_single(). A hostile device can
 * list a LUN more than once.
 *
 * Return: false at the end.
 */
bool scsi_lun_list_next(struct scsi_lun_list *list, unsigned *lun);

#endif
