/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rig from the inside. One recursive lock guards all of it; the rig's thread holds it while it
 * handles a message or a kick, and every public function takes it.
 */
#ifndef TESTS_RIG_INTERNAL_H
#define TESTS_RIG_INTERNAL_H

#include <pthread.h>

#include "device/ring.h"
#include "rig/rig.h"

#define WAIT_MS       10000
#define MAX_FAULTS    16
#define FIRST_RECORDS 64
#define MAX_REGIONS   64

struct header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};

/* A message and what is to be answered. */
struct message {
	struct header head;
	uint8_t payload[RIG_MAX_PAYLOAD];
	int fds[RIG_MAX_FDS];
	unsigned nfds;
	unsigned first_nfds;
};

struct answer {
	bool wanted;
	struct header head;
	uint8_t payload[RIG_MAX_PAYLOAD];
	uint32_t len; /* bytes of payload that are really sent */
	unsigned nfds;
	int file; /* what the descriptors are of; 0: some file */
	unsigned times;
};

struct region {
	uint64_t guest;
	uint64_t size;
	uint64_t user;
	uint64_t offset;
	char *map; /* of the file from its first byte on */
};

/**
 * struct area - The file that a back-end asks to be kept for it (vhost-user, GET_INFLIGHT_FD)
 * @fd: -1: none was asked for. It outlives connections, as this is every process that comes next
 * @queues, @entries: numbers that it was asked for with
 * @set: it was handed back on this connection
 * @stale: a reset came after that
 */
struct area {
	int fd;
	uint16_t queues;
	uint16_t entries;
	bool set;
	bool stale;
};

/**
 * struct ring - A ring and the device's side of it
 * @base: what SET_VRING_BASE said
 * @put: used entries since the last call
 */
struct ring {
	struct ring_device dev;
	unsigned size;
	uint32_t base;
	bool have_num, have_base, have_addr;
	bool started, enabled;
	int kick, call, err;
	uint64_t kicks;
	unsigned put;
};

struct rig {
	struct rig_opts opts;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	int wake;
	int listener;
	int fd;     /* our end of the main socket, -1 for none */
	int theirs; /* the front-end's end until it is taken */
	int channel;
	bool stopping;
	bool released;
	bool stalled;
	bool settling; /* a thread waits until the rig's has nothing to do */
	char address[128];
	char violation[512];
	bool violated, fetched;

	struct rig_record *records;
	unsigned count;
	unsigned connection;
	struct rig_fault faults[MAX_FAULTS];
	unsigned nfaults;

	uint64_t features;
	uint64_t protocol;
	bool owner;
	uint8_t status;
	bool used_table, used_slots;
	struct region regions[MAX_REGIONS];
	unsigned nregions;
	struct ring rings[RIG_MAX_RINGS];
	struct area area;
};

/* Keeps the first broken rule. */
void rig_violate(struct rig *rig, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline void rig_lock(struct rig *rig)
{
	pthread_mutex_lock(&rig->lock);
}

static inline void rig_unlock(struct rig *rig)
{
	pthread_mutex_unlock(&rig->lock);
}

/* Wakes every thread that waits for a change. */
void rig_changed(struct rig *rig);

/* Waits for a change, until the test's limit; fails the test then. Returns false after a stop. */
bool rig_wait(struct rig *rig, const char *what);

/* wire.c */
bool wire_read_head(int fd, struct message *m, size_t limit);
bool wire_read_payload(int fd, struct message *m, size_t limit);
/* @file: what the descriptors are of; 0: some file. */
bool wire_write(int fd, const void *bytes, size_t len, unsigned nfds, int file, bool bytewise);
void wire_close_fds(struct message *m);

/* script.c */
struct rig_fault script_next(struct rig *rig, uint32_t request);
bool script_is_unread(struct rig *rig);
void script_stall(struct rig *rig);
void script_answer(struct rig *rig, const struct rig_fault *fault, struct answer *a);

/* grammar.c: what may be sent when; false for a message that can't be acted upon */
bool grammar_check(struct rig *rig, const struct message *m);
bool grammar_has_answer(uint32_t request);

/* answer.c: does what a message asks and fills in the answer */
void answer_message(struct rig *rig, struct message *m, struct answer *a);

/* memory.c */
int memory_table(struct rig *rig, struct message *m);
int memory_add(struct rig *rig, struct message *m);
int memory_remove(struct rig *rig, const struct message *m);
void memory_free(struct rig *rig);

/* vring.c: messages about rings; ring.c: the rings */
int vring_message(struct rig *rig, struct message *m);
void vring_stop(struct ring *ring);
void vring_free(struct rig *rig);
uint32_t ring_base(const struct ring *ring);
void ring_kicked(struct rig *rig, unsigned queue);

/* inflight.c */
void inflight_give(struct rig *rig, const struct message *m, struct answer *a);
int inflight_take(struct rig *rig, const struct message *m);
void inflight_ring(struct rig *rig, unsigned index);
void inflight_reset(struct rig *rig);
void inflight_hang_up(struct rig *rig);
void inflight_free(struct rig *rig);

/* framing.c */
void framing_check(struct rig *rig, unsigned queue, const struct rig_chain *chain);

#endif
