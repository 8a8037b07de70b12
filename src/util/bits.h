/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Byte order and power-of-two arithmetic. SCSI fields are big-endian and unaligned (SPC); virtio
 * 1.x fields are little-endian (virtio 1.4, 1.4).
 */
#ifndef UTIL_BITS_H
#define UTIL_BITS_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get_be16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return be16toh(v);
}

static inline uint32_t get_be24(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];
}

static inline uint32_t get_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t get_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static inline void put_be16(void *p, uint16_t v)
{
	v = htobe16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be32(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be64(void *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

static inline bool is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

/*
 * Rounds @v up to a multiple of @to, a power of two. The caller ensures that this can't overflow.
 */
static inline uint64_t align_up(uint64_t v, uint64_t to)
{
	return (v + to - 1) & ~(to - 1);
}

/* The largest power of two that is not greater than @v; 0 for 0. */
static inline uint32_t pow2_floor(uint32_t v)
{
	return v ? UINT32_C(1) << (31 - __builtin_clz(v)) : 0;
}

static inline uint32_t least(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

/* Whether [addr, addr + len) is inside [base, base + size); can't overflow. */
static inline bool range_inside(uint64_t addr, uint64_t len, uint64_t base, uint64_t size)
{
	return addr >= base && len <= size && addr - base <= size - len;
}

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(n)       (UINT64_C(1) << (n))
#define likely(x)    __builtin_expect(!!(x), 1)
#define unlikely(x)  __builtin_expect(!!(x), 0)
#define CACHE_LINE   64

/*
 * ALWAYS_INLINE is for fast-path functions whose arguments are constants at the call site. NOINLINE
 * keeps a function out of its callers, so that neither needs registers saved for the other; it does
 * not imply that the function is rarely called.
 */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NOINLINE      static __attribute__((noinline))

#endif
