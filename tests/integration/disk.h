/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fixture of most of these tests (a target, a device opened on it, LUN 0:0 and a queue) and
 * their helpers. All functions except those that return bool fail the test on errors, so they are
 * only for the program's first thread.
 */
#ifndef INTEGRATION_DISK_H
#define INTEGRATION_DISK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <vscsi/vscsi.h>

#include "../conforms.h"
#include "target.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIB          (UINT64_C(1) << 20)

/*
 * struct disk - A kind of disk that a test runs on
 * @lun: the target's argument for it as LUN 0:0
 * @file: backing file, in which data can be checked directly; NULL: memory
 * @bytes: its size
 * @block: its block size
 */
struct disk {
	const char *lun;
	const char *file;
	uint64_t bytes;
	uint32_t block;
};

/*
 * struct fixture - Objects of a test
 * @disk: kind of disk, for tests that run on several; otherwise NULL
 * @target, @second: processes, started by the test and stopped by fixture_end()
 * @dev, @lun, @queue: opened by open_dev() and open_disk(), closed by close_all()
 * @info: of @lun
 */
struct fixture {
	const struct disk *disk;
	struct target target;
	struct target second;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
	struct vscsi_lun_info info;
};

/* Before and after each test; the initial state is a const struct disk *, or NULL. */
int fixture_begin(void **state);

/* Closes and stops everything; fails if a close fails or a target does not exit cleanly. */
int fixture_end(void **state);

/* An entry of a list of tests: a function with the fixture around it. */
#define TEST(function)                                                \
	{                                                             \
#function, function, fixture_begin, fixture_end, NULL \
	}

/*
 * A test on one kind of disk, or on all of them: a file or memory, with blocks of 512 or 4096
 * bytes, thin provisioned. The test calls start_disk() first.
 */
#define ON_DISK(function, what, i)                                        \
	{                                                                 \
#function " " what, function, fixture_begin, fixture_end, \
			(void *)(uintptr_t)&disks[i]                      \
	}
#define ON_EVERY_DISK(function)                                                    \
	ON_DISK(function, "(file, 512)", 0), ON_DISK(function, "(file, 4096)", 1), \
		ON_DISK(function, "(ram, 512)", 2), ON_DISK(function, "(ram, 4096)", 3)

extern const struct disk disks[4];

/*
 * Runs a list of tests in a new working directory, which is removed afterwards. Returns main()'s
 * result: 0 if all passed or were skipped.
 */
#define RUN_TESTS(tests) run_all(#tests, tests, ARRAY_LEN(tests))
int run_all(const char *name, const struct CMUnitTest *tests, size_t count);

/* Starts @f->target with these arguments; its socket is "first.sock". See target_start(). */
#define START(f, ...) target_start(&(f)->target, "first", (const char *const[]){__VA_ARGS__, NULL})

/* Creates a sparse file. */
void make_file(const char *name, uint64_t bytes);

/*
 * vscsi_dev_open(), with the options of the environment variable VSCSI_TEST_OPTIONS, as
 * "in_order=on", besides those of the address.
 */
int open_address(const char *address, const struct vscsi_dev_opts *opts, struct vscsi_dev **dev);

/*
 * Opens @f->dev on @f->target with options such as "?queues=2", or "". Unless the options set
 * recovery, it is off. On failure the library's error text is logged.
 */
void open_dev(struct fixture *f, const char *options);

/*
 * open_dev(), LUN 0:0 as @f->lun, and a queue with default options, exclusive if possible.
 */
void open_disk(struct fixture *f, const char *options);

/*
 * Starts the target of a test that runs on several kinds of disk, with a new backing file if it has
 * one, and calls open_disk(). Checks size and block size.
 */
void start_disk(struct fixture *f);

/*
 * Closes queue, LUN and device if they are open; each close must succeed. The test must close what
 * it opened itself first.
 */
void close_all(struct fixture *f);

/* Allocates DMA memory from the device's pool, zeroed and page-aligned; freed with the pool. */
void *alloc_dma(struct fixture *f, size_t bytes);

/*
 * Fills memory with a pattern that depends on the seed, and checks for it. All groups of eight
 * bytes differ, so that misplaced data is detected. Any thread.
 */
void fill(void *buf, size_t len, uint64_t seed);
bool holds(const void *buf, size_t len, uint64_t seed);
bool is_zero(const void *buf, size_t len);

/*
 * Whether the disk of start_disk() contains the bytes of @expect at @offset: reads its file, or
 * without one the disk itself with a synchronous call.
 */
bool on_disk(struct fixture *f, const void *expect, size_t len, uint64_t offset);

/*
 * try_collect - Submit prepared requests and poll for completions
 * @queue: the queue, in a thread that may use it
 * @out: receives the completions
 * @count: how many are expected
 *
 * Return: whether this many came in time, and no more.
 */
bool try_collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned count);

/* The same for the program's first thread. */
void collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned count);

/*
 * Submits the one request that was prepared and returns its result. Fails on any other completion.
 */
int submit_one(struct vscsi_queue *queue);

/* Checks that this thread's last error text contains @words. */
void assert_error_text(const char *words);

/*
 * Writes a pattern to LUN 0:0 and reads it back, first with @f->queue and then with synchronous
 * calls. Uses the blocks from 8 KiB to 16 KiB.
 */
void assert_works(struct fixture *f);

#endif
