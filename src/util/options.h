/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The size rule of public structs: each starts with `uint32_t size`, so that a program and a
 * library of different versions work together.
 */
#ifndef UTIL_OPTIONS_H
#define UTIL_OPTIONS_H

#include <stddef.h>

/**
 * options_copy - Copy a caller's option struct
 * @to: the struct as this library knows it; all of it is written, @to->size becomes @known
 * @known: its size in bytes, at least 4
 * @from: the caller's struct, of @from->size bytes; NULL for all defaults
 *
 * A shorter struct comes from an older program: the missing tail becomes zero, which means default.
 * The tail of a longer one must be zero, because its options are unknown here.
 *
 * Return: 0; -EINVAL if @from->size is less than 4; -E2BIG for a nonzero tail or a size above 4096;
 * then the error text is set and @to is undefined.
 */
int options_copy(void *to, size_t known, const void *from);

/**
 * info_copy - Copy an info struct to the caller
 * @to: the caller's struct, of @to->size bytes
 * @from: the struct as this library knows it; its size field is ignored
 * @known: its size in bytes, at least 4
 *
 * Truncates to the size of @to, or fills the rest of @to with zeros; @to->size is unchanged.
 *
 * Return: 0; -EINVAL if @to is NULL or @to->size is less than 4; -E2BIG if it is above 4096; then
 * the error text is set and nothing is written.
 */
int info_copy(void *to, const void *from, size_t known);

#endif
