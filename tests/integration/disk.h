/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nearly all of these tests begin with: a target, a device opened on it, LUN 0:0 and a queue;
 * and the few steps that they are made of. All functions but those that return bool fail the test
 * when something goes wrong, and so are for the program's first thread only.
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

/**
 * struct disk - A kind of disk that a test is run on
 * @lun: the target's argument that makes it LUN 0:0
 * @file: backing file, in which the data can be looked at behind the target's back; NULL: memory
 * @bytes: its size
 * @block: its block size
 */
struct disk {
	const char *lun;
	const char *file;
	uint64_t bytes;
	uint32_t block;
};

/**
 * struct fixture - What a test works with
 * @disk: kind of disk, for tests that are run on several; NULL for the others
 * @target, @second: processes, started by the test and ended by fixture_end()
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

/* Closes and stops what is left; an error when something can't be closed or a target ends badly. */
int fixture_end(void **state);

/* One entry of a list of tests: a function with the fixture around it. */
#define TEST(function)                                                \
	{                                                             \
#function, function, fixture_begin, fixture_end, NULL \
	}

/*
 * The same test on one kind of disk, or on every one of them: a file or memory, with blocks of 512
 * or 4096 bytes, thin provisioned. The test begins with start_disk().
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
 * Runs a list of tests in a working folder of their own, whose name the log tells only when it
 * can't be taken away. Returns what main() returns: 0 when all passed or were skipped.
 */
#define RUN_TESTS(tests) run_all(#tests, tests, ARRAY_LEN(tests))
int run_all(const char *name, const struct CMUnitTest *tests, size_t count);

/* Starts @f->target with these arguments; its socket is "first.sock". See target_start(). */
#define START(f, ...) target_start(&(f)->target, "first", (const char *const[]){__VA_ARGS__, NULL})

/* Makes an empty file of so many bytes, without holding space for them. */
void make_file(const char *name, uint64_t bytes);

/*
 * Opens @f->dev on @f->target with options such as "?queues=2", or with "" none. A lost device has
 * failed unless they name another way to recover. The library's sentence is in the log when it
 * fails.
 */
void open_dev(struct fixture *f, const char *options);

/*
 * open_dev(), LUN 0:0 as @f->lun, and a queue with default options, exclusive where there is one.
 */
void open_disk(struct fixture *f, const char *options);

/*
 * Starts the target of a test that is run on several kinds of disk, with a fresh backing file
 * where there is one, and then open_disk(). The size and block size are checked.
 */
void start_disk(struct fixture *f);

/*
 * Closes queue, LUN and device where they are open; each close must succeed. What the test opened
 * besides is its own to close first.
 */
void close_all(struct fixture *f);

/* DMA memory of the device's pool, zeroed and page-aligned; it goes with the pool. */
void *take(struct fixture *f, size_t bytes);

/*
 * Fills memory with what only this seed gives, and tells whether memory holds that. Every eight
 * bytes are different, so that data in the wrong place are seen. Any thread.
 */
void fill(void *buf, size_t len, uint64_t seed);
bool holds(const void *buf, size_t len, uint64_t seed);
bool is_zero(const void *buf, size_t len);

/*
 * Tells whether the disk of start_disk() holds the bytes of @expect at @offset: reads its file, or
 * where it has none the disk itself by a call that copies.
 */
bool on_disk(struct fixture *f, const void *expect, size_t len, uint64_t offset);

/**
 * try_collect - Publish what was prepared and collect completions by polling
 * @queue: the queue, in a thread that may use it
 * @out: receives them
 * @count: how many must come
 *
 * Return: whether so many came in time, and then no further one.
 */
bool try_collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned count);

/* The same for the program's first thread. */
void collect(struct vscsi_queue *queue, struct vscsi_completion *out, unsigned count);

/*
 * Publishes, and returns the result of the one request that was prepared. Another fails the test.
 */
int outcome(struct vscsi_queue *queue);

/* The sentence of this thread's last failed call has these words in it. */
void assert_sentence(const char *words);

/*
 * Writes a pattern to LUN 0:0 and reads it back, through @f->queue and then through the call that
 * copies: what a device does that works. Uses the blocks from 8 KiB to 16 KiB.
 */
void assert_works(struct fixture *f);

#endif
