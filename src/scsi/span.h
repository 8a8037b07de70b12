/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes that a device sent, with the number of them that are really there. The parsers of this
 * folder read through these functions alone, so that no field is ever taken from beyond the end.
 * Private to src/scsi/.
 */
#ifndef SCSI_SPAN_H
#define SCSI_SPAN_H

#include "util/bits.h"

/**
 * struct span - A run of bytes from outside
 * @data: the first of them, not owned
 * @len: how many may be read
 */
struct span {
	const uint8_t *data;
	size_t len;
};

/* Shortens @s to the @wanted bytes that the data say they have, where that is less. */
static inline struct span span_limit(struct span s, size_t wanted)
{
	if (wanted < s.len)
		s.len = wanted;
	return s;
}

/* What of @s comes after its first @offset bytes; empty when there is nothing. */
static inline struct span span_after(struct span s, size_t offset)
{
	if (offset > s.len)
		offset = s.len;
	return (struct span){s.data + offset, s.len - offset};
}

/* Whether @s has a whole field of @size bytes at @offset. */
static inline bool span_has(struct span s, size_t offset, size_t size)
{
	return range_inside(offset, size, 0, s.len);
}

/*
 * The big-endian field at @offset; 0 where it is not wholly there. In every page read here, 0 means
 * the same as a page that was too short to tell, as devices of older standards send.
 */
static inline uint8_t span_u8(struct span s, size_t offset)
{
	return span_has(s, offset, 1) ? s.data[offset] : 0;
}

static inline uint16_t span_be16(struct span s, size_t offset)
{
	return span_has(s, offset, 2) ? get_be16(s.data + offset) : 0;
}

static inline uint32_t span_be32(struct span s, size_t offset)
{
	return span_has(s, offset, 4) ? get_be32(s.data + offset) : 0;
}

static inline uint64_t span_be64(struct span s, size_t offset)
{
	return span_has(s, offset, 8) ? get_be64(s.data + offset) : 0;
}

#endif
