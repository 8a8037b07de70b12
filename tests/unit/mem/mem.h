/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared by the files of this program: CMocka with the headers that it needs, helpers, and one
 * function per file, which runs its group of tests and returns the number of failures.
 */
#ifndef TESTS_UNIT_MEM_H
#define TESTS_UNIT_MEM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vscsi/mem.h>

#define MIB (UINT64_C(1) << 20)

/*
 * small_pool - Create a pool of 2 MiB, of ordinary pages or of a hugepage
 *
 * Return: the pool; the test fails if there is none.
 */
struct vscsi_mem *small_pool(void);

/*
 * struct shared - Application memory that can be registered
 * @addr: a MAP_SHARED mapping
 * @len: its bytes
 * @fd: its memfd
 */
struct shared {
	char *addr;
	size_t len;
	int fd;
};

/*
 * shared_open - Create shared memory of ordinary pages
 * @pages: how many
 */
struct shared shared_open(size_t pages);

/**
 * shared_close - Unmap and close it
 * @shared: from shared_open()
 */
void shared_close(struct shared *shared);

/* page_size - Bytes of an ordinary page */
size_t page_size(void);

/*
 * next_random - Pseudo-random numbers, the same in each run
 * @seed: state, not 0
 */
uint32_t next_random(uint64_t *seed);

int check_tests(void);
int faults_tests(void);
int maps_tests(void);
int heap_tests(void);
int hugepages_tests(void);
int layout_tests(void);
int model_tests(void);
int numa_tests(void);
int pool_tests(void);
int regions_tests(void);
int sharing_tests(void);
int shortage_tests(void);
int threads_tests(void);
int translate_tests(void);

#endif
