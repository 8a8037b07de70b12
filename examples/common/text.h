/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parsing and formatting of numbers and addresses, for all tools. Prints nothing.
 */
#ifndef EXAMPLES_COMMON_TEXT_H
#define EXAMPLES_COMMON_TEXT_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes that text_human() needs at most. */
#define TEXT_HUMAN_LEN 32

/*
 * text_number - Parse an integer
 * @text: decimal, or hexadecimal with 0x; nothing before or after it
 * @value: receives it
 *
 * Return: 0, -EINVAL (not a number) or -ERANGE (more than 64 bits); @value is unchanged on failure.
 */
int text_number(const char *text, uint64_t *value);

/*
 * text_size - Parse a number of bytes
 * @text: an integer as of text_number(), which K, M, G or T may follow (powers of 1024)
 * @value: receives it
 *
 * Return: 0, -EINVAL or -ERANGE; @value is unchanged on failure.
 */
int text_size(const char *text, uint64_t *value);

/*
 * text_lun - Parse the address of a logical unit
 * @text: "TARGET:LUN", 0:0 to 255:16383; or as in fio, which separates file names by colons,
 *	"TARGET.LUN" or "TARGET\\:LUN"
 * @target, @lun: receive the numbers
 *
 * Return: 0 or -EINVAL; both are unchanged on failure.
 */
int text_lun(const char *text, uint32_t *target, uint32_t *lun);

/* Whether an address has an identity: the option id=. */
bool text_has_id(const char *address);

/*
 * text_human - Format a number of bytes with a binary unit
 * @out: receives at most TEXT_HUMAN_LEN bytes, such as "64.0MiB"
 * @bytes: the number
 *
 * Return: @out.
 */
const char *text_human(char *out, uint64_t bytes);

/*
 * text_clean - Make a string safe to print
 * @out: receives at most @len bytes of @text, with '?' for everything but printable ASCII
 *
 * Strings from a device may contain control characters, which a terminal would execute.
 *
 * Return: @out.
 */
const char *text_clean(char *out, size_t len, const char *text);

#endif
