/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vfio-user server for tests: a virtio-scsi PCI function served by a socket, with one disk, as a
 * thread or as a process. It has the habits of the servers that there are, one by one, checks what
 * the client sends, and can be told to misbehave at any message.
 *
 * It shares no code with the library: numbers and layouts are written down a second time on
 * purpose. Its state lies in memory that a forked server shares with the test. Fields are written
 * before the server starts, or are atomic.
 */
#ifndef TESTS_VFIO_USER_SERVER_H
#define TESTS_VFIO_USER_SERVER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "device/disk.h"
#include "device/ring.h"

/* Commands. */
#define SERVER_ANY         0u /* in a fault: every one */
#define SERVER_VERSION     1u
#define SERVER_DMA_MAP     2u
#define SERVER_DMA_UNMAP   3u
#define SERVER_INFO        4u
#define SERVER_REGION_INFO 5u
#define SERVER_IRQ_INFO    7u
#define SERVER_SET_IRQS    8u
#define SERVER_READ        9u
#define SERVER_WRITE       10u
#define SERVER_RESET       13u

/* Habits, a set. */
#define SERVER_NEEDS_PLACE    (1u << 0)  /* BARs without addresses or memory space don't answer */
#define SERVER_FORGETS        (1u << 1)  /* a reset takes addresses, command register and MSI-X */
#define SERVER_NEEDS_ENABLE   (1u << 2)  /* interrupts need MSI-X Enable */
#define SERVER_NEEDS_UNMASK   (1u << 3)  /* interrupts need ACTION_UNMASK */
#define SERVER_ZEROES         (1u << 4)  /* queue_enable zeroes the driver's index */
#define SERVER_WEDGES         (1u << 5)  /* status 0 with requests in flight is the end */
#define SERVER_NEEDS_PLATFORM (1u << 6)  /* FEATURES_OK needs ACCESS_PLATFORM */
#define SERVER_LAZY           (1u << 7)  /* responses are written in part */
#define SERVER_POLLS          (1u << 8)  /* rings are looked at all the time, no kicks wanted */
#define SERVER_MAPPABLE       (1u << 9)  /* a part of the BAR can be mapped */
#define SERVER_ECHOES         (1u << 10) /* error answers have a body */
#define SERVER_NO_RESET       (1u << 11) /* there is no DEVICE_RESET */
#define SERVER_ALL_QUEUES     (1u << 12) /* the configuration counts control and event queue */

/* What may be wrong with an answer. */
enum server_fault {
	SERVER_GOOD,
	SERVER_SILENT, /* none comes, of this and all later messages */
	SERVER_HANGS_UP,
	SERVER_HALF_HEAD,  /* half a header, and nothing more */
	SERVER_HALF_BODY,  /* the last byte is missing */
	SERVER_SHORT,      /* a body that is too short, as the header says */
	SERVER_LONG,       /* more bytes than are due, as the header says */
	SERVER_TINY,       /* a size below that of the header */
	SERVER_HUGE,       /* a size beyond all bounds */
	SERVER_PIECES,     /* byte for byte */
	SERVER_ERROR,      /* an error without a body */
	SERVER_ERROR_BODY, /* an error with one */
	SERVER_ERROR_ZERO, /* an error without a number */
	SERVER_WRONG_ID,
	SERVER_WRONG_COMMAND,
	SERVER_WRONG_PLACE, /* the answer of another register or region */
	SERVER_REQUEST,     /* a request instead */
	SERVER_TWICE,
	SERVER_FD,       /* a descriptor that is not due */
	SERVER_MANY_FDS, /* more than fit */
	SERVER_FAULTS,
};

#define SERVER_QUEUES  66u
#define SERVER_VECTORS 64u
#define SERVER_MAPS    64u
#define SERVER_HELD    64u

struct server_queue {
	uint16_t size;
	uint16_t vector;
	uint16_t enable;
	uint32_t address[6];
	struct ring_device ring;
	_Atomic unsigned kicks;
};

struct server_map {
	uint64_t iova;
	uint64_t len;
	char *at;
	size_t bytes;
};

