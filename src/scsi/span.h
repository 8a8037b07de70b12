/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes received from a device, with their length. All parsers of this folder read through these
 * functions, so that no field is read past the end. Private to src/scsi/.
 */
#ifndef SCSI_SPAN_H
#define SCSI_SPAN_H

#include "util/bits.h"

/**
 * struct span - Received bytes
 * @data: the first one, not owned
 * @len: how many may be read
 */
struct span {
	const uint8_t *data;
	size_t len;
};

/* Truncates @s to @wanted bytes, the length given in the data, if that is less. */
static inline struct span span_limit(struct span s, size_t wanted)
{
	if (wanted < s.len)
		s.len = wanted;
	return s;
}

/* The part of @s after the first @offset bytes; may be empty. */
static inline struct span span_after(struct span s, size_t offset)
{
	if (offset > s.len)
		offset = s.len;
	return (struct span){s.data + offset, s.len - offset};
}

/* Whether @s contains a field of @size bytes at @offset. */
static inline bool span_has(struct span s, size_t offset, size_t size)
{
	return range_inside(offset, size, 0, s.len);
}

/*
 * The big-endian field at @offset; 0 if @s does not contain all of it. Devices of older standards
 * send shorter pages, and a field of 0 means 'not reported' in every page parsed here.
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
