/* SPDX-License-Identifier: BSD-3-Clause */
/* Converts text fields of SCSI data to strings. */
#include "scsi/text.h"

/* Some devices pad with NULs instead of blanks. */
static bool is_padding(uint8_t c)
{
	return c == ' ' || c == '\0';
}

struct span scsi_text_skip_blanks(struct span src)
{
	while (src.len && is_padding(src.data[0]))
		src = span_after(src, 1);
	return src;
}

void scsi_text_put(char *dst, size_t size, struct span src)
{
	size_t at = strlen(dst);
	size_t i;

	while (src.len && is_padding(src.data[src.len - 1]))
		src.len--;
	for (i = 0; i < src.len && at + 1 < size; i++) {
		/* Not isprint(), which depends on the application's locale. */
		if (src.data[i] >= 0x20 && src.data[i] < 0x7f)
			dst[at++] = (char)src.data[i];
		else
			dst[at++] = '?';
	}
	dst[at] = '\0';
}

void scsi_text_put_hex(char *dst, size_t size, struct span src)
{
	static const char digits[] = "0123456789abcdef";
	size_t at = strlen(dst);
	size_t i;

	for (i = 0; i < src.len && at + 2 < size; i++) {
		dst[at++] = digits[src.data[i] >> 4];
		dst[at++] = digits[src.data[i] & 0xf];
	}
	dst[at] = '\0';
}
