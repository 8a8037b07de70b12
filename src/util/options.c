/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The size rule of the public structs. What the fields mean is the business of their owners. All is
 * copied by bytes, since these structs have no common type that one could convert to.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/error.h"
#include "util/options.h"

/* The first field of every public struct; copied out, since the struct's type is not known here. */
static uint32_t struct_size(const void *at)
{
	uint32_t size;

	memcpy(&size, at, sizeof(size));
	return size;
}

/* Zero means default in every field of every age, so a tail of zeros asks for nothing. */
static bool all_zero(const unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i])
			return false;
	}
	return true;
}

/* No struct of any version is longer; a size above it was never set, and is not to be followed. */
#define LONGEST 4096u

static int check_size(uint32_t size)
{
	if (size >= sizeof(size) && size <= LONGEST)
		return 0;
	return error_set(size < LONGEST ? -EINVAL : -E2BIG,
			 "the struct's size field says %u bytes; set it to sizeof the struct",
			 size);
}

int options_copy(void *to, size_t known, const void *from)
{
	const uint32_t own = (uint32_t)known;
	uint32_t size;
	int err;

	memset(to, 0, known);
	if (from) {
		size = struct_size(from);
		err = check_size(size);
		if (err)
			return err;
		if (size > known && !all_zero((const unsigned char *)from + known, size - known))
			return error_set(
				-E2BIG,
				"the option struct has %u bytes and this library knows %u, "
				"yet the rest is not zero; leave the newer options out or "
				"use a newer library",
				size, own);
		memcpy(to, from, size < known ? size : known);
	}
	/* Whoever reads the copy sees the struct it was compiled with. */
	memcpy(to, &own, sizeof(own));
	return 0;
}

int info_copy(void *to, const void *from, size_t known)
{
	const size_t head = sizeof(uint32_t);
	unsigned char *out = to;
	size_t size;
	size_t len;
	int err;

	if (!to)
		return error_set(-EINVAL, "no struct to fill in; pass one");
	size = struct_size(to);
	err = check_size((uint32_t)size);
	if (err)
		return err;
	len = size < known ? size : known;
	/* The size stays as the caller set it: it is the caller's word, not ours. */
	memcpy(out + head, (const unsigned char *)from + head, len - head);
	memset(out + len, 0, size - len);
	return 0;
}
