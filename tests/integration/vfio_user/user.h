/* SPDX-License-Identifier: BSD-3-Clause */
/* A server, a device opened on it, its disk and a queue. Everything that fails fails the test. */
#ifndef INTEGRATION_VFIO_USER_USER_H
#define INTEGRATION_VFIO_USER_USER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <vscsi/vscsi.h>

#include "conforms.h"
#include "vfio_user/server.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define DISK_BYTES   (UINT64_C(4) << 20)
#define BLOCK        512u
#define LIMIT_MS     60000

/* What servers are like that others have written. */
struct person {
	const char *name;
	unsigned habits;
	uint64_t features;
	unsigned queues;
	unsigned vectors;
	unsigned config_size;
	unsigned max_fds;
};

#define PERSONS 5
extern const struct person persons[PERSONS];

struct user {
	char folder[64];
	char address[160];
	struct server *server;
	struct vscsi_dev *dev;
	struct vscsi_lun *lun;
	struct vscsi_queue *queue;
};

int user_begin(void **state);
int user_end(void **state);

/* A server that isn't started yet. */
void user_person(struct user *u, const struct person *person);

/* Opens the device with these options, "?..." or empty, and its disk. */
void user_open(struct user *u, const char *options);
void user_close(struct user *u);

/* DMA memory with a pattern in it, and whether the disk has it from a byte on. */
char *user_memory(struct user *u, size_t bytes, unsigned seed);
void user_fill(char *at, size_t bytes, unsigned seed);

/* Polls until @count requests have completed, each with @result. */
void user_collect(struct user *u, unsigned count, int result);

uint64_t user_ms(void);

int io_tests(void);
int loss_tests(void);

#endif
