/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel's /dev/vhost-scsi as far as src/transport/vhost_scsi/ sees it. The linker puts it in the
 * place of the system calls. It keeps what it is told, and minds the order: what comes too early,
 * too late, or would wait for requests in flight without being meant to, fails the test.
 */
#ifndef TESTS_UNIT_VHOST_SCSI_KERNEL_H
#define TESTS_UNIT_VHOST_SCSI_KERNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/vhost.h>

#include "error_text.h"
#include "transport/vhost_scsi/endpoint.h"
#include "transport/vhost_scsi/vhost_scsi.h"
#include "util/bits.h"

#define NAME    "naa.5001405000000001"
#define RINGS   5u /* control, event, and three for requests */
#define ENTRIES 16u

/* One virtqueue as the kernel has it; @position: the next available index that it reads. */
struct kernel_ring {
	struct vhost_vring_addr addr;
	unsigned size;
	unsigned base;
	unsigned position;
	int kick;
	int call;
};

/**
 * struct kernel - The kernel
 * @open_errno: why the device can't be opened, 0: it can
 * @fail, @fail_errno: a request that fails; @fail_skip: after so many of its kind that did not
 * @vrings: virtqueues that the module has
 * @most_regions: that a table may have
 * @fd: the open device, -1: none; @opened, @closed: how often it was
 * @owned, @set: it has an owner, an endpoint
 * @may_wait: requests may wait for what is in flight
 * @waited: how often they did
 * @features: that were set
 * @regions, @nregions: the table
 * @rings: virtqueues
 * @calls, @ncalls: all requests in order
 */
struct kernel {
	int open_errno;
	unsigned long fail;
	int fail_errno;
	unsigned fail_skip;
	unsigned vrings;
	unsigned most_regions;
	int fd;
	unsigned opened;
	unsigned closed;
	bool owned;
	bool set;
	bool may_wait;
	unsigned waited;
	uint64_t features;
	struct vhost_memory_region regions[64];
	unsigned nregions;
	struct kernel_ring rings[VS_MAX_VRINGS];
	unsigned long calls[256];
	unsigned ncalls;
};

extern struct kernel kernel;

/* Whether a call, by its name for the linker, is to fail with the errno that is set; NULL: none. */
extern bool (*kernel_fails)(const char *call);

/* Makes the kernel as it should be. */
void kernel_init(void);

/* How often a request was made. */
unsigned kernel_count(unsigned long request);

/**
 * struct bench - A transport, and memory with its rings
 * @region: that memory
 * @avail, @used: indices of the rings
 */
struct bench {
	struct transport *t;
	struct dma_region region;
	struct vring_avail *avail[RINGS];
	struct vring_used *used[RINGS];
};

/* Makes the kernel as it should be, and opens NAME with calls that wait. */
void bench_open(struct bench *b);

/* Negotiates, shows the memory and starts all rings; then bench_run() sets DRIVER_OK. */
void bench_start(struct bench *b);
void bench_run(struct bench *b);

/* bench_open(), bench_start() and bench_run(). */
void bench_running(struct bench *b);

/* Closes the transport; nothing may stay open. */
void bench_close(struct bench *b);

/* A virtqueue of the bench, to be started. */
struct transport_queue bench_queue(const struct bench *b, unsigned index);

/* A request more in a ring: the driver gives it, the kernel gives it back. */
void bench_give(struct bench *b, unsigned index);
void bench_end(struct bench *b, unsigned index);

/* Whether an eventfd was signalled; it isn't afterwards. */
bool was_signalled(int fd);

int drain_tests(void);
int open_tests(void);
int start_tests(void);
int table_tests(void);

#endif
