/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user client without the library, which sees all of its rings and of the in-flight area:
 * it survives the target, and may lie in what it hands over.
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
#define ENTRIES      32 /* of each ring */
#define BUFFERS      10 /* requests that can be under way in a ring, of three descriptors each */

/* vhost-user, "Front-end message types" */
#define SET_FEATURES    2
#define RESET_OWNER     4
#define GET_VRING_BASE  11
#define SET_VRING_KICK  12
#define GET_INFLIGHT_FD 31
#define SET_INFLIGHT_FD 32

/* vhost-user, "Inflight I/O tracking"; no word is where the compiler would put padding. */
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
	uint8_t behind[32];
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
	unsigned order[BUFFERS]; /* buffers made available and not used, the oldest first */
	unsigned under_way;
	unsigned ahead; /* of them, used together with one that was taken already */
};

struct client {
	struct target target;
	const char *mode; /* the target's --mode */
	bool packed;
	bool in_order;
	bool tables; /* writes are in indirect tables, */
	uint16_t
		table_flags; /* whose entries have these flags, too: all; in split rings the last */
	int fd;              /* the connection, -1 without */
	int memory;
	char *shared;
	struct driver rings[RINGS];
	int area; /* -1: none is handed over */
	struct inflight inflight;
	union { /* as much of the area as there is for the three rings */
		struct split_area *split;
		struct packed_area *packed_area;
		char *mapped;
	};
};

/* What stands in a request of the request queue. */
struct write_op {
	uint8_t lba;
	uint8_t fill; /* the block's bytes */
};

/* client_start - start a target with one unit of a megabyte in a file; nothing is connected. */
void client_start(struct client *c, bool packed, bool in_order, const char *mode);

/* client_restart - the target was killed, or killed itself: wait for that, and start it again. */
void client_restart(struct client *c);

/* client_clean - before each test: end the target of one that failed. */
int client_clean(void **state);

/* client_end - end all there is. Fails the test unless the target ends as it should. */
void client_end(struct client *c);

/* client_connect - do the handshake, up to what comes before rings and area. */
void client_connect(struct client *c);

/* client_close - close the connection. Rings and area stay. */
void client_close(struct client *c);

/* client_lost - whether the target has closed the connection; waits for it if need be. */
bool client_lost(struct client *c);

/* client_send - send a message with @fd unless it is -1. Returns what it was acknowledged with. */
uint64_t client_send(struct client *c, uint32_t request, const void *payload, uint32_t size,
		     int fd);

/* client_ask - send a message that has an answer, which is at @payload afterwards. */
bool client_ask(struct client *c, uint32_t request, void *payload, uint32_t size, int *fd);

/* client_make_area - have the target make an area, and map it. */
void client_make_area(struct client *c);

/* client_own_area - an area without seals, empty, of our own. */
void client_own_area(struct client *c);

/* client_set_area - hand the area over. Returns the acknowledgement. */
uint64_t client_set_area(struct client *c);

/* client_start_ring - start and enable a ring. Returns what its start was acknowledged with. */
uint64_t client_start_ring(struct client *c, unsigned index);

/* client_begin - all that comes before requests: the area, if there is one, and all rings. */
void client_begin(struct client *c);

/* client_begin_anew - the same with a new area, which the target makes. */
void client_begin_anew(struct client *c);

/* client_forget - rings as at the very first; no connection may be open. */
void client_forget(struct client *c);

/* client_write - make a write available in @buffer, without a kick. */
void client_write(struct client *c, unsigned buffer, struct write_op op);

/* client_whole_lap - a packed ring all of whose entries were used at once, and so are behind us. */
void client_whole_lap(struct client *c, unsigned ring);

/* client_reset_unit - the same for a LOGICAL UNIT RESET, on the control queue. */
void client_reset_unit(struct client *c, unsigned buffer);

/* client_event - the same for a buffer of the event queue. */
void client_event(struct client *c, unsigned buffer);

void client_kick(struct client *c, unsigned ring);

/* client_used - wait for the next used buffer. */
unsigned client_used(struct client *c, unsigned ring);

/* client_idle - whether the target has used no buffer that was not taken yet. */
bool client_idle(const struct client *c, unsigned ring);

/* client_marked - how many requests the area says are in flight. */
unsigned client_marked(const struct client *c, unsigned ring);

/* client_settled - whether the area says that nothing is under way, and will soon enough. */
bool client_settled(const struct client *c, unsigned ring);

/* client_buffer - where a buffer's memory is: the response or event at its start. */
char *client_buffer(const struct client *c, unsigned ring, unsigned buffer);

/* client_expect_block - check that a block of the unit has these bytes. */
void client_expect_block(unsigned lba, uint8_t fill);

/* client_run - run a program's tests in a folder of their own. Returns what main() does. */
int client_run(const char *name, const struct CMUnitTest *tests, size_t count);

#endif
