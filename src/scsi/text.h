/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Converts text fields from a device to strings: always printable ASCII, always terminated. Private
 * to src/scsi/.
 */
#ifndef SCSI_TEXT_H
#define SCSI_TEXT_H

#include "scsi/span.h"

/**
 * scsi_text_put - Append a device's text to a string
 * @dst: the string, in a buffer of @size bytes
 * @size: bytes of @dst, at least 1
 * @src: the text; trailing blanks and NULs are omitted
 *
 * Replaces everything but printable ASCII by '?', because these strings end up in logs and on
 * terminals. Truncates what does not fit.
 */
void scsi_text_put(char *dst, size_t size, struct span src);

/**
 * scsi_text_put_hex - Append bytes to a string as lower-case hexadecimal digits
 * @dst: the string, in a buffer of @size bytes
 * @size: bytes of @dst, at least 1
 * @src: the bytes; those that don't fit are omitted
 */
void scsi_text_put_hex(char *dst, size_t size, struct span src);

/* Skips leading blanks, for fields that devices align to the right. */
struct span scsi_text_skip_blanks(struct span src);

#endif