struct server_held {
	unsigned queue;
	struct device_chain chain;
	struct device_elem elems[64];
};

/**
 * struct server - The server
 *
 * To be set between server_new() and server_start():
 * @habits, @features, @queues, @queue_max: what the function is like; @queues of all kinds
 * @vectors: of MSI-X
 * @config_size: bytes of configuration space
 * @max_fds: as it says of itself; 0: it says nothing
 * @minor: version that it answers with
 * @disk: of LUN 0:0
 *
 * At any time, atomically:
 * @fault, @fault_command, @fault_skip: do this at the so-many-th such message from now on
 * @gated: before each answer it waits for @gate
 * @hold: requests are kept in flight until server_release()
 *
 * What it counts:
 * @broken: the first rule that the client broke; empty: none
 * @messages, @kicks, @resets, @connections
 * @trace: a hash of all messages, kicks excepted
 * @asked_fds: how often it had to give a file
 * @held: requests in flight
 * @silent: it answers nothing any more on this connection
 */
struct server {
	char path[108];
	_Atomic unsigned habits;
	uint64_t features;
	unsigned queues;
	uint16_t queue_max;
	unsigned vectors;
	unsigned config_size;
	_Atomic unsigned max_fds;
	uint16_t minor;
	struct disk disk;
	unsigned fault;
	unsigned fault_command;
	_Atomic unsigned fault_skip;
	bool gated;
	sem_t gate;
	bool hold;
	char broken[160];
	unsigned messages;
	_Atomic uint64_t trace;
	unsigned kicks;
	unsigned resets;
	unsigned connections;
	unsigned asked_fds;
	unsigned held;

	/* The server's own. */
	pthread_t thread;
	pid_t pid;
	int listener;
	int fd;
	int wake;
	bool threaded;
	bool stopping;
	_Atomic bool silent;
	bool versioned;
	_Atomic bool unmasked;
	uint8_t config[4096];
	uint32_t device_select;
	uint32_t driver_select;
	uint64_t accepted;
	uint16_t config_vector;
	uint16_t select;
	uint8_t status;
	uint8_t generation;
	uint8_t device[36];
	struct server_queue rings[SERVER_QUEUES];
	struct server_map maps[SERVER_MAPS];
	_Atomic int irqs[SERVER_VECTORS];
	struct server_held holds[SERVER_HELD];
};

/* A function as QEMU's and SPDK's are where they agree; the socket's path is @path. */
struct server *server_new(const char *path);

/* Gives it @bytes of disk, shared with the test. */
void server_disk(struct server *server, uint64_t bytes);

/* Starts it as a thread, or as a process; it listens when this returns. */
void server_start(struct server *server);
void server_fork(struct server *server);

/* Ends the thread, or kills the process. server_new() is undone by server_free(). */
void server_stop(struct server *server);
void server_kill(struct server *server);
void server_free(struct server *server);

/* From the so-many-th (0: the next) message of a command on, its answer is like this. */
void server_misbehave(struct server *server, unsigned command, unsigned skip, unsigned fault);

/* Lets one answer go, or all from now on. */
void server_answer(struct server *server);
void server_open_gate(struct server *server);

/* Executes what is held. */
void server_release(struct server *server);

/* -- function.c -- */

void server_reset_function(struct server *s, bool all);
void server_build(struct server *s);

/* One access. Return: false: it isn't answered. */
bool server_access(struct server *s, bool write, unsigned region, uint64_t offset, unsigned width,
		   uint8_t *data);

/* Notes a rule that the client broke. */
void server_broken(struct server *s, const char *rule);

/* -- request.c -- */

/* What a client gave it: rings, memory and interrupts. */
void server_forget(struct server *s);

/* -- rings.c -- */

void *server_at(struct server *s, uint64_t iova, uint64_t len);
void server_start_ring(struct server *s, unsigned index);
void server_stop_rings(struct server *s);
void server_serve(struct server *s, unsigned index);
void server_finish_held(struct server *s);

#endif
