/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The size rule of public structs. Copies bytes, because these structs have no common type.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "util/error.h"
#include "util/options.h"

/* The first field of every public struct. */
static uint32_t struct_size(const void *at)
{
	uint32_t size;

	memcpy(&size, at, sizeof(size));
	return size;
}

/* Zero means default in every field of every version, so a tail of zeros can be ignored. */
static bool all_zero(const unsigned char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (at[i])
			return false;
	}
	return true;
}

/* Larger than any public struct of any version: a size above this was never initialized. */
#define MAX_SIZE 4096u

static int check_size(uint32_t size)
{
	if (size >= sizeof(size) && size <= MAX_SIZE)
		return 0;
	return error_set(size < MAX_SIZE ? -EINVAL : -E2BIG,
			 "the struct's size field is %u; set it to sizeof the struct", size);
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
				"and the rest is not zero; omit the newer options or "
				"use a newer library",
				size, own);
		memcpy(to, from, size < known ? size : known);
	}
	/* Readers of the copy use the struct they were compiled with. */
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
		return error_set(-EINVAL, "the info struct is NULL; pass one to fill in");
	size = struct_size(to);
	err = check_size((uint32_t)size);
	if (err)
		return err;
	len = size < known ? size : known;
	/* The caller's size field is not overwritten. */
	memcpy(out + head, (const unsigned char *)from + head, len - head);
	memset(out + len, 0, size - len);
	return 0;
}
