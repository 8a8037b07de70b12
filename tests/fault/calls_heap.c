/* SPDX-License-Identifier: BSD-3-Clause */
/* Wrappers for heap calls: they can fail, and count blocks. */
#include <stddef.h>
#include <stdlib.h>

#include "fault.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __real_free(void *block);
void __wrap_free(void *block);

static void *count(void *block)
{
	fault_count_blocks(block ? 1 : 0);
	return block;
}

void *__wrap_malloc(size_t size)
{
	return fault_injected(CALL_MALLOC) ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fault_injected(CALL_CALLOC) ? NULL : count(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fault_injected(CALL_REALLOC))
		return NULL;
	return old ? __real_realloc(old, size) : count(__real_realloc(old, size));
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return fault_injected(CALL_ALIGNED_ALLOC) ? NULL : count(__real_aligned_alloc(align, size));
}

void __wrap_free(void *block)
{
	fault_count_blocks(block ? -1 : 0);
	__real_free(block);
}
