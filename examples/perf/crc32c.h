/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CRC32C, the Castagnoli checksum (RFC 3720, appendix B.4), in portable C.
 */
#ifndef EXAMPLES_PERF_CRC32C_H
#define EXAMPLES_PERF_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * crc32c_init - Build the tables
 *
 * Call it once before the first crc32c(), while there is only one thread.
 */
void crc32c_init(void);

/* Return: the checksum of @len bytes. May be called from any thread. */
uint32_t crc32c(const void *data, size_t len);

#endif
