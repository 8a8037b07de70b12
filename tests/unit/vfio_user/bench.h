/* SPDX-License-Identifier: BSD-3-Clause */
/* A server in a thread, and a transport on it. */
#ifndef TESTS_UNIT_VFIO_USER_BENCH_H
#define TESTS_UNIT_VFIO_USER_BENCH_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conforms.h"
#include "transport/pci/function.h"
#include "transport/transport.h"
#include "transport/vfio_user/session.h"
#include "transport/vfio_user/vfio_user.h"
#include "util/bits.h"
#include "util/error.h"
#include "vfio_user/server.h"

/* Longer than anything takes. */
#define AMPLE_MS   60000u

#define QUEUE_SIZE 16u
#define MEMORY     (64u << 10)

struct bench {
	char folder[64];
	char address[160];
	struct server *server;
	struct transport *t;
	char *memory;
	struct dma_region region;
	bool mapped;
};

/* While this is false, whatever sleeps fails the test. */
extern bool bench_may_sleep;

int bench_begin(void **state);
int bench_end(void **state);

/* Opens the device; bench_open() fails the test when that fails. */
int bench_try(struct bench *b, unsigned timeout_ms);
void bench_open(struct bench *b);
void bench_close(struct bench *b);

/* Waits until a server that fell silent has noticed that this client is gone. */
void bench_settle(struct bench *b);

/*
 * What a driver does from a connection to a device that runs with six queues, one step at a time,
 * each an operation of the transport. Return: its result, 1 when there is no such step.
 */
int bench_step(struct bench *b, unsigned step);

/* All of them, by calls that wait or don't, as @wait of the transport says. */
int bench_run(struct bench *b);

/* Starts the server, and brings the device to where it runs. */
void bench_start(struct bench *b);

/* Repeats a call that doesn't wait until it ends, and sleeps between two of them. */
int bench_repeat(struct bench *b, int (*call)(struct bench *b, unsigned arg), unsigned arg);

/* The connection. */
static inline struct vfu *bench_session(struct bench *b)
{
	return vfu_of(pci_of(b->t)->bus);
}

int habits_tests(void);
int hostile_tests(void);
int kick_tests(void);
int nowait_tests(void);

#endif
