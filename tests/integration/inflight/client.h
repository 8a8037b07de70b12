/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user client without the library, with full access to its rings and the in-flight area: it
 * survives the target, and can send invalid areas.
 */
#ifndef INFLIGHT_CLIENT_H
#define INFLIGHT_CLIENT_H

#include <stdarg.h>
#include <stdbool.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../target.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define TEST(name)   cmocka_unit_test_setup(name, client_clean)

#define RINGS        3 /* control, events, requests */
#define CONTROL      0
#define EVENTS       1
#define REQUESTS     2
#define ENTRIES      32 /* per ring */
#define BUFFERS      10 /* requests in flight per ring, with three descriptors each */

/* vhost-user, "Front-end message types" */
#define SET_FEATURES    2
#define RESET_OWNER     4
#define GET_VRING_BASE  11
#define SET_VRING_KICK  12
#define GET_INFLIGHT_FD 31
#define SET_INFLIGHT_FD 32

/* vhost-user, "Inflight I/O tracking"; there is no implicit padding. */
struct split_state {
	uint8_t inflight;
	uint8_t padding[5];
	uint16_t next;
	uint64_t counter;
};

struct split_area {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t last_batch_head;
	uint16_t used_idx;
	struct split_state desc[ENTRIES];
	uint8_t padding[48];
};

struct packed_state {
	uint8_t inflight;
	uint8_t padding;
	uint16_t next;
	uint16_t last;
	uint16_t num;
	uint64_t counter;
	uint16_t id;
	uint16_t flags;
	uint32_t len;
	uint64_t addr;
};

struct packed_area {
	uint64_t features;
	uint16_t version;
	uint16_t desc_num;
	uint16_t free_head;
	uint16_t old_free_head;
	uint16_t used_idx;
	uint16_t old_used_idx;
	uint8_t used_wrap_counter;
	uint8_t old_used_wrap_counter;
	uint8_t padding[10];
	struct packed_state desc[ENTRIES];
	uint8_t guard[32];
};

/* The payload of both messages. */
struct inflight {
	uint64_t size;
	uint64_t offset;
	uint16_t queues;
	uint16_t entries;
	uint32_t padding;
};

/* The driver's side of a ring. */
struct driver {
	uint16_t avail;
	uint16_t used;
	bool avail_wrap;
	bool used_wrap;
	int kick;
	unsigned order[BUFFERS]; /* buffers in flight, the oldest first */
	unsigned in_flight;
	unsigned ahead; /* buffers used in the same batch as the one taken last */
};

struct client {
	struct target target;
	const char *mode; /* the target's --mode */
	bool packed;
	bool in_order;
	bool tables;          /* writes use indirect tables, */
	uint16_t table_flags; /* with these extra flags in all entries; in split rings the last */
	int fd;               /* the connection, or -1 */
	int memory;
	char *shared;
	struct driver rings[RINGS];
	int area; /* -1: no area is sent */
	struct inflight inflight;
	union { /* the part of the area for the three rings */
		struct split_area *split;
		struct packed_area *packed_area;
		char *mapped;
	};
};

/* A write request. */
struct write_op {
	uint8_t lba;
	uint8_t fill; /* the value of all bytes */
};

/* client_start - start a target with a unit of 1 MiB in a file; does not connect. */
void client_start(struct client *c, bool packed, bool in_order, const char *mode);

/* client_restart - wait for the target, which was killed or dies, and start it again. */
void client_restart(struct client *c);

/* client_clean - before each test: stop the target of a test that failed. */
int client_clean(void **state);

/* client_end - stop everything. Fails the test unless the target exits cleanly. */
void client_end(struct client *c);

/* client_connect - connect and do the handshake, up to rings and area. */
void client_connect(struct client *c);

/* client_close - close the connection, keeping rings and area. */
void client_close(struct client *c);

/* client_lost - wait for the target to close the connection; returns whether it does. */
bool client_lost(struct client *c);

/* client_send - send a message, with @fd unless it is -1. Returns the acknowledgement. */
uint64_t client_send(struct client *c, uint32_t request, const void *payload, uint32_t size,
		     int fd);

/* client_request - send a message with a reply, which is stored in @payload. */
bool client_request(struct client *c, uint32_t request, void *payload, uint32_t size, int *fd);

/* client_make_area - request an area from the target, and map it. */
void client_make_area(struct client *c);

/* client_own_area - create an empty area without seals. */
void client_own_area(struct client *c);

/* client_set_area - send the area. Returns the acknowledgement. */
uint64_t client_set_area(struct client *c);

/* client_start_ring - start and enable a ring. Returns the acknowledgement of the start. */
uint64_t client_start_ring(struct client *c, unsigned index);

/* client_begin - send the area, if there is one, and start all rings. */
void client_begin(struct client *c);

/* client_begin_with_new_area - the same with a new area from the target. */
void client_begin_with_new_area(struct client *c);

/* client_reset_rings - reset the rings to their initial state; there must be no connection. */
void client_reset_rings(struct client *c);

/* client_write - make a write available in @buffer, without a kick. */
void client_write(struct client *c, unsigned buffer, struct write_op op);

/* client_whole_ring - skip a batch as long as a packed ring. */
void client_whole_ring(struct client *c, unsigned ring);

/* client_reset_unit - the same for a LOGICAL UNIT RESET on the control queue. */
void client_reset_unit(struct client *c, unsigned buffer);

/* client_event - the same for a buffer of the event queue. */
void client_event(struct client *c, unsigned buffer);

void client_kick(struct client *c, unsigned ring);

/* client_used - wait for the next used buffer. */
unsigned client_used(struct client *c, unsigned ring);

/* client_idle - whether there is no used buffer to take. */
bool client_idle(const struct client *c, unsigned ring);

/* client_in_flight - number of requests in flight according to the area. */
unsigned client_in_flight(const struct client *c, unsigned ring);

/*
 * client_completed - wait until nothing is in flight according to the area; returns whether that
 * happens.
 */
bool client_completed(const struct client *c, unsigned ring);

/* client_buffer - a buffer's memory, which starts with the response or event. */
char *client_buffer(const struct client *c, unsigned ring, unsigned buffer);

/* client_expect_block - check that a block of the unit has these bytes. */
void client_expect_block(unsigned lba, uint8_t fill);

/* client_run - run a program's tests in a new directory. Returns main()'s result. */
int client_run(const char *name, const struct CMUnitTest *tests, size_t count);

#endif
