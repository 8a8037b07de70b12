/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The size rule of the public structs: each begins with `uint32_t size`, so that a program and a
 * library of different ages understand each other. Knows no struct by name.
 */
#ifndef UTIL_OPTIONS_H
#define UTIL_OPTIONS_H

#include <stddef.h>

/**
 * options_copy - Take over a caller's option struct
 * @to: the struct as this library knows it; filled whole, with @to->size set to @known
 * @known: its size in bytes, at least 4
 * @from: the caller's struct, of @from->size bytes; NULL for all defaults
 *
 * A shorter struct is an older program's: the missing tail is zero, which means default. Of a
 * longer one the tail must be zero, for what it asks can't be done here.
 *
 * Return: 0; -EINVAL when @from->size is below 4; -E2BIG for a tail that is not zero or a size
 * above 4096; with the sentence set, and @to is undefined.
 */
int options_copy(void *to, size_t known, const void *from);

/**
 * info_copy - Hand an info struct to the caller
 * @to: the caller's struct, of @to->size bytes
 * @from: the struct as this library knows it; its own size field is not read
 * @known: its size in bytes, at least 4
 *
 * @to receives as much as it has room for, and zeros where it is longer; @to->size stays.
 *
 * Return: 0; -EINVAL when @to is NULL or @to->size below 4; -E2BIG when it is above 4096; with the
 * sentence set, and nothing written.
 */
int info_copy(void *to, const void *from, size_t known);

#endif
