/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text out of bytes that a device sent: what comes out is always printable ASCII and ends. Private
 * to src/scsi/.
 */
#ifndef SCSI_TEXT_H
#define SCSI_TEXT_H

#include "scsi/span.h"

/**
 * scsi_text_put - Append a device's text to a string
 * @dst: a string in a buffer of @size bytes; it is appended to
 * @size: bytes of @dst, at least 1
 * @src: the text; blanks and NULs at its end are left out
 *
 * What is not printable ASCII becomes '?': terminals and logs are fed with these strings. What does
 * not fit is cut off.
 */
void scsi_text_put(char *dst, size_t size, struct span src);

/**
 * scsi_text_put_hex - Append bytes to a string as lower-case hexadecimal digits
 * @dst: a string in a buffer of @size bytes; it is appended to
 * @size: bytes of @dst, at least 1
 * @src: the bytes; those that don't fit as a whole are cut off
 */
void scsi_text_put_hex(char *dst, size_t size, struct span src);

/* Without the blanks at its beginning, for fields that devices align to the right. */
struct span scsi_text_skip_blanks(struct span src);

#endif
