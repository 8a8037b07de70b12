/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers and addresses as people write and read them, for all the tools. It knows no option of any
 * tool and prints nothing.
 */
#ifndef EXAMPLES_COMMON_TEXT_H
#define EXAMPLES_COMMON_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that text_human() needs at most. */
#define TEXT_HUMAN_LEN 32

/**
 * text_number - Read a whole number
 * @text: decimal, or hexadecimal behind 0x; nothing may stand before or behind it
 * @value: receives it
 *
 * Return: 0, or -EINVAL (no number) or -ERANGE (more than 64 bits); then @value is as it was.
 */
int text_number(const char *text, uint64_t *value);

/**
 * text_size - Read a number of bytes
 * @text: a number and optionally k, m, g or t, in either case, with or without "iB": powers of 1024
 * @bytes: receives it
 *
 * Return: as text_number().
 */
int text_size(const char *text, uint64_t *bytes);

/**
 * text_lun - Read the address of a logical unit
 * @text: "TARGET:LUN", 0:0 to 255:16383
 * @target, @lun: receive the two
 *
 * Return: 0, or -EINVAL; then nothing is changed.
 */
int text_lun(const char *text, uint32_t *target, uint32_t *lun);

/**
 * text_human - Write a number of bytes with a binary unit
 * @out: receives at most TEXT_HUMAN_LEN bytes, such as "64.0MiB"
 * @bytes: how many
 *
 * Return: @out.
 */
const char *text_human(char *out, uint64_t bytes);

/**
 * text_clean - Make a string fit to be shown
 * @out: receives at most @len bytes of @text, with '?' for all that is not printable ASCII
 *
 * What a device says of itself may hold control characters, which a terminal would obey.
 *
 * Return: @out.
 */
const char *text_clean(char *out, size_t len, const char *text);

#endif
